"""The crawl of Last.fm: a chart for each country, then the top tracks of the artists in them and of those on tour.

What Last.fm itself contradicts is requested once more before it is believed: a chart without artists, and a charting
artist without tracks. An artist with two names takes only one place in the charts, so an artist further down moves up.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from include.errors import SourceUnavailable, UnexpectedPayload
from include.sources.client.messages import Request, Response
from include.sources.client.task_group import task_group
from include.sources.identity import artist_key, song_key
from include.sources.lastfm import lists
from include.sources.lastfm.charts import Charted, ranked
from include.sources.lastfm.collect import Collected, collect
from include.sources.lastfm.lists import ListPage
from include.sources.lastfm.wire import UNKNOWN

_SPARE = 10
"""Artists of a chart requested beyond those wanted, to make up for `[unknown]` and for artists listed twice."""
_MAX_LOST = 3
"""Up to this many artists whose tracks cannot be fetched are left out; with more, the run fails."""

Ask = Callable[[Request, Callable[[Response], ListPage]], Awaitable[ListPage]]


class Crawler:
    """Collects the charts of some countries and the top tracks of their artists, and of artists named to `run`."""

    def __init__(self, ask: Ask, countries: Sequence[str], most_artists: int, most_tracks: int) -> None:
        self._ask = ask
        self._countries = countries
        self._most_artists = most_artists
        self._most_tracks = most_tracks
        self._artists: dict[str, str] = {}
        """The name under which each artist was requested, by its key."""
        self._pages: dict[str, str] = {}
        """The key of the artist page that each requested artist led to."""
        self._failures: list[SourceUnavailable | UnexpectedPayload] = []
        self.charts: dict[str, Collected] = {}
        self.tracks: dict[str, Collected] = {}
        """By the name requested."""

    async def run(self, touring: Sequence[str]) -> int:
        """Fills `charts` and `tracks`. Returns how many of the touring artists are in no chart.

        Raises what `ask` raises, except that single charts and artists that cannot be fetched are only marked
        as lost.
        """
        wanted = self._most_artists + _SPARE
        async with task_group() as tasks:
            for country in self._countries:
                tasks.create_task(self._collect_chart(country, wanted))
        if self._failures and all(chart.lost is not None for chart in self.charts.values()):
            raise self._failures[0]
        while await self._follow_charts():
            pass
        in_charts = len(self._artists)
        for name in touring:
            self._artists.setdefault(artist_key(name), name)
        async with task_group() as tasks:
            for name in list(self._artists.values())[in_charts:]:
                tasks.create_task(self._collect_tracks(name, in_charts=False))
        self.charts = {country: self.charts[country] for country in self._countries}
        self.tracks = {name: self.tracks[name] for name in self._artists.values()}
        return len(self._artists) - in_charts

    def progress(self) -> tuple[int, int]:
        """How many lists have been read so far, and how many are currently expected."""
        return len(self.charts) + len(self.tracks), len(self._countries) + len(self._artists)

    async def _follow_charts(self) -> bool:
        """Reads the tracks of artists that have a place in a chart; False if there is nothing more to read."""
        charting = ranked(map(self._charted, self._countries), self._most_artists, self._pages)
        named = {artist_key(artist.name): artist.name for artist in charting.values()}
        new = {key: name for key, name in named.items() if key not in self._artists}
        short = [] if new else [country for country in self._countries if self._is_short(country)]
        async with task_group() as tasks:
            for country in short:
                tasks.create_task(self._collect_chart(country, 2 * self.charts[country].wanted))
        self._artists |= new
        async with task_group() as tasks:
            for name in new.values():
                tasks.create_task(self._collect_tracks(name, in_charts=True))
        self._pages = {
            key: artist_key(self.tracks[name].artist or name) for key, name in self._artists.items()
        }
        return bool(new or short)

    def _charted(self, country: str) -> list[Charted]:
        return [Charted(name) for name in self.charts[country].names if name != UNKNOWN]

    def _is_short(self, country: str) -> bool:
        """Whether second names took the places of artists further down in the chart."""
        chart = self.charts[country]
        has_more = chart.lost is None and len(chart.names) >= chart.wanted
        return (
            has_more
            and len(ranked([self._charted(country)], self._most_artists, self._pages)) < self._most_artists
        )

    async def _collect_chart(self, country: str, wanted: int) -> None:
        shorter = self.charts.get(country)
        try:
            collected = await self._chart(country, wanted)
        except (SourceUnavailable, UnexpectedPayload) as error:
            if error.not_before is not None:
                raise
            self._failures.append(error)
            collected = shorter or Collected(wanted)  # a shorter chart is better than none
            collected.lost = str(error)
        else:
            if shorter:
                collected.replaces(shorter)
        self.charts[country] = collected

    async def _chart(self, country: str, wanted: int) -> Collected:
        def request(limit: int, page: int) -> Request:
            found = lists.chart_request(country, limit, page)
            return found if wanted == self._most_artists + _SPARE else _named(found, f"of-{wanted}")

        def read_again(response: Response) -> ListPage:
            # Of a chart that has already been read in part, the country exists.
            may_be_missing = doubted.not_found and country not in self.charts
            page = lists.read_chart(country, response) if may_be_missing else lists.read(response)
            if not page.names:  # raised here, the response is not kept: a later try requests it again
                raise SourceUnavailable(f"Last.fm's chart for {country} came back without artists, twice")
            return page

        async def ask_again(request: Request) -> ListPage:
            return await self._ask(request, read_again if request.params["page"] == "1" else lists.read)

        doubted = await collect(self._page, request, wanted)
        if doubted.names:
            return doubted
        # Every country listens to somebody: ask for a longer chart.
        collected = await collect(
            ask_again, lambda limit, page: _named(request(limit, page), "once-more"), wanted + 1
        )
        collected.replaces(doubted)
        return collected

    async def _collect_tracks(self, name: str, in_charts: bool) -> None:
        try:
            self.tracks[name] = await self._tracks(name, in_charts)
        except (SourceUnavailable, UnexpectedPayload) as error:
            # A single lost artist is tolerable; several mean that the source is down.
            lost = sum(each.lost is not None for each in self.tracks.values())
            if error.not_before is not None or lost >= _MAX_LOST:
                raise
            self.tracks[name] = Collected(self._most_tracks, lost=str(error))

    async def _tracks(self, name: str, in_charts: bool) -> Collected:
        request, key = partial(lists.tracks_request, name), partial(song_key, "")
        doubted = await collect(self._page, request, self._most_tracks, key)
        if doubted.names or not in_charts:
            return doubted
        # The chart that Last.fm has just sent says that the artist exists and is listened to.
        collected = await collect(
            self._page, lambda limit, page: _named(request(limit, page), "once-more"), self._most_tracks, key
        )
        collected.replaces(doubted)
        return collected

    async def _page(self, request: Request) -> ListPage:
        return await self._ask(request, lists.read)


def _named(request: Request, which: str) -> Request:
    """The request under another name, because it is not the first for these items."""
    return replace(request, name=f"{request.name}-{which}")
