"""The sandbox's whole music world in the lake: fetched from both stand-ins, then aged week by week."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pyarrow.parquet as pq

from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.ingestion.songs import SONGS
from include.lake.lake import Lake
from include.lake.parts import opened, put_parts
from include.lake.runs import run_id, run_instant
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from include.sources.lastfm.rows import SongRow
from include.sources.ticketmaster.rows import EventRow
from sandbox.services import Services
from sandbox.world.seeded import Seeded, text_index
from tests.support.ingesting import fetch

_LUCK = Seeded(7)
_Row = TypeVar("_Row", bound=msgspec.Struct)


def land_world(services: Services, lake: Lake, at: datetime) -> None:
    """One events run and one songs run by the pipeline's own functions, without rate limits."""
    settings, run = Settings(bucket=lake.bucket.name), run_id(at)
    for dataset, source in ((EVENTS, "ticketmaster"), (SONGS, "lastfm")):
        where = getattr(services, source)
        connection = SourceConnection(source, where["base_url"], where["key"], requests_per_second=10_000)
        with _unlimited(where["base_url"]):
            asyncio.run(fetch(dataset, lake, connection, settings, run))
        land(dataset, lake, run, settings)


@contextmanager
def _unlimited(base_url: str) -> Iterator[None]:
    """Lifts the stand-in's limits until the context ends."""

    def post(path: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(
            f"{base_url}/sandbox/{path}", json.dumps(body).encode(), method="POST"
        )
        urllib.request.urlopen(request).close()

    post("options", {"requests_per_second": None})
    try:
        yield
    finally:
        post("reset", {})


def land_week_later(lake: Lake) -> None:
    """Lands new runs: the newest ones as they might look a week later.

    Some concerts are cancelled, postponed, rescheduled, repriced or no longer listed, and those that lie in
    the past are left out; each artist's listeners grew or shrank at the artist's own rate, and ranks with them.
    """
    run = lake.manifests("events")[-1]
    at = run_instant(run) + timedelta(weeks=1)
    events = [older for row in _rows(lake, "events", run, EventRow) if (older := _later_event(row, at))]
    songs = _ranked_again([_later_song(row, at) for row in _rows(lake, "songs", run, SongRow)])
    _land(lake, "events", run, at, EventRow, events)
    _land(lake, "songs", run, at, SongRow, songs)


def _land(
    lake: Lake,
    dataset: str,
    run: str,
    at: datetime,
    row_type: type[msgspec.Struct],
    rows: Sequence[msgspec.Struct],
) -> None:
    later = run_id(at)
    horizon = (at + timedelta(days=365)).date()
    certificate = lake.certificate(dataset, run)
    lake.put_certificate(msgspec.structs.replace(certificate, run=later, horizon_date=horizon))
    lake.put_manifest(dataset, later, row_type, put_parts(lake, dataset, later, row_type, rows))


def _rows(lake: Lake, dataset: str, run: str, row_type: type[_Row]) -> Iterator[_Row]:
    for part in lake.manifest(dataset, run).parts:
        with opened(lake, part) as file:
            yield from (
                row_type(**row) for row in pq.read_table(file, coerce_int96_timestamp_unit="us").to_pylist()
            )


def _later_event(row: EventRow, at: datetime) -> EventRow | None:
    seen = {"snapshot_at": at.replace(tzinfo=None)}
    luck = _LUCK.unit(f"concert {at:%F}", text_index(row.event_id))
    if row.local_date is not None and row.local_date <= at.date():
        return None
    if row.status == "cancelled" or luck > 0.09:
        return msgspec.structs.replace(row, **seen)
    if luck < 0.01:
        return None
    if luck < 0.025:
        return msgspec.structs.replace(row, **seen, status="cancelled")
    if luck < 0.035:
        nothing: dict[str, Any] = {"local_date": None, "local_time": None, "starts_at": None}
        return msgspec.structs.replace(row, **seen, **nothing, status="postponed")
    if luck < 0.06 and row.local_date is not None:
        moved: date = row.local_date + timedelta(days=round(luck * 1_400))
        return msgspec.structs.replace(row, **seen, local_date=moved, starts_at=None, status="rescheduled")
    if row.price_min is not None and row.price_max is not None:
        return msgspec.structs.replace(row, **seen, price_max=round(row.price_max * 1.2, 2))
    return msgspec.structs.replace(row, **seen)


def _later_song(row: SongRow, at: datetime) -> SongRow:
    artist = text_index(row.artist_key)
    growth = 0.97 + 0.08 * _LUCK.unit("growth", artist) + 0.03 * _LUCK.unit(f"luck {at:%F}", artist)
    return msgspec.structs.replace(
        row,
        snapshot_at=at.replace(tzinfo=None),
        chart_listeners=row.chart_listeners and round(row.chart_listeners * growth),
        play_count=row.play_count and round(row.play_count * (1 + growth / 100)),
    )


def _ranked_again(rows: Sequence[SongRow]) -> list[SongRow]:
    listeners = {row.artist_key: row.chart_listeners or 0 for row in rows}
    order = sorted(listeners, key=lambda artist: (-listeners[artist], artist))
    ranks = {artist: rank for rank, artist in enumerate(order, 1)}
    return [msgspec.structs.replace(row, chart_rank=ranks[row.artist_key]) for row in rows]
