"""How the stand-in for Ticketmaster behaves."""

from dataclasses import dataclass

from sandbox.ticketmaster.embedded_json import Bulk
from sandbox.ticketmaster.oddities import Oddities


@dataclass
class TicketmasterOptions(Oddities):
    """How the stand-in behaves; by default like the real API. None switches a limit off."""

    requests_per_second: float | None = 5.0
    """Spike arrest: a request less than 1/this seconds after the last admitted one gets a 429."""
    spike_tolerance: float = 0.05
    """Seconds by which a request may be too early, to allow for jitter on both sides."""
    daily_quota: int | None = 5_000
    """Requests in a period; further ones get a 429."""
    quota_period: float = 86_400.0
    """Seconds from the first request of a period until the quota is full again."""
    paging_depth: int | None = 1_000
    """A larger size * page is rejected (DIS1035)."""
    total_cap: int | None = 10_000
    """Larger totals are reported as this, and pages that begin past it minus 20 are rejected (DIS1024)."""
    bulk: Bulk = "moderate"
    """How long an event is: light 3 KB, moderate 5 KB with images, full 9 KB."""
    empty_as_404: bool = False
    """An empty result is a 404, as one report says, instead of a 200 without _embedded."""
    broken_last_page: bool = False
    """The last page lacks its events, as observed in 2017."""
    pages_of_20: bool = False
    """totalPages is computed for pages of 20, as one report says."""
    clock_offset: float = 0.0
    """Seconds by which the source's clock is ahead, in its `Date` and in the time when the quota is reset."""
