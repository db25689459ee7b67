"""Reads a window until its numbers add up: as a whole, in the opposite order, by halves, and at last as a crowd."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from include.sources.ticketmaster.crowds import Crowds, rows_of, stops_short
from include.sources.ticketmaster.fluctuation import Fluctuation
from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import Stretch, is_indivisible
from include.sources.ticketmaster.windows import ASCENDING, DEPTH, DESCENDING, PAGE, Page, Window

_FULL = 900
"""Events in a window that is read as a whole: as many as paging can reach, minus a margin for unknown ones."""
_SMALL = 25
"""A window with this few events is not halved to work around a page that cannot be fetched."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a window was found to hold."""

    events: int
    """Events accounted for; those listed twice count twice."""
    whole: bool
    """Whether each of the windows it was split into adds up by itself."""


class Halves:
    """Reads windows. Raises what its reader raises."""

    def __init__(self, reader: Reader, fluctuation: Fluctuation, crowds: Crowds) -> None:
        self._reader = reader
        self._fluctuation = fluctuation
        self._crowds = crowds

    async def read(self, stretch: Stretch, window: Window, first: Page | None = None) -> Content:
        """Reads a window, by halves if it holds more events than paging can reach, within the stretch's budget."""
        if self._reader.spent(stretch):
            return Content(0, False)
        if first is None:
            [first] = await self._reader.take(stretch, window, [0])
        total = stretch.total(window)
        pages: Sequence[Page] | None = None
        if total <= DEPTH and first.lost is None:
            pages = await self._reader.rest(stretch, window, first)
            if not stops_short(pages):
                content = await self._whole(stretch, window, pages)
                if content is not None:
                    return content
        if is_indivisible(window):
            rows, whole = await self._crowds.read(stretch, window, first, pages)
            return Content(len(rows), whole)
        if first.lost is not None and _small(stretch, window):
            return Content(0, False)
        middle = _middle(stretch, window)
        first_half = await self.read(stretch, replace(window, end=middle))
        second_half = await self.read(stretch, replace(window, start=middle))
        shared = sum(seen.starts_at == middle for seen, _ in stretch.sightings.values())
        events = first_half.events + second_half.events - shared
        return Content(events, first_half.whole and second_half.whole)

    async def _whole(self, stretch: Stretch, window: Window, pages: Sequence[Page]) -> Content | None:
        """What a window with these pages holds; None if its halves should be read instead."""
        rows = rows_of(pages)
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
        again, total = rows_of(others), stretch.total(window)
        if again and set(again) == set(rows) == pages[0].ids == first.ids:
            self._reader.fluctuation = max(self._reader.fluctuation, abs(pages[0].total - first.total))
        same = Counter(again) == Counter(rows)
        if same and len(rows) == total:
            return Content(total, True)
        both = len({*rows, *again})
        if both == total:
            return Content(both, True)
        if same and await self._fluctuation.excused(stretch, window, both):
            return Content(both, True)
        return Content(both, False) if is_indivisible(window) or total <= PAGE else None


def _small(stretch: Stretch, window: Window) -> bool:
    """Whether the window is too small for smaller ones to be worth trying when a page cannot be fetched."""
    if window.start is None or window.end is None or 0 < stretch.total(window) <= _SMALL:
        return True
    return not stretch.total(window) and window.end - window.start <= timedelta(days=1)


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
