"""The terms of a crawl through a search that shows only the first 1,000 hits of any window of time."""

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

PAGE = 200
"""Events on a full page."""
DEPTH = 1_000
"""Events of a window that can be paged to."""
VAGUE = 10_000
"""A reported total of this or more only means: at least that many."""
ASCENDING, DESCENDING, BACKWARDS = "date,name,asc", "date,name,desc", "name,desc"
FACETS = ("stateCode", "genreId")
"""The parameters that split a window which time cannot split."""

Span = tuple[str | None, datetime | None, datetime | None, tuple[tuple[str, str], ...]]
"""What a window asks for, regardless of the order and the repetition."""


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
    """Which asking it is, of which the `Reader` sees to it: each is a request of its own."""

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
    """What the crawl needs to know of an event."""

    id: str
    starts_at: datetime | None
    """None when the event has a day but no time, or no date."""
    country_code: str | None
    state_code: str | None
    genre_id: str | None
    local_date: date | None = None

    def lies_in(self, window: Window, asked: Window) -> bool:
        """Whether it belongs to a window, given the one whose response it came in.

        An event without a time does if its local date does everywhere on Earth, or if it came in response
        to that window or a part of it: where in its day the search finds it is not said.
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
    walled: bool = False
    """Whether the search refused to page that deep."""
    lost: str | None = None
    """Why it could not be fetched, if it could not."""


Ask = Callable[[Window, int, float], Coroutine[Any, Any, Page]]
"""Gets a window's page of this number, counted from 0; of those that wait, the one with the largest third
argument first."""


def pages_of(total: int) -> int:
    """How many pages of a window with `total` events can be read."""
    return -(-min(max(total, 0), DEPTH) // PAGE)
