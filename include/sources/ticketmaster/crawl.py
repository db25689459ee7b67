"""A complete crawl through a search that shows only the first 1,000 hits of any window of time.

The search sorts by date, so a window that holds more is read to its 1,000th event and gone on with from
that event's instant (`_walk`): no call only probes, each brings events home. A long span is cut into
stretches, walked at the same time, whose ends lie where the answers so far expect some thousand events.
The search reports how many events a window holds, up to 10,000; so every stretch is cut until its total is
exact, and is complete when as many distinct events came home. If they did not, or the search turns out not
to sort by date, the stretch is crawled again by halves (`_halve`), which trusts totals only. Where one
instant alone, or a window without time, holds more than 1,000 events, `_crowd` reads it from both ends and
then by state and genre.

Events without a date are found by sweeps of their own, at best for all countries at once. What an earlier
crawl found may say where to cut (`Plan`).

The crawl depends on nothing but the plan and the answers, so a run that is tried again asks the same
questions. Windows share their edges, which the search includes on both sides: nothing can fall between them,
and events met twice count once.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from include.sources.client.task_group import task_group
from include.sources.ticketmaster.plan import Plan, cut_after, early_morning
from include.sources.ticketmaster.windows import (
    ASCENDING,
    BACKWARDS,
    DEPTH,
    DESCENDING,
    FACETS,
    PAGE,
    VAGUE,
    Ask,
    Page,
    Sighting,
    Stretch,
    Window,
)

_LARGE, _SMALL = 4_000, 1_800
"""Events a stretch should hold in the midst of many and where fewer than `VAGUE` are left: each costs half a
page on average, but stretches that are read at the same time keep the allowed rate up at a high latency."""
_MOST = 7_500
"""A stretch that was cut before is cut again if it holds more."""
_STRETCHES_AT_ONCE = 12


class Crawl:
    """Collects every event of some countries that starts within a span of time, and the undated ones."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._stretches: list[Stretch] = []
        self._slots = asyncio.Semaphore(_STRETCHES_AT_ONCE)
        self._expected = 0
        self._tasks: asyncio.TaskGroup

    async def run(
        self, countries: Sequence[str], start: datetime, end: datetime, plan: Plan | None = None
    ) -> list[Stretch]:
        """The stretches it took, by name. Raises what `ask` raises."""
        plan = plan or Plan()
        self._expected = plan.expected
        async with task_group() as self._tasks:
            for country in countries:
                instants = [start, *plan.cuts.get(country, []), end]
                for begin, cut in pairwise(instants):
                    window = Window(country, begin, cut)
                    self._tasks.create_task(self._dated(window, planned=len(instants) > 2))
            for parameter in ("includeTBA", "includeTBD"):
                worldwide = len(countries) > 1 and parameter not in plan.by_country
                self._tasks.create_task(self._undated(countries, parameter, worldwide))
        return sorted(self._stretches, key=lambda stretch: stretch.window.name())

    def progress(self) -> tuple[int, int]:
        """How many distinct events came so far, and how many there should be as far as is known."""
        done = sum(stretch.distinct or len(stretch.ids) for stretch in self._stretches)
        return done, max(self._expected, sum(stretch.reported for stretch in self._stretches))

    def _begin(self, window: Window) -> Stretch:
        self._stretches.append(Stretch(window))
        return self._stretches[-1]

    async def _dated(self, window: Window, planned: bool = False) -> None:
        stretch = self._begin(window)
        [first] = await self._take(stretch, window, [0])
        total: int | None = first.total
        stretch.reported = first.total
        target = _LARGE if first.total >= VAGUE else _SMALL
        most = _MOST if planned else target * 3 // 2
        if first.total > most and (cut := cut_after(window, first.sightings, target)):
            self._leave(stretch, cut, in_halves=first.total >= VAGUE)
            total = None
        async with self._slots:
            if not await self._walk(stretch, first.sightings, total) or not stretch.complete:
                stretch.reported = await self._halve(stretch, replace(stretch.window, order=DESCENDING))
            stretch.finish()

    def _leave(self, stretch: Stretch, cut: datetime, in_halves: bool = False) -> None:
        """Leaves what comes after an instant to one new stretch, or to two that are begun at once."""
        end = stretch.window.end
        assert end is not None
        middle = early_morning(cut + (end - cut) / 2, stretch.window.country)
        instants = [cut, middle, end] if in_halves and middle < end else [cut, end]
        for begins, ends in pairwise(instants):
            self._tasks.create_task(self._dated(replace(stretch.window, start=begins, end=ends)))
        stretch.window = replace(stretch.window, end=cut)

    async def _undated(self, countries: Sequence[str], parameter: str, worldwide: bool) -> None:
        """One sweep: worldwide if that takes fewer calls than asking country by country, else by country."""
        filters = ((parameter, "only"),)
        if worldwide and await self._everywhere(Window(None, None, None, filters), len(countries)):
            return
        for country in countries:
            self._tasks.create_task(self._undated_of(Window(country, None, None, filters)))

    async def _everywhere(self, window: Window, most_calls: int) -> bool:
        """Reads the undated of all countries; False when that would take too many more calls.

        So too when somebody's country is unknown: only the search can tell whose such an event is.
        """
        async with self._slots:
            stretch = self._begin(window)
            [first] = await self._take(stretch, window, [0])
            stretch.reported = first.total
            pays = first.total <= DEPTH and _pages(first.total) <= most_calls
            answers = [first]
            if pays:
                answers += await self._take(stretch, window, range(1, _pages(first.total)))
            stretch.given_up = not pays or not all(
                sighting.country_code for answer in answers for sighting in answer.sightings
            )
            stretch.finish()
            return not stretch.given_up

    async def _undated_of(self, window: Window) -> None:
        async with self._slots:
            stretch = self._begin(window)
            stretch.reported = await self._crowd(stretch, window)
            stretch.finish()

    async def _take(self, stretch: Stretch, window: Window, pages: Sequence[int]) -> list[Page]:
        # A stretch is read one window after the other: the one that has most to read must not wait.
        left = stretch.reported - len(stretch.ids) if stretch.ids else math.inf
        async with task_group() as tasks:
            asking = [tasks.create_task(self._ask(window, page, left)) for page in pages]
        answers = [asked.result() for asked in asking]
        for page, answer in zip(pages, answers, strict=True):
            stretch.add(window, page, answer)
        return answers

    async def _walk(self, stretch: Stretch, first: Sequence[Sighting], total: int | None) -> bool:
        """Reads the stretch from start to end, whose first page and, if known, total are given.

        False when the search does not sort by date, which makes walking useless.
        """
        window = stretch.window
        crowds: list[tuple[Window, int]] = []  # single instants of which not all came, and their totals
        passed = 0  # events of the stretch before window.start
        exact = False  # whether the stretch's own total is known
        page = 1  # the next one to ask of this window
        seen = list(first)  # what those asked hold
        while True:
            wanted = range(page, page + 1 if total is None else max(page, _pages(total)))
            for answer in await self._take(stretch, window, wanted):
                total = answer.total
                seen += answer.sightings
            page = wanted.stop
            assert total is not None
            if window.start == stretch.window.start:
                stretch.reported, exact = total, total < VAGUE
            elif not exact:
                stretch.reported = passed + total
            if total > _MOST and (cut := cut_after(window, seen, _LARGE)):
                self._leave(stretch, cut)
                window = replace(window, end=cut)
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
            if last == window.start or (len(seen) >= DEPTH and seen[-DEPTH].starts_at == last):
                crowd = replace(window, start=last, end=last)
                before, all_came = await self._backwards(stretch, crowd)
                if not all_came:
                    crowds.append((crowd, before))
                tied, last = 0, last + timedelta(seconds=1)
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
        backwards = replace(window, order=BACKWARDS)
        known = len(stretch.ids)
        [first] = await self._take(stretch, backwards, [0])
        missing = first.total - DEPTH
        await self._take(stretch, backwards, range(1, _pages(missing)))
        return first.total, len(stretch.ids) - known >= missing

    async def _by_facets(self, stretch: Stretch, window: Window, total: int) -> None:
        """Reads a window that time cannot split by state and, if that leaves some out, by genre."""
        for facet in FACETS:
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
            return await self._crowd(stretch, replace(window, order=ASCENDING))
        halves = [
            await self._halve(stretch, replace(window, end=middle)),
            await self._halve(stretch, replace(window, start=middle)),
        ]
        return first.total if first.total < VAGUE else sum(halves)


def _pages(total: int) -> int:
    """How many pages of a window with so many events can be read."""
    return -(-min(max(total, 0), DEPTH) // PAGE)
