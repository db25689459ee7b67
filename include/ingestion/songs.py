"""The dataset `songs`, from Last.fm: the top tracks of charting and touring artists.

Charting artists come from the charts of the configured countries, touring ones from the newest complete events
run that covers the same countries.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime

import pyarrow.compute as pc

from include.errors import ManifestInvalid
from include.ingestion.dataset import Dataset, Plan
from include.ingestion.responses import Responses
from include.lake.certificate import Crawl, List, Scope
from include.lake.lake import Lake
from include.lake.manifests import Manifest
from include.lake.newest import newest_complete_events
from include.lake.parts import read_batches
from include.lake.raw import RawRun
from include.lake.runs import run_instant
from include.settings import Settings
from include.sources.lastfm import crawler as lastfm
from include.sources.lastfm import lists, rows
from include.sources.lastfm.collect import Collected
from include.sources.lastfm.run_rows import KeptList, run_rows
from include.sources.rows import Tally

log = logging.getLogger(__name__)


class SongsPlan(Plan, frozen=True, kw_only=True):
    """What a songs run decided to request, apart from the charts and the artists in them."""

    touring_in: str | None
    """The events run from which the touring artists were read."""
    touring: tuple[str, ...]
    """The names of the artists with the most concerts, busiest first."""


def _scope(settings: Settings) -> Scope:
    return Scope(
        settings.countries,
        artists_per_country=settings.artists_per_country,
        touring_artists=settings.touring_artists,
        tracks_per_artist=settings.tracks_per_artist,
    )


def _plan(lake: Lake, scope: Scope, start: datetime) -> SongsPlan:
    newest = newest_complete_events(lake, start, scope.countries) if scope.touring_artists else None
    if newest is None:
        return SongsPlan(scope=scope, touring_in=None, touring=())
    manifest, _ = newest
    try:
        touring = _busiest(lake, manifest, start.date())[: scope.touring_artists]
    except ManifestInvalid as invalid:
        log.warning("Cannot read the touring artists from %s: %s", manifest.run, invalid)
        return SongsPlan(scope=scope, touring_in=None, touring=())
    return SongsPlan(scope=scope, touring_in=manifest.run, touring=tuple(touring))


def _busiest(lake: Lake, manifest: Manifest, on: date) -> list[str]:
    """The names of the artists billed from that day on, most concerts first.

    Cancelled concerts do not count.
    """
    concerts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for key, name in _billings(lake, manifest, on):
        concerts[key] += 1
        names[key] = min(name, names.get(key, name))
    return [names[key] for key in sorted(concerts, key=lambda key: (-concerts[key], key))]


def _billings(lake: Lake, manifest: Manifest, on: date) -> Iterator[tuple[str, str]]:
    """Key and name of every billing in a concert that is not over."""
    days = [
        day for day in ("local_end_date", "local_date") if day in manifest.columns
    ]  # an older release had one
    columns: dict[str, type] = {"artist_key": str, "artist_name": str, "status": str}
    columns |= dict.fromkeys(days, date)
    for batch in read_batches(lake, manifest, columns):
        upcoming = pc.greater_equal(pc.coalesce(*(batch[day] for day in days)), on)
        cancelled = pc.fill_null(pc.equal(batch["status"], "cancelled"), False)
        chosen = batch.filter(pc.and_not(pc.fill_null(upcoming, False), cancelled))
        for key, name in zip(
            chosen["artist_key"].to_pylist(), chosen["artist_name"].to_pylist(), strict=True
        ):
            if key is not None and name is not None:
                yield key, name


async def _crawl(_: Lake, responses: Responses, plan: SongsPlan, start: datetime) -> Crawl:
    scope = plan.scope
    crawler = lastfm.Crawler(
        responses.ask, scope.countries, scope.artists_per_country or 0, scope.tracks_per_artist or 0
    )
    responses.outlook = lambda: (*crawler.progress(), "lists")
    touring = await crawler.run(plan.touring)
    collected = [_list_of(chart, responses, country=country) for country, chart in crawler.charts.items()]
    collected += [_list_of(tracks, responses, artist=name) for name, tracks in crawler.tracks.items()]
    lists = [*crawler.charts.values(), *crawler.tracks.values()]
    reasons = [
        f"{each.name}: {why}"
        for each, read in zip(collected, lists, strict=True)
        if (why := read.why_incomplete)
    ]
    return Crawl(
        scope,
        complete=not reasons,
        reasons=tuple(reasons),
        touring_in=plan.touring_in,
        touring=touring,
        lists=tuple(collected),
    )


def _list_of(
    collected: Collected, responses: Responses, country: str | None = None, artist: str | None = None
) -> List:
    return List(
        country=country,
        artist=artist,
        returned=collected.artist,
        not_found=collected.not_found,
        reported=collected.reported,
        fetched=collected.fetched,
        distinct=len(collected.names),
        complete=collected.complete,
        requests=responses.requests([*collected.discarded, *collected.pages]),
        responses=tuple(collected.pages),
    )


def _rows(raw: RawRun, crawl: Crawl, tally: Tally) -> Iterator[rows.SongRow]:
    kept = [
        KeptList(
            each.name, each.country, each.artist, each.returned, each.not_found, each.fetched, each.responses
        )
        for each in crawl.lists
        if each.responses or each.artist is not None  # a chart that could not be fetched has no artists
    ]
    scope = crawl.scope
    charts_first = sorted(kept, key=lambda each: each.country is None)
    with raw.reading_ahead(name for each in charts_first for name in each.responses) as read:
        yield from run_rows(
            kept,
            lambda name: bytes(read(name).body),
            run_instant(raw.run),
            scope.artists_per_country or 0,
            scope.tracks_per_artist or 0,
            tally,
        )


SONGS = Dataset(
    "songs",
    lists.KEY_PARAMETER,
    _scope,
    SongsPlan,
    _plan,
    _crawl,
    rows.SongRow,
    _rows,
    max_stored=100_000_000,  # terms of service, 4.3
)
