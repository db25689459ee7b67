"""Who may ask next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count


class Turns:
    """Lets so many go at once; of those that wait, the most urgent goes next."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    @asynccontextmanager
    async def turn(self, urgency: float) -> AsyncIterator[None]:
        """Waits for its turn, which lasts as long as the block."""
        if self._free:
            self._free -= 1
        else:
            called = asyncio.get_running_loop().create_future()
            heappush(self._waiting, (-urgency, next(self._arrivals), called))
            await called
        try:
            yield
        finally:
            while self._waiting:
                _, _, next_one = heappop(self._waiting)
                if not next_one.done():  # it may have been cancelled
                    next_one.set_result(None)
                    break
            else:
                self._free += 1
