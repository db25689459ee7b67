"""A part of a crawl whose completeness is judged by itself, and the evidence for it."""

from dataclasses import dataclass, field
from datetime import timedelta

from include.sources.ticketmaster.windows import FACETS, PAGE, VAGUE, Page, Sighting, Span, Window

_REASONS = 3
"""So many pages that could not be got are named."""


@dataclass(slots=True)
class Totals:
    """What the responses to one window reported."""

    least: int
    most: int


@dataclass(slots=True)
class Stretch:
    """What a window of the plan reported, what came of it, and what is missing."""

    window: Window
    least: int = 0
    """Events there should be, going by the last complete crawl."""
    reported: int = 0
    """Events it holds: the largest total it ever reported, or the sum of its parts' where that is vague."""
    fetched: int = 0
    """Events in its responses, those met twice counted twice."""
    distinct: int = 0
    """The distinct events met, once the stretch is finished."""
    missing: int = 0
    """Events reported that did not come."""
    reasons: list[str] = field(default_factory=list)
    """Why it is not complete."""
    given_up: bool = False
    """Whether other stretches bring what it should have brought, because that is cheaper."""
    lost: list[str] = field(default_factory=list)
    """Pages that could not be got, and why."""
    pages: dict[tuple[Window, int], None] = field(default_factory=dict, repr=False)
    """What was asked for it and came, in order."""
    facets: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in FACETS}, repr=False)
    """The values its events have, by which a crowd can be split."""
    met: dict[str, tuple[Sighting, Window]] = field(default_factory=dict, repr=False)
    """The distinct events, as met first; emptied when the stretch is finished, to bound a crawl's memory."""
    reading: set[str] = field(default_factory=set, repr=False)
    """Those met since the last `begin_reading`."""
    short_pages: bool = False
    """Whether a page that was not full had more behind it: then only an empty page is the last."""
    totals: dict[Span, Totals] = field(default_factory=dict, repr=False)

    def add(self, window: Window, page: int, response: Page) -> None:
        """Takes in what came to one request."""
        if response.lost is not None:
            self.lost.append(f"{window.name()}-{page} could not be got ({response.lost})")
            return
        self.pages[window, page] = None
        self.fetched += len(response.sightings)
        for seen in response.sightings:
            self.met.setdefault(seen.id, (seen, window))
            self.reading.add(seen.id)
            for name, value in zip(FACETS, (seen.state_code, seen.genre_id), strict=True):
                if value:
                    self.facets[name].add(value)
        if response.total > 0 or response.sightings:
            known = self.totals.setdefault(window.span, Totals(response.total, response.total))
            known.least, known.most = min(known.least, response.total), max(known.most, response.total)

    def total(self, window: Window) -> int:
        """The largest total a window ever reported."""
        known = self.totals.get(window.span)
        return known.most if known else 0

    @property
    def drift(self) -> int:
        """By how much the total of the whole stretch moved while it was read."""
        known = self.totals.get(self.window.span)
        return known.most - known.least if known else 0

    def expects(self, window: Window, page: int) -> bool:
        """Whether a page cannot be empty, by what came so far."""
        if page or self.total(window):
            return self.total(window) > page * PAGE
        return window.filters == self.window.filters and any(
            seen.starts_at is not None and seen.lies_in(window, window) for seen, _ in self.met.values()
        )

    def begin_reading(self) -> None:
        """Begins another full reading."""
        self.reading = set()

    def inside(self) -> set[str]:
        """The events met that belong to this stretch, and to no neighbour."""
        return {name for name, (seen, asked) in self.met.items() if seen.lies_in(self.window, asked)}

    def incomplete(self, missing: int, why: str) -> None:
        """Says what did not come."""
        self.missing = max(missing, 1)
        self.reasons = [why, *self.lost[:_REASONS]]

    @property
    def vague(self) -> bool:
        return self.total(self.window) >= VAGUE

    @property
    def complete(self) -> bool:
        return self.given_up or not self.reasons

    def finish(self) -> None:
        """Keeps the number of distinct events instead of the events."""
        self.distinct = len(self.inside())
        self.met, self.reading, self.totals = {}, set(), {}


def just(window: Window) -> bool:
    """Whether a window of time is too short to be halved."""
    return window.start is None or window.end is None or window.end - window.start <= timedelta(seconds=1)
