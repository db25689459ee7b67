"""A window of a crawl whose completeness is judged separately, and the evidence for it."""

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from include.sources.ticketmaster.windows import FACETS, PAGE, VAGUE, Page, Sighting, Span, Window

SETTLED = 8
"""How many responses in a row must report a lower total before it is believed. If every other response comes from a
replica that lacks events, that is still wrong once in 256 cases."""
_REASONS = 3
"""How many of the pages that could not be fetched are named."""


@dataclass(slots=True)
class Totals:
    """The totals reported by the responses to one window, in order."""

    reports: list[int] = field(default_factory=list)

    @property
    def least(self) -> int:
        return min(self.reports)

    @property
    def most(self) -> int:
        return max(self.reports)

    def since_more_than(self, events: int) -> int:
        """How many responses in a row, up to the last one, reported no more than this many events."""
        above = (place for place, total in enumerate(reversed(self.reports)) if total > events)
        return next(above, len(self.reports))


@dataclass(slots=True)
class Stretch:
    """What was reported for a window of the plan, what was received, and what is missing."""

    window: Window
    reported: int = 0
    """Events it holds: the largest total ever reported or, where that is vague, the sum over its smaller windows."""
    fetched: int = 0
    """Events in its responses, including repeated ones."""
    distinct: int = 0
    """The number of distinct events, once the stretch is finished."""
    missing: int = 0
    """Events that were reported but not received."""
    reasons: list[str] = field(default_factory=list)
    """Why it is incomplete."""
    given_up: bool = False
    """Whether its events are left to other stretches because that is cheaper."""
    lost: list[str] = field(default_factory=list)
    """Pages that could not be fetched, and why; also that it was not read to the end."""
    pages: dict[tuple[Window, int], None] = field(default_factory=dict, repr=False)
    """The requests made for it that got a response, in order."""
    facets: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in FACETS}, repr=False)
    """The values of its events, used to split a window that cannot be split by time."""
    sightings: dict[str, tuple[Sighting, Window]] = field(default_factory=dict, repr=False)
    """The distinct events, each with the first window whose response shows that it belongs here, or else the last;
    emptied when the stretch is finished, to bound a crawl's memory."""
    reading: set[str] = field(default_factory=set, repr=False)
    """The ids received since the last `begin_reading`."""
    short_pages: bool = False
    """Whether a page that was not full was followed by more: then only an empty page is the last."""
    totals: dict[Span, Totals] = field(default_factory=dict, repr=False)
    """What was reported for its window, for windows within it, and for wider ones it was cut from."""
    twice: set[str] = field(default_factory=set, repr=False)
    """Events that occurred twice in a single response."""
    listed_twice: int = 0
    """The number of those events, once the stretch is finished."""
    at_start: int = 0
    """Events at its very start, which the preceding stretch holds too; known once the stretch is finished."""

    def add(self, window: Window, page: int, response: Page) -> None:
        """Adds the response to one request."""
        if response.lost is not None:
            self.lost.append(f"{window.name()}-{page} could not be fetched ({response.lost})")
            return
        self.pages[window, page] = None
        self.fetched += len(response.sightings)
        times_seen = Counter(seen.id for seen in response.sightings)
        self.twice.update(name for name, times in times_seen.items() if times > 1)
        for seen in response.sightings:
            known = self.sightings.get(seen.id)
            if known is None or not known[0].lies_in(self.window, known[1]):
                self.sightings[seen.id] = seen, window
            self.reading.add(seen.id)
            for name, value in zip(FACETS, (seen.state_code, seen.genre_id), strict=True):
                if value:
                    self.facets[name].add(value)
        if response.total > 0 or response.sightings:
            self.totals.setdefault(window.span, Totals()).reports.append(response.total)

    def total(self, window: Window) -> int:
        """The largest total ever reported for a window."""
        known = self.totals.get(window.span)
        return known.most if known else 0

    @property
    def requests(self) -> int:
        """How many requests were made for it."""
        return len(self.pages) + len(self.lost)

    @property
    def fluctuation(self) -> int:
        """By how much the total of the whole stretch changed while it was read."""
        known = self.totals.get(self.window.span)
        return known.most - known.least if known else 0

    def expects(self, window: Window, page: int) -> bool:
        """Whether a page cannot be empty, judging by what has been received so far."""
        if page or self.total(window):
            return self.total(window) > page * PAGE
        return window.filters == self.window.filters and any(
            seen.starts_at is not None and seen.lies_in(window, window) for seen, _ in self.sightings.values()
        )

    def instants(self) -> list[datetime]:
        """When the events received start that belong to it and not to a neighbour, in order."""
        found = (
            seen.starts_at for seen, asked in self.sightings.values() if seen.lies_in(self.window, asked)
        )
        return sorted(instant for instant in found if instant is not None)

    def begin_reading(self) -> None:
        """Begins another full reading."""
        self.reading = set()

    def inside(self) -> set[str]:
        """The events received that belong to this stretch and not to a neighbour."""
        return {name for name, (seen, asked) in self.sightings.items() if seen.lies_in(self.window, asked)}

    def starting_at(self, instant: datetime) -> set[str]:
        """The events received that start at this instant."""
        return {name for name, (seen, _) in self.sightings.items() if seen.starts_at == instant}

    def incomplete(self, missing: int, why: str) -> None:
        """Records how many events are missing, and why."""
        self.missing = max(missing, 1)
        self.reasons = [why, *list(dict.fromkeys(self.lost))[:_REASONS]]

    def short_windows(self) -> list[tuple[Window, int]]:
        """The windows within it for which fewer events were received than reported, and how many were received."""
        window = self.window
        if window.start is None or window.end is None:
            return []
        seen = [seen for seen, _ in self.sightings.values()]
        timed = sorted(each.starts_at for each in seen if each.starts_at is not None)
        days = [each.local_date for each in seen if each.starts_at is None and each.local_date is not None]
        short = []
        for span, known in self.totals.items():
            country, start, end, filters = span
            if span == window.span or filters != window.filters or start is None or end is None:
                continue
            if known.most >= VAGUE or self._is_wider(span):
                continue
            received = bisect_right(timed, end) - bisect_left(timed, start) + len(self.twice)
            first, last = (start - timedelta(days=1)).date(), (end + timedelta(days=1)).date()
            received += sum(first <= day <= last for day in days)
            if received < known.most:
                short.append((Window(country, start, end, filters), received))
        return short

    def _is_wider(self, span: Span) -> bool:
        """Whether the stretch was cut from this wider span of time."""
        _, start, end, filters = span
        window = self.window
        if filters != window.filters or None in (start, end, window.start, window.end):
            return False
        assert start and end and window.start and window.end
        second = timedelta(seconds=1)  # by which a window is widened to confirm that it is empty
        return start + second < window.start or window.end < end - second

    @property
    def vague(self) -> bool:
        return self.total(self.window) >= VAGUE

    @property
    def complete(self) -> bool:
        return self.given_up or not self.reasons

    def finish(self) -> None:
        """Replaces the distinct events by their number."""
        self.distinct = len(self.inside())
        self.at_start = len(self.starting_at(self.window.start)) if self.window.start else 0
        self.listed_twice = len(self.twice)
        wider = {span: known for span, known in self.totals.items() if self._is_wider(span)}
        self.sightings, self.reading, self.twice, self.totals = {}, set(), set(), wider


def is_indivisible(window: Window) -> bool:
    """Whether a window of time is too short to be halved."""
    return window.start is None or window.end is None or window.end - window.start <= timedelta(seconds=1)
