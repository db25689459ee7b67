"""Decides whether all events of a stretch were received, and reads the stretch again if the numbers do not add up.

The number of events received is compared with the largest total ever reported for the stretch. If they differ, the
stretch is read again in the opposite order and by halves, down to windows of a single page if necessary, where no
order, tie or page boundary can hide an event. A window's difference is then explained in one of three ways:

-  all events have been received by now;
-  its total counts events that are listed twice: two readings return exactly the same rows, repeats included, and
   their number equals the total;
-  its total changed while it was read: two full readings in a row return exactly the same events, and either the
   total fell to their number and stays there however often it is requested, or totals fluctuate: responses with the
   same events report different totals, and the number of events received lies in the middle of what its own
   responses report.

Every total ever reported counts: that of the stretch, of a window within it, or of a wider one. Whatever is not
explained is missing. A total at the cap proves nothing; such a window is complete only if both of its halves are.
An event that is rescheduled during the crawl, from a day not read yet to one already read, cannot be distinguished
from one that is no longer listed; the next crawl will find it. It is also impossible to see that a window holds more
events than any response reported, which is why events that the last complete crawl listed are looked up (`LookUp`).
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from include.sources.ticketmaster.reader import Reader, may_go_on
from include.sources.ticketmaster.stretch import SETTLED, Stretch, is_indivisible
from include.sources.ticketmaster.windows import (
    ASCENDING,
    BACKWARDS,
    DEPTH,
    DESCENDING,
    FACETS,
    FORWARDS,
    PAGE,
    VAGUE,
    Page,
    Window,
    pages_of,
)

_READINGS = 3
"""How many times a stretch is read again at most."""
_FULL = 900
"""Events in a window that is read as a whole: as many as paging can reach, minus a margin for unknown ones."""


_FAR_END = {ASCENDING: BACKWARDS, DESCENDING: FORWARDS}
"""The order in which the last events of a window that time cannot split come first."""
_SAMPLES = 3 * SETTLED
"""How many responses are requested at most to see between which totals a window fluctuates."""
_MOST_REQUESTS = 500
"""No window is read any more after this many requests for a stretch, plus ten for each full page of its total."""
_SMALL = 25
"""A window with this few events is not halved to work around a page that cannot be fetched."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a window was found to hold."""

    events: int
    """Events accounted for; those listed twice count twice."""
    whole: bool
    """Whether each of the windows it was split into adds up by itself."""


class Proof:
    """Judges stretches. Raises what its reader raises."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._measured = False
        self._measuring = asyncio.Lock()

    async def settle(self, stretch: Stretch, received: set[str] | None, first: Page | None = None) -> None:
        """Reads a stretch until any difference is explained, or records what is missing.

        `received` holds the events that a full reading returned, if there was one; `first` is the first page of a
        window without instants, when nothing else of it has been read yet.
        """
        if received and not stretch.total(stretch.window):
            # Its window was cut after its last request, so no total was reported for what is left of it.
            await self._reader.take(stretch, stretch.window, [0])
        readings = [frozenset(received)] if received is not None else []
        content = Content(len(received or ()), not stretch.vague)
        fluctuation = 0
        for number in range(1, _READINGS + 1):
            explained = bool(readings) and await self._explained(stretch, content, readings)
            if _agreed(readings) and not explained:
                await self._measure_fluctuation(stretch)
            hopeless = _agreed(readings) and not explained and self._reader.fluctuation == fluctuation
            if explained or hopeless:
                break
            fluctuation = self._reader.fluctuation
            if first is not None and number == 1:
                content = await self._window(stretch, stretch.window, first)
            else:
                stretch.begin_reading()
                # Alternating, since two readings in one order would lack the same events.
                order = DESCENDING if number % 2 == (first is None) else ASCENDING
                content = await self._window(stretch, replace(stretch.window, order=order))
            readings.append(frozenset(stretch.reading))
        await self._judge(stretch, content, readings)

    async def excused(self, stretch: Stretch, window: Window, received: int) -> bool:
        """Whether fewer events were received than reported only because the total fluctuates, or has fallen since."""
        known = stretch.totals[window.span]
        for _ in range(_SAMPLES):
            missing, since = known.most - received, known.since_more_than(received)
            if missing <= 0 or since >= SETTLED:
                return True
            fluctuates = 2 * missing <= self._reader.fluctuation
            if fluctuates and 2 * missing <= known.most - known.least:
                return True
            if not fluctuates and not since:
                return False
            await self._reader.take(stretch, window, [0])
        return False

    async def _measure_fluctuation(self, stretch: Stretch) -> None:
        """Requests one page again and again, until once in a crawl it shows by how much totals fluctuate."""
        async with self._measuring:
            window, instants = stretch.window, stretch.instants()
            is_small = stretch.total(window) <= PAGE // 2
            if self._measured or not (instants or is_small):
                return
            if not is_small:
                window = replace(window, end=instants[: PAGE // 2][-1], order=ASCENDING)
            pages: list[Page] = []
            while len(pages) < SETTLED or (self._reader.fluctuation and len(pages) < _SAMPLES):
                pages += await self._reader.take(stretch, window, [0])
                if pages[-1].full or _ids(pages[-1]) != _ids(pages[0]):
                    return
                totals = [page.total for page in pages]
                self._reader.fluctuation = max(self._reader.fluctuation, max(totals) - min(totals))
                self._measured = max(totals) > min(totals)

    async def _judge(self, stretch: Stretch, content: Content, readings: Sequence[frozenset[str]]) -> None:
        total, inside = stretch.total(stretch.window), len(stretch.inside())
        received = max(content.events, inside)
        stretch.reported = max(total, inside)
        if not await self._explained(stretch, content, readings):
            short = stretch.short_windows()
            if received < total:
                stretch.incomplete(total - received, f"received {inside} of {total} reported events")
            elif short:
                window, received = max(short, key=lambda each: stretch.total(each[0]) - each[1])
                reported = stretch.total(window)
                stretch.incomplete(
                    reported - received,
                    f"received {received} of the {reported} events that {window.name()} reported",
                )
            elif stretch.vague:
                stretch.incomplete(
                    1,
                    f"{total} or more events were reported, but the windows it was split into do not add up",
                )
            else:
                stretch.incomplete(
                    1, f"received {inside} events, {total} were reported, and no reading was complete"
                )

    async def _explained(
        self, stretch: Stretch, content: Content, readings: Sequence[frozenset[str]]
    ) -> bool:
        known = stretch.totals.get(stretch.window.span)
        if known is None:  # it is empty, as the opposite order confirmed
            return not stretch.lost and not content.events
        for window, received in stretch.short_windows():
            if not await self.excused(stretch, window, received):
                return False
        agreed = _agreed(readings)
        inside = len(stretch.inside())
        if stretch.vague:
            return content.whole and agreed
        if inside == known.most or content.events == known.most:
            return True
        if inside > known.most:  # a total that is too low proves nothing
            return agreed and content.whole and not stretch.lost
        return (
            agreed
            and content.whole
            and await self.excused(stretch, stretch.window, max(inside, content.events))
        )

    async def _window(self, stretch: Stretch, window: Window, first: Page | None = None) -> Content:
        """Reads a window, by halves if it holds more events than paging can reach, within the stretch's budget."""
        if stretch.requests > (most := _MOST_REQUESTS + 10 * -(-stretch.total(stretch.window) // PAGE)):
            why = f"its totals still did not add up after {most} requests"
            if why not in stretch.lost:
                stretch.lost.insert(0, why)
            return Content(0, False)
        if first is None:
            [first] = await self._reader.take(stretch, window, [0])
        total = stretch.total(window)
        pages: Sequence[Page] | None = None
        if total <= DEPTH and first.lost is None:
            pages = await self._reader.rest(stretch, window, first)
            if not _stops_short(pages):
                content = await self._whole(stretch, window, pages)
                if content is not None:
                    return content
        if is_indivisible(window):
            rows, whole = await self._crowd(stretch, window, first, pages)
            return Content(len(rows), whole)
        if first.lost is not None and _small(stretch, window):
            return Content(0, False)
        middle = _middle(stretch, window)
        first_half = await self._window(stretch, replace(window, end=middle))
        second_half = await self._window(stretch, replace(window, start=middle))
        shared = sum(seen.starts_at == middle for seen, _ in stretch.sightings.values())
        events = first_half.events + second_half.events - shared
        return Content(events, first_half.whole and second_half.whole)

    async def _whole(self, stretch: Stretch, window: Window, pages: Sequence[Page]) -> Content | None:
        """What a window with these pages holds; None if its halves should be read instead."""
        rows = _rows(pages)
        total = stretch.total(window)
        if any(page.lost is not None for page in pages):
            return (
                Content(len(set(rows)), False) if is_indivisible(window) or _small(stretch, window) else None
            )
        if len(set(rows)) == total:
            return Content(total, True)
        if len(rows) < total and total > PAGE and not is_indivisible(window):
            return None
        order = ASCENDING if window.order == DESCENDING else DESCENDING
        other = replace(window, order=order)
        [first] = await self._reader.take(stretch, other, [0])
        others = await self._reader.rest(stretch, other, first)
        again, total = _rows(others), stretch.total(window)
        if again and set(again) == set(rows) == _ids(pages[0]) == _ids(first):
            self._reader.fluctuation = max(self._reader.fluctuation, abs(pages[0].total - first.total))
        same = Counter(again) == Counter(rows)
        if same and len(rows) == total:
            return Content(total, True)
        both = len({*rows, *again})
        if both == total:
            return Content(both, True)
        if same and await self.excused(stretch, window, both):
            return Content(both, True)
        return Content(both, False) if is_indivisible(window) or total <= PAGE else None

    async def _crowd(
        self,
        stretch: Stretch,
        window: Window,
        first: Page | None = None,
        pages: Sequence[Page] | None = None,
    ) -> tuple[set[str], bool]:
        """Reads a window that time cannot split, from both ends, then by state and by genre.

        Returns the ids received, and whether these are all: because the ends met or, where they did not, because
        the states and genres brought exactly the total, which may have been capped there. `first` and `pages` are
        what has been read already.
        """
        if first is None:
            [first] = await self._reader.take(stretch, window, [0])
        pages = pages or await self._reader.rest(stretch, window, first)
        rows, ends_met = set(_rows(pages)), True
        if _stops_short(pages) or stretch.total(window) > DEPTH:
            rows, ends_met = await self.backwards(stretch, window, rows)
            if not ends_met or len(rows) < stretch.total(window):
                rows |= await self.by_facets(stretch, window, stretch.total(window))
        total = stretch.total(window)
        whole = len(rows) >= total if ends_met else len(rows) == total
        return rows, whole and total < VAGUE and all(page.lost is None for page in pages)

    async def backwards(self, stretch: Stretch, window: Window, known: set[str]) -> tuple[set[str], bool]:
        """Reads a window whose first events are known from its far end.

        Returns the ids received, known ones included, and whether the two ends met: whether they overlap and no
        total says more, or a whole page contains known events only.
        """
        far = replace(window, order=_FAR_END[window.order])
        pages = await self._reader.take(stretch, far, [0])
        while True:
            rows = known.union(_rows(pages))
            last, total = _ids(pages[-1]), stretch.total(far)
            if any(page.lost is not None for page in pages):
                return rows, False
            if last and (last <= known or (len(rows) == total and last & known)):
                return rows, True
            if len(pages) >= DEPTH // PAGE:
                return rows, False
            missing = pages_of(total - len(rows))
            pages += await self._reader.take(
                stretch, far, range(len(pages), min(len(pages) + max(missing, 1), DEPTH // PAGE))
            )

    async def by_facets(self, stretch: Stretch, window: Window, total: int) -> set[str]:
        """Reads a window that time cannot split by state and, if that misses some events, by genre."""
        rows: set[str] = set()
        for facet in FACETS:
            if facet in dict(window.filters):
                continue
            for value in sorted(stretch.facets[facet]):
                faceted = replace(window, filters=(*window.filters, (facet, value)), order=ASCENDING)
                rows |= (await self._crowd(stretch, faceted))[0]
            if len(rows) == total:  # with more, the total is wrong
                break
        return rows


def _agreed(readings: Sequence[frozenset[str]]) -> bool:
    return len(readings) > 1 and readings[-1] == readings[-2]


def _stops_short(pages: Sequence[Page]) -> bool:
    """Whether paging ended before the window did, as far as one can see."""
    return len(pages) * PAGE >= DEPTH and may_go_on(pages)


def _small(stretch: Stretch, window: Window) -> bool:
    """Whether the window is too small for smaller ones to be worth trying when a page cannot be fetched."""
    if window.start is None or window.end is None or 0 < stretch.total(window) <= _SMALL:
        return True
    return not stretch.total(window) and window.end - window.start <= timedelta(days=1)


def _ids(page: Page) -> set[str]:
    return {seen.id for seen in page.sightings}


def _rows(pages: Sequence[Page]) -> list[str]:
    return [seen.id for page in pages for seen in page.sightings]


def _middle(stretch: Stretch, window: Window) -> datetime:
    """Where to cut a window in two, so that few windows are likely to be needed to read all of it.

    Not on a full minute if possible: events begin on full minutes, so none is in both halves.
    """
    start, end = window.start, window.end
    assert start is not None and end is not None
    instants = sorted(
        seen.starts_at
        for seen, _ in stretch.sightings.values()
        if seen.starts_at is not None and start < seen.starts_at < end
    )
    windows = max(2, -(-max(stretch.total(window), len(instants)) // _FULL))
    middle = start + (end - start) / 2
    if len(instants) >= windows:
        middle = instants[len(instants) * (windows // 2) // windows]
    between = middle.replace(second=0, microsecond=0) + timedelta(seconds=37)
    if not start < between < end:
        between = middle.replace(microsecond=0)
    if not start < between < end:
        between = (start + (end - start) / 2).replace(microsecond=0)
    return between
