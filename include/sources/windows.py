"""The plan of a complete crawl through a search that shows only the first 1,000 hits of any window of time.

The search sorts by date, so a window that holds more is read to its 1,000th event and gone on with from
that event's instant (`_walk`): no call only probes, each brings events home. A long span is cut into
stretches, walked at the same time, whose ends lie where the answers so far expect about `TARGET` events.
The search reports how many events a window holds, up to 10,000; so every stretch is cut until its total is
exact, and is complete when as many distinct events came home. If they did not, or the search turns out not
to sort by date, the stretch is crawled again by halves (`_halve`), which trusts totals only. Where one
instant alone, or a window without time, holds more than 1,000 events, `_crowd` reads it from both ends and
then by state and genre.

The plan depends on nothing but the answers, so a run that is tried again asks the same questions. Windows
share their edges, which the search includes on both sides: nothing can fall between them, and events met
twice count once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from include.tasks import task_group

PAGE = 200
"""Events on a full page."""
DEPTH = 1_000
"""Events of a window that can be paged to."""
VAGUE = 10_000
"""A reported total of this or more means: at least so many."""
TARGET = 3_000
"""Events a stretch should hold; it is cut when it holds half as many again."""
_STRETCHES_AT_ONCE = 8
_ASCENDING, _DESCENDING, _BACKWARDS = "date,name,asc", "date,name,desc", "name,desc"
_FACETS = ("stateCode", "genreId")
_EAST = frozenset(
    ["AE", "AU", "CN", "HK", "ID", "IN", "JP", "KR", "MY", "NZ", "PH", "SG", "TH", "TR", "TW", "VN"]
)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What one search asks for: a country's events that start between two instants, both included.

    Without instants, `filters` say which undated events are meant.
    """

    country: str
    start: datetime | None
    end: datetime | None
    filters: tuple[tuple[str, str], ...] = ()
    order: str = _ASCENDING
    """The sort parameter."""

    def name(self) -> str:
        """A name no other window has, made of letters, digits, hyphens and dots."""
        instants = [f"{at:%Y%m%dT%H%M%S}" for at in (self.start, self.end) if at]
        filters = [f"{parameter}.{value}" for parameter, value in self.filters]
        order = [] if self.order == _ASCENDING else [self.order.replace(",", ".")]
        return "-".join([self.country, *instants, *filters, *order])


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the plan needs to know of an event."""

    id: str
    starts_at: datetime | None
    """None when the event has a day but no time, or no date."""
    state_code: str | None
    genre_id: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the search."""

    total: int
    """Events in the window, as reported."""
    sightings: tuple[Sighting, ...]


Ask = Callable[[Window, int], Awaitable[Page]]
"""Gets a window's page of this number, counted from 0."""


@dataclass(slots=True)
class Stretch:
    """A part of a crawl whose completeness is judged by itself."""

    window: Window
    reported: int = 0
    """Events it holds, by the totals of its answers."""
    fetched: int = 0
    """Events in its answers, those met twice counted twice."""
    ids: set[str] = field(default_factory=set, repr=False)
    """The distinct events met; emptied when the stretch is finished, to bound the memory of a crawl."""
    distinct: int = 0
    pages: dict[tuple[Window, int], None] = field(default_factory=dict, repr=False)
    """What was asked for it, in order."""
    facets: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in _FACETS}, repr=False)
    """The values its events have, by which a crowd can be split."""

    @property
    def tolerance(self) -> int:
        """How far a total may drift while the crawl runs: 1 %, at least 2 events."""
        return max(2, self.reported // 100)

    @property
    def complete(self) -> bool:
        return (self.distinct or len(self.ids)) >= self.reported - self.tolerance

    def finish(self) -> None:
        """Keeps the number of distinct events instead of the events."""
        self.distinct = len(self.ids)
        self.ids = set()


class Crawl:
    """Collects every event of some countries that starts within a span of time, and the undated ones."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._stretches: list[Stretch] = []
        self._slots = asyncio.Semaphore(_STRETCHES_AT_ONCE)
        self._tasks: asyncio.TaskGroup

    async def run(self, countries: Sequence[str], start: datetime, end: datetime) -> list[Stretch]:
        """The stretches it took, by name. Raises what `ask` raises."""
        async with task_group() as self._tasks:
            for country in countries:
                self._tasks.create_task(self._dated(Window(country, start, end)))
                for parameter in ("includeTBA", "includeTBD"):
                    undated = Window(country, None, None, ((parameter, "only"),))
                    self._tasks.create_task(self._undated(undated))
        return sorted(self._stretches, key=lambda stretch: stretch.window.name())

    def progress(self) -> tuple[int, int]:
        """How many distinct events came so far, and how many are reported in the stretches begun."""
        done = sum(stretch.distinct or len(stretch.ids) for stretch in self._stretches)
        return done, sum(stretch.reported for stretch in self._stretches)

    def _begin(self, window: Window) -> Stretch:
        self._stretches.append(Stretch(window))
        return self._stretches[-1]

    async def _dated(self, window: Window) -> None:
        async with self._slots:
            stretch = self._begin(window)
            if not await self._walk(stretch) or not stretch.complete:
                stretch.reported = await self._halve(stretch, replace(stretch.window, order=_DESCENDING))
            stretch.finish()

    async def _undated(self, window: Window) -> None:
        async with self._slots:
            stretch = self._begin(window)
            stretch.reported = await self._crowd(stretch, window)
            stretch.finish()

    async def _take(self, stretch: Stretch, window: Window, pages: Sequence[int]) -> list[Page]:
        answers = await asyncio.gather(*(self._ask(window, page) for page in pages))
        for page, answer in zip(pages, answers, strict=True):
            stretch.pages[window, page] = None
            stretch.fetched += len(answer.sightings)
            for seen in answer.sightings:
                stretch.ids.add(seen.id)
                if seen.state_code:
                    stretch.facets["stateCode"].add(seen.state_code)
                if seen.genre_id:
                    stretch.facets["genreId"].add(seen.genre_id)
        return answers

    async def _walk(self, stretch: Stretch) -> bool:
        """Reads the stretch from start to end, after leaving to new stretches what is too much for one.

        False when the search does not sort by date, which makes walking useless.
        """
        window = stretch.window
        crowds: list[tuple[Window, int]] = []  # single instants of which not all came, and their totals
        passed = 0  # events of the stretch before window.start
        exact = False  # whether the stretch's own total is known
        page = 0  # the next one to ask of this window
        seen: list[Sighting] = []  # what those asked hold
        total: int | None = None
        while True:
            wanted = range(page, page + 1 if total is None else _pages(total))
            for answer in await self._take(stretch, window, wanted):
                total = answer.total
                seen += answer.sightings
            page = wanted.stop
            assert total is not None
            if window.start == stretch.window.start:
                stretch.reported, exact = total, total < VAGUE
            elif not exact:
                stretch.reported = passed + total
            if total > TARGET * 3 // 2 and (cut := _cut(window, seen)):
                self._tasks.create_task(self._dated(replace(window, start=cut)))
                window = replace(window, end=cut)
                stretch.window = replace(stretch.window, end=cut)
                total, exact = None, False
                if page < _pages(DEPTH):
                    continue
            elif page < _pages(total):
                continue
            elif total <= DEPTH:
                break
            instants = [sighting.starts_at for sighting in seen if sighting.starts_at]
            if not instants or instants != sorted(instants):
                return False
            last = instants[-1]
            if last == window.start:
                crowd = replace(window, end=last)
                before, whole = await self._backwards(stretch, crowd)
                if not whole:
                    crowds.append((crowd, before))
                tied, last = 0, last + _SECOND
            else:
                met = next(i for i, sighting in enumerate(seen) if sighting.starts_at == last)
                tied = len(seen) - met
                before = DEPTH - tied
            passed += before
            total = total - before if total is not None and total < VAGUE else None
            if total is not None and total <= 0:
                break
            window = replace(window, start=last)
            page = tied // PAGE  # earlier ones hold nothing but what is seen
            seen = []
        for crowd, total in crowds:  # now that the states and genres of the whole stretch are known
            await self._by_facets(stretch, crowd, total)
        return True

    async def _backwards(self, stretch: Stretch, window: Window) -> tuple[int, bool]:
        """Reads a window whose first 1,000 events are known from its far end; its total, and if all came."""
        backwards = replace(window, order=_BACKWARDS)
        known = len(stretch.ids)
        [first] = await self._take(stretch, backwards, [0])
        missing = first.total - DEPTH
        await self._take(stretch, backwards, range(1, _pages(missing)))
        return first.total, len(stretch.ids) - known >= missing

    async def _by_facets(self, stretch: Stretch, window: Window, total: int) -> None:
        """Reads a window that time cannot split by state and, if that leaves some out, by genre."""
        for facet in _FACETS:
            if facet in dict(window.filters):
                continue
            found = 0
            for value in sorted(stretch.facets[facet]):
                part = replace(window, filters=(*window.filters, (facet, value)))
                found += await self._crowd(stretch, part)
            if found >= total:
                break

    async def _crowd(self, stretch: Stretch, window: Window) -> int:
        """Reads a window that time cannot split; its total."""
        [first] = await self._take(stretch, window, [0])
        await self._take(stretch, window, range(1, _pages(first.total)))
        if first.total > DEPTH:
            total, whole = await self._backwards(stretch, window)
            if not whole:
                await self._by_facets(stretch, window, total)
        return first.total

    async def _halve(self, stretch: Stretch, window: Window) -> int:
        """Reads a dated window by halves that can be paged through; its total."""
        assert window.start is not None and window.end is not None
        [first] = await self._take(stretch, window, [0])
        if first.total <= DEPTH:
            await self._take(stretch, window, range(1, _pages(first.total)))
            return first.total
        middle = window.start + (window.end - window.start) // 2
        middle = middle.replace(microsecond=0)
        if middle == window.start:
            return await self._crowd(stretch, replace(window, order=_ASCENDING))
        halves = [
            await self._halve(stretch, replace(window, end=middle)),
            await self._halve(stretch, replace(window, start=middle)),
        ]
        return first.total if first.total < VAGUE else sum(halves)


def _pages(total: int) -> int:
    """How many pages of a window with so many events can be read."""
    return -(-min(max(total, 0), DEPTH) // PAGE)


def _cut(window: Window, seen: Sequence[Sighting]) -> datetime | None:
    """An instant after all events seen that leaves about `TARGET` events before it; None if there is none.

    If possible in the country's early morning: an event without a time lies somewhere in its local evening.
    """
    start, end = window.start, window.end
    assert start is not None and end is not None
    last = max((sighting.starts_at for sighting in seen if sighting.starts_at), default=start)
    wished = start + (end - start) / 2
    if last > start:
        wished = min(wished, start + (last - start) * (TARGET / len(seen)))
    wished = max(wished, last + _SECOND).replace(microsecond=0)
    quiet = wished.replace(hour=18 if window.country in _EAST else 10, minute=0, second=0)
    if quiet < wished:
        quiet += timedelta(days=1)
    return next((cut for cut in (quiet, wished) if last < cut < end), None)
