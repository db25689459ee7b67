"""A semaphore that serves the most urgent waiter first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count


class PrioritySemaphore:
    """At most `limit` holders at a time; of those waiting, the most urgent is next, then the oldest."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    @asynccontextmanager
    async def acquire(self, urgency: float) -> AsyncIterator[None]:
        """Waits until it may proceed, and releases when the block ends."""
        if self._free:
            self._free -= 1
        else:
            released = asyncio.get_running_loop().create_future()
            heappush(self._waiting, (-urgency, next(self._arrivals), released))
            await released
        try:
            yield
        finally:
            while self._waiting:
                _, _, waiter = heappop(self._waiting)
                if not waiter.done():  # it may have been cancelled
                    waiter.set_result(None)
                    break
            else:
                self._free += 1
