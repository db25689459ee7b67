"""The responses of a run: those an earlier try kept, and new ones, kept under `raw/` as they arrive."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from include.errors import ManifestInvalid, QuotaSpent
from include.lake.raw import RawRun
from include.sources.client.http import Client
from include.sources.client.messages import Request, Response
from include.sources.text import mended

log = logging.getLogger(__name__)
Parsed = TypeVar("Parsed")

_SECONDS_BETWEEN_REPORTS = 5


class Responses:
    """The responses to one run's requests."""

    def __init__(self, raw: RawRun, client: Client) -> None:
        self._raw = raw
        self._client = client
        self._kept = raw.names()
        self._in_flight = 0
        self._none_in_flight = asyncio.Event()
        self._started = self._reported = time.monotonic()
        self._requests: dict[str, int] = {}
        self.outlook: Callable[[], tuple[int, int, str]] = lambda: (len(self._requests), 0, "responses")
        """How much is done, how much is expected, and in what unit: for the progress in the log."""
        self.replayed = 0
        """Responses kept by an earlier try."""
        self.received = 0
        """Responses received by this try."""
        if self._kept:
            log.info(
                "%s %s resumes with %d responses kept by earlier tries", raw.dataset, raw.run, len(self._kept)
            )

    async def ask(self, request: Request, read: Callable[[Response], Parsed]) -> Parsed:
        """The response as parsed by `read`. Raises what the client raises."""
        if request.name in self._kept:
            try:
                kept = await asyncio.to_thread(self._raw.get, request.name)
            except ManifestInvalid as invalid:
                log.warning("%s is requested again: %s", request.name, invalid)
            else:
                self.replayed += 1
                self._requests[request.name] = kept.requests
                return read(Response(kept.status, {}, bytes(kept.body), kept.received_at))
        try:
            return await self._ask(request, read)
        except QuotaSpent:
            await self._none_in_flight.wait()  # requests in flight are already counted: keep their responses
            raise

    def requests(self, names: Iterable[str]) -> int:
        """How many requests these responses took, in whichever try."""
        return sum(self._requests[name] for name in names)

    async def _ask(self, request: Request, read: Callable[[Response], Parsed]) -> Parsed:
        self._in_flight += 1
        self._none_in_flight.clear()
        try:
            async with self._client.get(request, read) as (response, parsed):
                await asyncio.to_thread(
                    self._raw.put,
                    request.name,
                    {"path": request.path, **request.params},
                    response.status,
                    response.received_at,
                    mended(response.body),  # half a surrogate pair, and no decoder would read the line again
                    response.requests,
                )
                self._requests[request.name] = response.requests
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._none_in_flight.set()
        self._kept.add(request.name)
        self.received += 1
        self._report_progress()
        return parsed

    def _report_progress(self) -> None:
        now = time.monotonic()
        if now - self._reported < _SECONDS_BETWEEN_REPORTS:
            return
        self._reported = now
        done, expected, unit = self.outlook()
        elapsed = now - self._started
        if not done:
            when = "just begun"
        elif done < expected:
            left = timedelta(seconds=elapsed * (expected - done) / done)
            when = f"done at about {self._client.now() + left:%H:%M:%S} UTC"
        else:
            when = "being checked"
        log.info(
            "%s: %s responses at %.1f a second, %s of about %s %s; %s",
            self._raw.dataset,
            f"{self.received + self.replayed:,}",
            self.received / elapsed,
            f"{done:,}",
            f"{expected:,}",
            unit,
            when,
        )
