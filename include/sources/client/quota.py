"""How many more calls an API key may make, counted on our side across runs and tries."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from include.clock import utc_now
from include.errors import QuotaSpent
from include.sources.client.http_headers import http_date

log = logging.getLogger(__name__)

_PERIOD = timedelta(hours=24)
"""A period begins with its first call."""
_JITTER = timedelta(minutes=1)
_BOOKED_AT_ONCE = 50
"""Calls are booked in blocks before they are made: a killed process counts too many, never too few."""


class Spent(msgspec.Struct, frozen=True):
    """The calls of the current period: what is kept between processes."""

    calls: Annotated[int, msgspec.Meta(ge=0)]
    resets_at: Annotated[datetime, msgspec.Meta(tz=True)]


@dataclass(slots=True)
class Quota:
    """The calls one key may make within a period. Every attempt counts, rejected ones included."""

    connection_id: str
    limit: int
    spent: Spent | None
    """What earlier processes booked; None if unknown."""
    save: Callable[[Spent], Awaitable[None]]
    now: Callable[[], datetime] = utc_now
    _calls: int = field(init=False)
    _booked: int = field(init=False)
    _resets_at: datetime = field(init=False)
    _booking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        now = self.now()
        known = self.spent or Spent(0, now)
        if not now < known.resets_at <= now + _PERIOD + _JITTER:  # over, or further off than a period is long
            known = Spent(0, now + _PERIOD)
        self._calls = self._booked = known.calls
        self._resets_at = known.resets_at

    async def spend(self) -> None:
        """Counts a call that is about to be made. Raises `QuotaSpent` if none is left."""
        async with self._booking:
            now = self.now()
            if now >= self._resets_at:
                self._calls = self._booked = 0
                self._resets_at = now + _PERIOD
            if self._calls >= self.limit:
                raise self._quota_spent(f"All {self.limit} calls of the day are spent")
            if self._calls >= self._booked:
                self._booked = min(self._calls + _BOOKED_AT_ONCE, self.limit)
                await self.save(Spent(self._booked, self._resets_at))
            self._calls += 1

    def update_from(self, headers: Mapping[str, str]) -> None:
        """Learns from a response's headers when the source's next period begins.

        Ticketmaster sends `Rate-Limit-Reset`, in milliseconds since 1970 by its own clock (`Date`). A value
        more than a day ahead is ignored: no period is that long.
        """
        now = self.now()
        try:
            reset = datetime.fromtimestamp(int(headers.get("Rate-Limit-Reset", "")) / 1000, UTC)
            left = reset - (http_date(headers.get("Date", "")) or now)
        except (ValueError, OverflowError, OSError):
            return
        if not timedelta() < left <= _PERIOD + _JITTER:
            return
        resets_at = now + left
        if resets_at > self._resets_at + _PERIOD / 2:  # the source's new period has begun before ours
            self._calls, self._booked = 1, 0
        self._resets_at = resets_at

    def exhausted(self) -> QuotaSpent:
        """Records that the source itself reported the quota as spent, and returns the error to raise."""
        self._calls = self._booked = max(self._calls, self.limit)
        return self._quota_spent("The source reports that the calls of the day are spent")

    async def close(self) -> None:
        """Returns the calls that were booked but not made."""
        if self._calls != self._booked or self._calls >= self.limit:
            await self.save(Spent(self._calls, self._resets_at))

    def _quota_spent(self, what: str) -> QuotaSpent:
        return QuotaSpent(
            f"{self.connection_id}: {what}. The run is partial, resumes after "
            f"{self._resets_at:%Y-%m-%d %H:%M:%S} UTC: all responses so far are kept, and the next try requests "
            f"the rest. `daily_quota` in the extra of the Airflow connection `{self.connection_id}` sets the limit.",
            not_before=self._resets_at,
        )
