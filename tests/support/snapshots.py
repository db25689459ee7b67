"""Small snapshots of both sources, landed as the ingestion lands them, and the star built from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from include.lake.certificate import Certificate, Scope
from include.lake.lake import Lake
from include.lake.parts import put_parts
from include.lake.rejected import RejectedRecord, rejecting
from include.lake.runs import run_instant
from include.orchestration.connections import redshift_engine_arguments
from include.quality.engine import Engine
from include.sources.identity import artist_key, name_key, namesake_key, song_key
from include.sources.lastfm.rows import SongRow
from include.sources.ticketmaster.rows import EventRow
from include.warehouse import ledger, next_load
from include.warehouse import load as warehouse
from include.warehouse.pairing import Load
from include.warehouse.tables import BUILT, DATASETS, STAR
from include.warehouse.transactions import transaction

ROLE = "arn:aws:iam::123456789012:role/musician-warehouse-copy"


@dataclass(frozen=True)
class Concert:
    """A concert as one events run saw it; `artists` are names, or (name, MusicBrainz id)."""

    id: str
    artists: Sequence[str | tuple[str, str | None]] = ()
    status: str | None = "onsale"
    local_date: date | None = date(2027, 1, 15)
    name: str = "A night out"
    price_min: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other columns of its rows."""


@dataclass(frozen=True)
class Artist:
    """An artist as one songs run saw it: songs are its top tracks' names, with 1,000 plays for the first."""

    name: str
    songs: Sequence[str] = ("First", "Second")
    mbid: str | None = None
    rank: int | None = 1
    plays: int = 1_000
    asked: str | None = None
    """The requested name, where Last.fm corrected it."""


def land_events(
    lake: Lake,
    run: str,
    concerts: Sequence[Concert],
    complete: bool = True,
    countries: Sequence[str] = ("US",),
    rejected: Sequence[str] = (),
    horizon_days: int = 365,
) -> None:
    """Writes parts, rejected records, certificate and manifest of an events run."""
    rows = [row for concert in concerts for row in _event_rows(run, concert)]
    with rejecting() as file:
        for position, concert_id in enumerate(rejected):
            file.add(RejectedRecord("unknown_status", "sold", concert_id, position, "s3://bucket/raw"))
        file.put(lake, "events", run)
    entries = put_parts(lake, "events", run, EventRow, rows)
    lake.put_certificate(
        Certificate(
            dataset="events",
            run=run,
            scope=Scope(tuple(countries), horizon_days=horizon_days),
            complete=complete,
            horizon_date=date(2027, 11, 22),
        )
    )
    lake.put_manifest("events", run, EventRow, entries)


def land_songs(
    lake: Lake,
    run: str,
    artists: Sequence[Artist],
    complete: bool = True,
    countries: Sequence[str] = ("US",),
    scope: Scope | None = None,
) -> None:
    """Writes parts, certificate and manifest of a songs run."""
    rows = [row for artist in artists for row in _song_rows(run, artist)]
    entries = put_parts(lake, "songs", run, SongRow, rows)
    lake.put_certificate(
        Certificate(dataset="songs", run=run, scope=scope or Scope(tuple(countries)), complete=complete)
    )
    lake.put_manifest("songs", run, SongRow, entries)


def pending_loads(connection: Any, lake: Lake) -> list[Load]:
    """The loads that are waiting, oldest first; none if the ledger knows every manifest that has a partner."""
    with transaction(connection) as cursor:
        known = ledger.read_ledger(cursor)
    return next_load.find_loads(ledger.landed(lake), known, lake)


def judged_at(load: Load) -> datetime:
    """When the tests judge a load: an hour after the later of its runs."""
    return run_instant(max(load.events, load.songs)) + timedelta(hours=1)


def engine() -> Engine:
    """The audit's access to the sandbox's Redshift."""
    return Engine(*redshift_engine_arguments())


def build_load(redshift: Any, lake: Lake, load: Load) -> None:
    """Stages and builds a load, ready for its audit."""
    next_load.begin(redshift, lake, load, judged_at(load))
    for dataset in DATASETS:
        warehouse.stage(redshift, lake, load, dataset, ROLE)
    for table in BUILT:
        warehouse.build(redshift, load, table)


def publish_pending(redshift: Any, lake: Lake) -> list[dict[str, dict[str, int]]]:
    """Builds and publishes every pending load without an audit; returns what each changed."""
    changes = []
    while loads := pending_loads(redshift, lake):
        build_load(redshift, lake, loads[0])
        changes.append(warehouse.publish(redshift, loads[0]))
    return changes


def rows(redshift: Any, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with transaction(redshift) as cursor:
        cursor.execute(query)
        return [tuple(row) for row in cursor.fetchall()]


def star(redshift: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The whole content of every table of the star."""
    return {table: sorted(rows(redshift, f"select * from dwh.{table}"), key=repr) for table in STAR}


def _event_rows(run: str, concert: Concert) -> list[EventRow]:
    empty: dict[str, Any] = {field.name: None for field in msgspec.structs.fields(EventRow)}
    flags = ("date_tba", "date_tbd", "time_tba", "no_specific_time", "spans_multiple_days")
    about = (
        empty
        | dict.fromkeys(flags, False)
        | {
            "snapshot_at": run_instant(run).replace(tzinfo=None),
            "country_code": "US",
            "event_id": concert.id,
            "event_name": concert.name,
            "status": concert.status,
            "local_date": concert.local_date,
            "date_tba": concert.local_date is None,
            "venue_id": "KovZ1",
            "venue_name": "The Hall",
            "venue_city": "Springfield",
            "venue_country_code": "US",
            "price_currency": "USD" if concert.price_min else None,
            "price_min": concert.price_min,
            "price_max": concert.price_min,
        }
        | dict(concert.more)
    )
    billed = [(artist, None) if isinstance(artist, str) else artist for artist in concert.artists]
    return [
        EventRow(
            **about
            | {
                "artist_position": position,
                "attraction_id": f"K8v{position}",
                "artist_name": name,
                "artist_mbid": mbid,
                "artist_key": artist_key(name),
                "name_key": name_key(name),
                "namesake_key": namesake_key(name, mbid),
            }
            | dict(concert.more)
        )
        for position, (name, mbid) in enumerate(billed, 1)
    ] or [EventRow(**about)]


def _song_rows(run: str, artist: Artist) -> list[SongRow]:
    key = artist_key(artist.name)
    empty: dict[str, Any] = {field.name: None for field in msgspec.structs.fields(SongRow)}
    about = empty | {
        "snapshot_at": run_instant(run).replace(tzinfo=None),
        "asked_name": artist.asked or artist.name,
        "asked_key": artist_key(artist.asked or artist.name),
        "artist_name": artist.name,
        "artist_mbid": artist.mbid,
        "artist_key": key,
        "name_key": name_key(artist.name),
        "chart_countries": "US" if artist.rank else None,
        "chart_rank": artist.rank,
        "chart_listeners": 10_000 // artist.rank if artist.rank else None,
    }
    return [
        SongRow(
            **about
            | {
                "song_name": song,
                "song_key": song_key(key, song),
                "song_rank": rank,
                "play_count": artist.plays // rank,
                "listeners": artist.plays // (2 * rank),
            }
        )
        for rank, song in enumerate(artist.songs, 1)
    ] or [SongRow(**about)]
