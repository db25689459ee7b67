"""The dataset `songs`, from Last.fm: the top tracks of charting and touring artists.

Charting artists come from the charts of the configured countries, touring ones from the newest complete events
run that covers the same countries.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import partial

import pyarrow.compute as pc

from include.errors import ManifestInvalid, SourceUnavailable, UnexpectedPayload
from include.ingestion.dataset import Dataset, Plan
from include.ingestion.responses import Responses
from include.lake.certificate import Crawl, List, Scope
from include.lake.lake import Lake
from include.lake.manifests import Manifest
from include.lake.raw import RawRun
from include.lake.runs import run_instant
from include.settings import Settings
from include.sources.client.http import Request
from include.sources.client.task_group import task_group
from include.sources.identity import artist_key, song_key
from include.sources.lastfm import lists, rows
from include.sources.lastfm.run_rows import KeptList, run_rows
from include.sources.rows import Tally

log = logging.getLogger(__name__)

_SPARE = 10
"""Artists of a chart requested beyond those wanted, because `[unknown]` and second names take no place."""
_MAX_LOST = 3
"""Up to this many artists whose tracks cannot be fetched are left out; with more, the run fails."""


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
    newest = lake.newest_complete("events", start, scope.countries) if scope.touring_artists else None
    if newest is None:
        return SongsPlan(scope=scope, touring_in=None, touring=())
    manifest, _ = newest
    try:
        touring = _busiest(lake, manifest, start.date())[: scope.touring_artists]
    except ManifestInvalid as invalid:
        log.warning("%s does not say who tours: %s", manifest.run, invalid)
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
    for batch in lake.read(manifest, columns):
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
    most_artists, most_tracks = scope.artists_per_country or 0, scope.tracks_per_artist or 0
    charts: dict[str, lists.Collected] = {}
    tracks: dict[str, lists.Collected] = {}
    asked: dict[str, str] = {}
    spent_before: Counter[str] = Counter()
    """Requests whose responses were discarded because the artist was requested again."""
    pages: dict[str, str] = {}
    """The key of the artist page that each requested name led to."""
    lost: list[str] = []
    failed: list[SourceUnavailable | UnexpectedPayload] = []
    responses.outlook = lambda: (len(charts) + len(tracks), len(scope.countries) + len(asked), "lists")

    async def ask(request: Request) -> lists.ListPage:
        return await responses.ask(request, lists.read)

    async def collect_chart(country: str, wanted: int) -> None:
        try:
            collected = await read_chart(country, wanted)
        except (SourceUnavailable, UnexpectedPayload) as error:
            if error.not_before is not None:
                raise
            failed.append(error)
            collected = charts.get(country) or lists.Collected(wanted)  # a shorter chart is better than none
            collected.lost = str(error)
        else:
            if country in charts:
                spent_before[country] += responses.requests(charts[country].pages)
        charts[country] = collected

    async def read_chart(country: str, wanted: int) -> lists.Collected:
        def request(limit: int, page: int) -> Request:
            found = lists.chart_request(country, limit, page)
            return found if wanted == most_artists + _SPARE else _named(found, f"of-{wanted}")

        async def ask_again(request: Request) -> lists.ListPage:
            first_page = doubted.not_found and request.params["page"] == "1"
            read = partial(lists.read_chart, country) if first_page else lists.read
            return await responses.ask(request, read)

        doubted = await lists.collect(ask, request, wanted)
        if doubted.names:
            return doubted
        # Every country listens to somebody: ask for a longer chart.
        spent_before[country] += responses.requests(doubted.pages)
        collected = await lists.collect(
            ask_again, lambda limit, page: _named(request(limit, page), "once-more"), wanted + 1
        )
        collected.reported = max(collected.reported, doubted.reported)
        if not collected.names and not collected.reported:
            collected.lost = "it came back empty, twice"
        return collected

    async def collect_tracks(name: str, charts_now: bool) -> None:
        try:
            tracks[name] = await read_tracks(name, charts_now)
        except (SourceUnavailable, UnexpectedPayload) as error:
            # A single lost artist is tolerable; several mean that the source is down.
            if error.not_before is not None or len(lost) >= _MAX_LOST:
                raise
            lost.append(name)
            tracks[name] = lists.Collected(most_tracks, lost=str(error))

    async def read_tracks(name: str, charts_now: bool) -> lists.Collected:
        request, key = partial(lists.tracks_request, name), partial(song_key, "")
        doubted = await lists.collect(ask, request, most_tracks, key)
        if doubted.names or not charts_now:
            return doubted
        # The chart that Last.fm has just sent says that the artist exists and is listened to.
        spent_before[name] += responses.requests(doubted.pages)
        collected = await lists.collect(
            ask, lambda limit, page: _named(request(limit, page), "once-more"), most_tracks, key
        )
        collected.reported = max(collected.reported, doubted.reported)
        return collected

    def artists_of(country: str) -> list[rows.Charted]:
        return [rows.Charted(name) for name in charts[country].names if name != rows.UNKNOWN]

    def is_short(country: str) -> bool:
        """Whether second names took the places of artists further down in the chart."""
        chart = charts[country]
        has_more = chart.lost is None and len(chart.names) >= chart.wanted
        return has_more and len(rows.ranked([artists_of(country)], most_artists, pages)) < most_artists

    async with task_group() as tasks:
        for country in scope.countries:
            tasks.create_task(collect_chart(country, most_artists + _SPARE))
    if all(charts[country].lost is not None for country in scope.countries) and failed:
        raise failed[0]
    charting: dict[str, rows.Charted] = {}
    while True:  # until no place is taken by a second name of an artist
        charting = rows.ranked(map(artists_of, scope.countries), most_artists, pages)
        new = {artist_key(artist.name): artist.name for artist in charting.values()}
        new = {key: name for key, name in new.items() if key not in asked}
        short = [] if new else [country for country in scope.countries if is_short(country)]
        if not new and not short:
            break
        async with task_group() as tasks:
            for country in short:
                tasks.create_task(collect_chart(country, 2 * charts[country].wanted))
        asked |= new
        async with task_group() as tasks:
            for name in new.values():
                tasks.create_task(collect_tracks(name, charts_now=True))
        pages = {key: artist_key(tracks[name].artist or name) for key, name in asked.items()}
    in_charts = len(asked)
    for name in plan.touring:
        asked.setdefault(artist_key(name), name)
    async with task_group() as tasks:
        for name in list(asked.values())[in_charts:]:
            tasks.create_task(collect_tracks(name, charts_now=False))
    collected = [
        _list_of(charts[country], responses, country=country, spent_before=spent_before[country])
        for country in scope.countries
    ]
    collected += [
        _list_of(tracks[name], responses, artist=name, spent_before=spent_before[name])
        for name in asked.values()
    ]
    reasons = sorted(
        f"{each.name}: {each.distinct} of {each.reported} reported items were received"
        for each in collected
        if not each.complete and each.reported  # what was lost reported nothing
    )
    reasons += [f"chart {country}: {why}" for country in scope.countries if (why := charts[country].lost)]
    reasons += [f"artist {name}: {tracks[name].lost}" for name in sorted(lost)]
    return Crawl(
        scope,
        complete=not reasons,
        reasons=tuple(reasons),
        touring_in=plan.touring_in,
        touring=len(asked) - in_charts,
        lists=tuple(collected),
    )


def _named(request: Request, which: str) -> Request:
    """The request under another name, because it is not the first for these items."""
    return replace(request, name=f"{request.name}-{which}")


def _list_of(
    collected: lists.Collected,
    responses: Responses,
    country: str | None = None,
    artist: str | None = None,
    spent_before: int = 0,
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
        requests=responses.requests(collected.pages) + spent_before,
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
