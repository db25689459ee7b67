"""The vocabulary of a crawl: windows, pages and sightings of a search that shows only the first 1,000 hits."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

PAGE = 200
"""Events on a full page."""
DEPTH = 1_000
"""How many events of a window paging can reach."""
VAGUE = 10_000
"""A reported total of this or more only means "at least this many"."""
ASCENDING, DESCENDING = "date,name,asc", "date,name,desc"
BACKWARDS, FORWARDS = "name,desc", "name,asc"
FACETS = ("stateCode", "genreId")
"""The parameters used to split a window that cannot be split by time."""

Span = tuple[str | None, datetime | None, datetime | None, tuple[tuple[str, str], ...]]
"""What a window asks for, regardless of sort order and repetition."""


@dataclass(frozen=True, slots=True)
class Window:
    """What one search asks for: a country's events that start between two instants, both included.

    Without instants, `filters` say which undated events are meant.
    """

    country: str | None
    """None asks for the whole world."""
    start: datetime | None
    end: datetime | None
    filters: tuple[tuple[str, str], ...] = ()
    order: str = ASCENDING
    """The sort parameter."""
    again: int = 0
    """Distinguishes repetitions of one request; set by the `Reader`."""

    @property
    def span(self) -> Span:
        return self.country, self.start, self.end, self.filters

    def name(self) -> str:
        """A name no other window has, made of letters, digits, hyphens and dots."""
        instants = [f"{at:%Y%m%dT%H%M%S}" for at in (self.start, self.end) if at]
        filters = [f"{parameter}.{_short(value)}" for parameter, value in self.filters]
        order = [] if self.order == ASCENDING else [self.order.replace(",", ".")]
        again = [f"again.{self.again}"] if self.again else []
        return "-".join([self.country or "world", *instants, *filters, *order, *again])


def _short(value: str) -> str:
    """A value, or a digest of a list of ids."""
    return value if len(value) <= 32 else hashlib.blake2b(value.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the crawl needs to know about an event."""

    id: str
    starts_at: datetime | None
    """None when the event has a day but no time, or no date."""
    country_code: str | None
    state_code: str | None
    genre_id: str | None
    local_date: date | None = None

    def lies_in(self, window: Window, asked: Window) -> bool:
        """Whether it belongs to a window, given the window whose response it came in.

        An event without a time does if its local date does everywhere on Earth, or if it came in response to that
        window or one within it: it is undocumented at which time of its day the search places it.
        """
        if window.start is None or window.end is None or asked.start is None or asked.end is None:
            return True
        if self.starts_at is not None:
            return window.start <= self.starts_at <= window.end
        after_start, before_end = window.start <= asked.start, asked.end <= window.end
        if self.local_date is not None:
            midnight = datetime.combine(self.local_date, time(), UTC)
            after_start |= window.start <= midnight - timedelta(hours=14)
            before_end |= midnight + timedelta(hours=36) <= window.end
        return after_start and before_end


@dataclass(frozen=True, slots=True)
class Page:
    """One response of the search."""

    total: int
    """Events in the window, as reported."""
    sightings: tuple[Sighting, ...]
    too_deep: bool = False
    """Whether the search rejected paging that deep."""
    size: int = PAGE
    """Events on a full page, as reported: at most as many as requested."""
    lost: str | None = None
    """Why the page could not be fetched, or None if it was."""

    @property
    def full(self) -> bool:
        return len(self.sightings) >= self.size

    @property
    def ids(self) -> set[str]:
        return {seen.id for seen in self.sightings}


Ask = Callable[[Window, int, float], Coroutine[Any, Any, Page]]
"""Fetches the page of a window with this number, counted from 0. Among waiting requests, the one with the largest
third argument goes first."""


def pages_of(total: int) -> int:
    """How many pages of a window with `total` events paging can reach."""
    return -(-min(max(total, 0), DEPTH) // PAGE)
