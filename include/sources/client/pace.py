"""When requests are sent: at a steady rate, and not while the source has asked for a pause."""

import asyncio

from aiolimiter import AsyncLimiter

SPACING = 1.025
"""Requests are spaced slightly wider than the rate requires, so that network jitter cannot exceed it."""


class Pace:
    """The pace of all requests with one API key."""

    def __init__(self, requests_per_second: float) -> None:
        self._rate_limiter = AsyncLimiter(1, SPACING / requests_per_second)
        self._paused_until = 0.0
        """By the event loop's clock."""

    def pause(self, seconds: float) -> None:
        """From now on no request is sent for that long; a longer pause goes on."""
        self._paused_until = max(self._paused_until, asyncio.get_running_loop().time() + seconds)

    async def wait(self) -> None:
        """Waits until it is a request's turn."""
        await self._rate_limiter.acquire()
        while await self.wait_out_pause():
            await self._rate_limiter.acquire()  # or the next one would be sent at the same time

    async def wait_out_pause(self) -> bool:
        """Waits until the source accepts requests again; returns whether it had to wait."""
        waited = False
        while (left := self._paused_until - asyncio.get_running_loop().time()) > 0:
            waited = True
            await asyncio.sleep(left)
        return waited
