"""From an API to the lake, in two phases: fetch asks and keeps every answer, land makes typed rows of them.

A fetch that is tried again asks only what it has no answer to. Landing needs no API; to land a run again
with today's parser:

    python -m include.ingestion.events redrive events 2026-11-22T060000Z

and, if the warehouse had loaded it before, have it loaded anew by `python -m include.warehouse.load retry`.
"""

import argparse
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec

from include.ingestion.fetch import Fetch
from include.ingestion.land import EVENTS, SONGS, Landed, land
from include.ingestion.touring import touring_artists
from include.lake.runs import Lake, run_instant
from include.orchestration import connections
from include.orchestration.connections import SourceConnection
from include.settings import Settings
from include.sources.client.http import Request, Response
from include.sources.client.task_group import task_group
from include.sources.identity import artist_key
from include.sources.lastfm import lists as lastfm_lists
from include.sources.lastfm import rows as lastfm
from include.sources.lastfm.lists import Collected, ListPage
from include.sources.ticketmaster import search as ticketmaster_search
from include.sources.ticketmaster.crawl import Crawl
from include.sources.ticketmaster.plan import Plan, plan_after
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import Page, Window

__all__ = ["Landed", "fetch_events", "fetch_songs", "land"]


async def fetch_events(
    lake: Lake, connection: SourceConnection, settings: Settings, run: str, ask_again: bool = False
) -> dict[str, Any]:
    """Asks for every concert of the settings' countries until their horizon, and keeps the answers.

    Returns a summary for the log. A run that was fetched is left as it is, unless it is to be asked again.
    Raises `SourceUnavailable`, `SourceRejected` or `QuotaSpent`.
    """
    fetch = Fetch(lake, EVENTS, run)
    if done := fetch.begin(settings, ask_again):
        return done
    start = run_instant(run)

    def make_plan() -> dict[str, Any]:
        end = start + timedelta(days=settings.horizon_days)
        earlier = lake.newest_complete(EVENTS)
        if earlier is None:
            return {"planned_after": None, "plan": {}}
        manifest, certificate = earlier
        plan = plan_after(certificate["windows"], settings.countries, start, end)
        return {"planned_after": manifest.run, "plan": msgspec.to_builtins(plan)}

    settings, written = fetch.plan(settings, make_plan)
    end = start + timedelta(days=settings.horizon_days)

    async def ask(window: Window, page: int, urgency: float) -> Page:
        request = ticketmaster_search.request(window, page, urgency)
        return await recorder.ask(request, ticketmaster_search.read)

    crawl = Crawl(ask)
    async with fetch.recording(
        connection, ticketmaster_search.KEY_PARAMETER, lambda: (*crawl.progress(), "events")
    ) as recorder:
        plan = msgspec.convert(written["plan"], Plan)
        stretches = await crawl.run(settings.countries, start, end, plan)
    about = {
        "countries": list(settings.countries),
        # The first date that is not over everywhere on Earth when the crawl's last window ends.
        "horizon_date": (end - timedelta(hours=12)).date().isoformat(),
        "planned_after": written["planned_after"],
    }
    reasons = [
        f"{stretch.window.name()}: {'; '.join(stretch.reasons)}"
        for stretch in stretches
        if not stretch.complete
    ]
    return fetch.finish(about, [_window_of(stretch) for stretch in stretches], reasons)


async def fetch_songs(
    lake: Lake, connection: SourceConnection, settings: Settings, run: str, ask_again: bool = False
) -> dict[str, Any]:
    """Asks for the top artists of the settings' countries, for those who tour, and for each one's top tracks.

    Returns a summary for the log. A run that was fetched is left as it is, unless it is to be asked again.
    Raises `SourceUnavailable`, `SourceRejected` or `QuotaSpent`.
    """
    fetch = Fetch(lake, SONGS, run)
    if done := fetch.begin(settings, ask_again):
        return done

    def make_plan() -> dict[str, Any]:
        events, touring = touring_artists(lake, settings.touring_artists, run_instant(run).date())
        return {"touring_in": events, "touring": touring}

    settings, written = fetch.plan(settings, make_plan)
    asked: dict[str, str] = {}
    lists: dict[str, Collected] = {}
    async with fetch.recording(
        connection, lastfm_lists.KEY_PARAMETER, lambda: (len(lists), len(asked), "lists")
    ) as recorder:

        async def collect(
            name: str,
            wanted: int,
            request: Callable[[int, int], Request],
            read: Callable[[Response], ListPage] = lastfm_lists.read,
        ) -> Collected:
            async def ask(asked: Request) -> ListPage:
                return await recorder.ask(asked, read)

            lists[name] = await lastfm_lists.collect(ask, request, wanted)
            return lists[name]

        async with task_group() as tasks:
            charts = [
                tasks.create_task(
                    # One more than wanted: [unknown] may be among them.
                    collect(
                        f"chart {c}",
                        settings.artists_per_country + 1,
                        partial(lastfm_lists.chart_request, c),
                        partial(lastfm_lists.read_chart, c),
                    )
                )
                for c in settings.countries
            ]
        charting = lastfm.ranked(
            (
                [lastfm.Charted(name) for name in chart.result().names if name != lastfm.UNKNOWN]
                for chart in charts
            ),
            settings.artists_per_country,
        )
        asked |= {key: artist.name for key, artist in charting.items()}
        for name in written["touring"]:
            asked.setdefault(artist_key(name), name)
        async with task_group() as tasks:
            for name in asked.values():
                tracks = partial(lastfm_lists.tracks_request, name)
                tasks.create_task(collect(f"artist {name}", settings.tracks_per_artist, tracks))
    about = {
        "countries": list(settings.countries),
        "artists_per_country": settings.artists_per_country,
        "tracks_per_artist": settings.tracks_per_artist,
        "touring_in": written["touring_in"],
        "touring_artists": len(asked) - len(charting),
    }
    reasons = [
        f"{name}: {len(found.names)} of {found.reported} reported items came"
        for name, found in lists.items()
        if not found.complete
    ]
    names = [*(f"chart {c}" for c in settings.countries), *(f"artist {name}" for name in asked.values())]
    return fetch.finish(about, [_list_of(name, lists[name]) for name in names], sorted(reasons))


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
        "drift": stretch.drift,
        "complete": stretch.complete,
        "given_up": stretch.given_up,
        "answers": [ticketmaster_search.request(asked, page).name for asked, page in stretch.pages],
    }


def _list_of(name: str, found: Collected) -> dict[str, Any]:
    return {
        "window": name,
        "returned": found.artist,
        "not_found": found.not_found,
        "reported": found.reported,
        "fetched": found.fetched,
        "distinct": len(found.names),
        "complete": found.complete,
        "answers": found.pages,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """`redrive`: lands a run again from its kept answers, without asking any API."""
    parser = argparse.ArgumentParser(prog="python -m include.ingestion.events", description=main.__doc__)
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
