"""The data of a rehearsal: three concerts, three artists, and the rows that the star gets from them."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from include.lake.certificate import Certificate, Scope
from include.lake.lake import Lake
from include.lake.parts import put_parts
from include.lake.runs import run_id
from include.sources.identity import artist_key, name_key, namesake_key, song_key
from include.sources.lastfm.rows import SongRow
from include.sources.ticketmaster.rows import EventRow
from include.warehouse.pairing import Load
from include.warehouse.tables import DATASETS

_CONCERTS = {"e1": ("Abel", "Eve"), "e2": ("Abel",), "e3": ()}
_SONGS = {"Abel": ("Über", "Second", "Third"), "Enoch": ("Only", "Other")}
EXPECTED_STAR = {
    "dim_songs": 5,
    "fact_songs": 5,
    "dim_concerts": 3,
    "bridge_concert_artists": 3,
    "fact_artists": 3,
}
"""Number of rows in the star, by table."""


def loads(now: datetime) -> tuple[Load, Load]:
    """A good load of yesterday, and a spoiled one of today with new events."""
    yesterday, today = run_id(now - timedelta(days=1)), run_id(now)
    return Load(yesterday, yesterday, DATASETS), Load(today, yesterday, ("events",))


def land(lake: Lake, now: datetime) -> None:
    """Lands the runs of both loads; in the spoiled one, two concerts have an unknown status: one would only warn."""
    at = now.replace(microsecond=0)
    for dataset in DATASETS:
        _land(lake, dataset, at - timedelta(days=1))
    _land(lake, "events", at, spoiled=True)


def expected_values(now: datetime) -> tuple[list[datetime], list[str]]:
    """When the good load's concerts start, to the microsecond, and the names of its songs, one not in ASCII."""
    yesterday = now.replace(microsecond=0, tzinfo=None) - timedelta(days=1)
    return [_starts_at(yesterday)], sorted(song for songs in _SONGS.values() for song in songs)


def _land(lake: Lake, dataset: str, at: datetime, spoiled: bool = False) -> None:
    run, seen = run_id(at), at.replace(tzinfo=None)
    scope = Scope(("US",), horizon_days=365 if dataset == "events" else None)
    horizon = (seen + timedelta(365)).date()
    lake.put_certificate(
        Certificate(dataset=dataset, run=run, scope=scope, complete=True, horizon_date=horizon)
    )
    kind = EventRow if dataset == "events" else SongRow
    rows: list[Any] = _events(seen, spoiled) if dataset == "events" else _songs(seen)
    lake.put_manifest(dataset, run, kind, put_parts(lake, dataset, run, kind, rows))


def _events(seen: datetime, spoiled: bool) -> list[EventRow]:
    rows = []
    for concert, billed in _CONCERTS.items():
        about = _nothing(EventRow) | {
            "snapshot_at": seen,
            "country_code": "US",
            "event_id": concert,
            "event_name": f"Night of {concert}",
            "status": "sold out" if spoiled and concert in ("e1", "e2") else "onsale",
            "local_date": (seen + timedelta(30)).date(),
            "starts_at": _starts_at(seen),
            "venue_id": "v1",
            "venue_name": "The Hall",
            "venue_city": "Springfield",
            "venue_country_code": "US",
        }
        about |= dict.fromkeys(
            ("date_tba", "date_tbd", "time_tba", "no_specific_time", "spans_multiple_days"), False
        )
        for position, name in enumerate(billed, 1):
            keys = {
                "artist_key": artist_key(name),
                "name_key": name_key(name),
                "namesake_key": namesake_key(name, None),
            }
            rows.append(
                EventRow(
                    **about | keys | {"artist_position": position, "attraction_id": name, "artist_name": name}
                )
            )
        if not billed:
            rows.append(EventRow(**about))
    return rows


def _starts_at(seen: datetime) -> datetime:
    return seen + timedelta(30, microseconds=5)


def _songs(seen: datetime) -> list[SongRow]:
    rows = []
    for chart_rank, (name, songs) in enumerate(_SONGS.items(), 1):
        key = artist_key(name)
        for song_rank, song in enumerate(songs, 1):
            about = {
                "snapshot_at": seen,
                "asked_name": name,
                "asked_key": key,
                "artist_name": name,
                "artist_key": key,
            }
            chart = {
                "name_key": name_key(name),
                "chart_countries": "US",
                "chart_rank": chart_rank,
                "chart_listeners": 9,
            }
            figures = {"song_rank": song_rank, "play_count": 100 // song_rank, "listeners": 9}
            named = {"song_name": song, "song_key": song_key(key, song)}
            rows.append(SongRow(**_nothing(SongRow) | about | chart | named | figures))
    return rows


def _nothing(row_type: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: None for field in msgspec.structs.fields(row_type)}
