"""Reads windows that time cannot split, from both ends, then by state and by genre."""

from collections.abc import Sequence
from dataclasses import replace

from include.sources.ticketmaster.reader import Reader, may_go_on
from include.sources.ticketmaster.stretch import Stretch
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

_FAR_END = {ASCENDING: BACKWARDS, DESCENDING: FORWARDS}
"""The order in which the last events of a window that time cannot split come first."""


class Crowds:
    """Raises what its reader raises."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def read(
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
        rows, ends_met = set(rows_of(pages)), True
        if stops_short(pages) or stretch.total(window) > DEPTH:
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
            rows = known.union(rows_of(pages))
            last, total = pages[-1].ids, stretch.total(far)
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
                if self._reader.spent(stretch):
                    return rows
                faceted = replace(window, filters=(*window.filters, (facet, value)), order=ASCENDING)
                rows |= (await self.read(stretch, faceted))[0]
            if len(rows) == total:  # with more, the total is wrong
                break
        return rows


def stops_short(pages: Sequence[Page]) -> bool:
    """Whether paging ended before the window did, as far as one can see."""
    return len(pages) * PAGE >= DEPTH and may_go_on(pages)


def rows_of(pages: Sequence[Page]) -> list[str]:
    """The ids of the events on these pages, in order, repetitions included."""
    return [seen.id for page in pages for seen in page.sightings]
