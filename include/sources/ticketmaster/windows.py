"""The terms of a crawl through a search that shows only the first 1,000 hits of any window of time."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PAGE = 200
"""Events on a full page."""
DEPTH = 1_000
"""Events of a window that can be paged to."""
VAGUE = 10_000
"""A reported total of this or more means: at least so many."""
ASCENDING, DESCENDING, BACKWARDS = "date,name,asc", "date,name,desc", "name,desc"
FACETS = ("stateCode", "genreId")
"""By what a window that time cannot split is split."""


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

    def name(self) -> str:
        """A name no other window has, made of letters, digits, hyphens and dots."""
        instants = [f"{at:%Y%m%dT%H%M%S}" for at in (self.start, self.end) if at]
        filters = [f"{parameter}.{value}" for parameter, value in self.filters]
        order = [] if self.order == ASCENDING else [self.order.replace(",", ".")]
        return "-".join([self.country or "world", *instants, *filters, *order])


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the plan needs to know of an event."""

    id: str
    starts_at: datetime | None
    """None when the event has a day but no time, or no date."""
    country_code: str | None
    state_code: str | None
    genre_id: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the search."""

    total: int
    """Events in the window, as reported."""
    sightings: tuple[Sighting, ...]


Ask = Callable[[Window, int, float], Coroutine[Any, Any, Page]]
"""Gets a window's page of this number, counted from 0; of those that wait, the one with the largest third
argument first."""


@dataclass(slots=True)
class Stretch:
    """A part of a crawl whose completeness is judged by itself."""

    window: Window
    reported: int = 0
    """Events it holds, by the totals of its answers."""
    fetched: int = 0
    """Events in its answers, those met twice counted twice."""
    ids: set[str] = field(default_factory=set, repr=False)
    """The distinct events met; emptied when the stretch is finished, to bound the memory of a crawl."""
    distinct: int = 0
    pages: dict[tuple[Window, int], None] = field(default_factory=dict, repr=False)
    """What was asked for it, in order."""
    facets: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in FACETS}, repr=False)
    """The values its events have, by which a crowd can be split."""
    given_up: bool = False
    """Whether other stretches bring what it should have brought, because that is cheaper."""

    def add(self, window: Window, page: int, answer: Page) -> None:
        """Takes in what came to one request."""
        self.pages[window, page] = None
        self.fetched += len(answer.sightings)
        for seen in answer.sightings:
            self.ids.add(seen.id)
            for name, value in zip(FACETS, (seen.state_code, seen.genre_id), strict=True):
                if value:
                    self.facets[name].add(value)

    @property
    def tolerance(self) -> int:
        """How far a total may drift while the crawl runs: 1 %, and 2 events where that is at most a tenth."""
        return max(min(2, self.reported // 10), self.reported // 100)

    @property
    def complete(self) -> bool:
        return self.given_up or (self.distinct or len(self.ids)) >= self.reported - self.tolerance

    def finish(self) -> None:
        """Keeps the number of distinct events instead of the events."""
        self.distinct = len(self.ids)
        self.ids = set()
