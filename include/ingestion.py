"""From an API to the lake, in two phases: fetch asks and keeps every answer, land makes typed rows of them.

A fetch that is tried again asks only what it has no answer to. Landing needs no API; to land a run again
with today's parser:

    python -m include.ingestion redrive events 2026-11-22T060000Z
"""

import argparse
import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from include import connections
from include.connections import SourceConnection
from include.errors import SourceRejected
from include.lake import Lake, run_instant
from include.landing import EVENTS, SONGS, Landed, land
from include.recorder import Recorder
from include.settings import Settings
from include.sources import lastfm, lastfm_lists, ticketmaster_search
from include.sources.http import Backoff, Client, Request
from include.sources.lastfm_lists import Collected, ListPage
from include.sources.windows import Crawl, Page, Stretch, Window
from include.tasks import task_group

__all__ = ["Landed", "fetch_events", "fetch_songs", "land"]

log = logging.getLogger(__name__)

BACKOFF = Backoff()
"""How patient both sources' clients are."""


async def fetch_events(
    lake: Lake, connection: SourceConnection, settings: Settings, run: str
) -> dict[str, Any]:
    """Asks for every concert of the settings' countries until their horizon, and keeps the answers.

    Returns a summary for the log. Raises `SourceUnavailable` or `SourceRejected`.
    """
    if done := _done_before(lake, EVENTS, run, settings):
        return done
    started = time.monotonic()
    start = run_instant(run)
    end = start + timedelta(days=settings.horizon_days)
    async with _client(connection, ticketmaster_search.KEY_PARAMETER) as client:

        async def ask(window: Window, page: int) -> Page:
            return await recorder.ask(ticketmaster_search.request(window, page), ticketmaster_search.read)

        crawl = Crawl(ask)
        recorder = Recorder(lake, EVENTS, run, client, lambda: (*crawl.progress(), "events"))
        stretches = await crawl.run(settings.countries, start, end)
    reasons = [
        f"{stretch.window.name()}: {stretch.distinct} of {stretch.reported} reported events came"
        for stretch in stretches
        if not stretch.complete
    ]
    about = {"countries": list(settings.countries), "horizon_date": end.date().isoformat()}
    parts = [_window_of(stretch) for stretch in stretches]
    return _finish_fetch(lake, EVENTS, run, about, parts, reasons, recorder, client, started)


async def fetch_songs(
    lake: Lake, connection: SourceConnection, settings: Settings, run: str
) -> dict[str, Any]:
    """Asks for the top artists of the settings' countries and the top tracks of each, and keeps the answers.

    Returns a summary for the log. Raises `SourceUnavailable` or `SourceRejected`.
    """
    if done := _done_before(lake, SONGS, run, settings):
        return done
    started = time.monotonic()
    asked: dict[str, lastfm.Charted] = {}
    lists: dict[str, Collected] = {}
    async with _client(connection, lastfm_lists.KEY_PARAMETER) as client:
        recorder = Recorder(lake, SONGS, run, client, lambda: (len(lists), len(asked), "lists"))

        async def ask(request: Request) -> ListPage:
            return await recorder.ask(request, lastfm_lists.read)

        async def collect(name: str, wanted: int, request: Callable[[int, int], Request]) -> Collected:
            lists[name] = await lastfm_lists.collect(ask, request, wanted)
            return lists[name]

        async with task_group() as tasks:
            charts = [
                tasks.create_task(
                    # One more than wanted: [unknown] may be among them.
                    collect(
                        f"chart {c}", settings.artists_per_country + 1, partial(lastfm_lists.chart_request, c)
                    )
                )
                for c in settings.countries
            ]
        for country, chart in zip(settings.countries, charts, strict=True):
            if chart.result().not_found:
                raise SourceRejected(
                    f"Last.fm has no chart for {country}: {chart.result().not_found}. "
                    "Take the country out of MUSICIAN_COUNTRIES."
                )
        asked |= lastfm.ranked(
            (
                [lastfm.Charted(name) for name in chart.result().names if name != lastfm.UNKNOWN]
                for chart in charts
            ),
            settings.artists_per_country,
        )
        async with task_group() as tasks:
            for artist in asked.values():
                tracks = partial(lastfm_lists.tracks_request, artist.name)
                tasks.create_task(collect(f"artist {artist.name}", settings.tracks_per_artist, tracks))
    reasons = [
        f"{name}: {len(found.names)} of {found.reported} reported items came"
        for name, found in lists.items()
        if not found.complete
    ]
    about = {
        "countries": list(settings.countries),
        "artists_per_country": settings.artists_per_country,
        "tracks_per_artist": settings.tracks_per_artist,
    }
    names = [*(f"chart {c}" for c in settings.countries), *(f"artist {a.name}" for a in asked.values())]
    parts = [
        {
            "window": name,
            "returned": lists[name].artist,
            "not_found": lists[name].not_found,
            "reported": lists[name].reported,
            "fetched": lists[name].fetched,
            "distinct": len(lists[name].names),
            "complete": lists[name].complete,
            "answers": lists[name].pages,
        }
        for name in names
    ]
    return _finish_fetch(lake, SONGS, run, about, parts, sorted(reasons), recorder, client, started)


def _client(connection: SourceConnection, key_parameter: str) -> Client:
    return Client(
        connection.id,
        connection.base_url,
        key_parameter,
        connection.key,
        connection.requests_per_second,
        BACKOFF,
    )


def _done_before(lake: Lake, dataset: str, run: str, settings: Settings) -> dict[str, Any] | None:
    """The summary of a fetch that an earlier try brought to its end. Creates the bucket if there is none."""
    lake.ensure_bucket(settings.raw_retention_days)
    crawl = lake.crawl(dataset, run)
    if crawl is None:
        return None
    log.info("%s %s was fetched before; nothing is asked", dataset, run)
    return _summary(dataset, run, crawl) | {"requests_sent": 0}


def _finish_fetch(
    lake: Lake,
    dataset: str,
    run: str,
    about: dict[str, Any],
    windows: Sequence[dict[str, Any]],
    reasons: Sequence[str],
    recorder: Recorder,
    client: Client,
    started: float,
) -> dict[str, Any]:
    crawl = {**about, "complete": not reasons, "reasons": list(reasons), "windows": list(windows)}
    lake.put_crawl(dataset, run, crawl)
    log.info(
        "fetched %s %s in %.1f s: %d requests sent, %d answers received, %d kept from before, %s",
        dataset, run, time.monotonic() - started, client.sent, recorder.received, recorder.replayed,
        "not complete: " + "; ".join(reasons[:3]) if reasons else "complete",
    )  # fmt: skip
    return _summary(dataset, run, crawl) | {"requests_sent": client.sent}


def _summary(dataset: str, run: str, crawl: dict[str, Any]) -> dict[str, Any]:
    windows = crawl["windows"]
    return {
        "dataset": dataset,
        "run": run,
        "complete": crawl["complete"],
        "answers": sum(len(window["answers"]) for window in windows),
        "reported": sum(window["reported"] for window in windows),
        "distinct": sum(window["distinct"] for window in windows),
    }


def _window_of(stretch: Stretch) -> dict[str, Any]:
    window = stretch.window
    return {
        "window": window.name(),
        "country": window.country,
        "start": window.start.isoformat() if window.start else None,
        "end": window.end.isoformat() if window.end else None,
        "reported": stretch.reported,
        "fetched": stretch.fetched,
        "distinct": stretch.distinct,
        "tolerance": stretch.tolerance,
        "complete": stretch.complete,
        "answers": [ticketmaster_search.request(asked, page).name for asked, page in stretch.pages],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """`redrive`: lands a run again from its kept answers, without asking any API."""
    parser = argparse.ArgumentParser(prog="python -m include.ingestion", description=main.__doc__)
    commands = parser.add_subparsers(required=True)
    redrive = commands.add_parser("redrive", help="land a run again from its kept answers")
    redrive.add_argument("dataset", choices=[EVENTS, SONGS])
    redrive.add_argument("run", help="such as 2026-11-22T060000Z")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings.from_environment()
    land(given.dataset, connections.lake(settings), given.run, settings, again=True)


if __name__ == "__main__":
    main()
