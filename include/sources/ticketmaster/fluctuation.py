"""By how much totals fluctuate, and which differences that explains."""

import asyncio
from dataclasses import replace

from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import SETTLED, Stretch
from include.sources.ticketmaster.windows import ASCENDING, PAGE, Page, Window

_SAMPLES = 3 * SETTLED
"""How many responses are requested at most to see between which totals a window fluctuates."""


class Fluctuation:
    """Explains differences. Raises what its reader raises."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._measured = False
        self._measuring = asyncio.Lock()

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

    async def measure(self, stretch: Stretch) -> None:
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
                if pages[-1].full or pages[-1].ids != pages[0].ids:
                    return
                totals = [page.total for page in pages]
                self._reader.fluctuation = max(self._reader.fluctuation, max(totals) - min(totals))
                self._measured = max(totals) > min(totals)
