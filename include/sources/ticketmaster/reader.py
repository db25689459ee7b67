"""Fetches the pages of a window, and repeats requests whose responses contradict what is known.

An empty response is believed only if another request confirms it: for the window in the other order, or for a wider
one. A page that cannot be fetched after all tries is skipped, unless the source does not respond at all or more than
`MAX_LOST` requests have failed.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from include.errors import SourceUnavailable, UnexpectedPayload
from include.sources.client.task_group import task_group
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import (
    ASCENDING,
    BACKWARDS,
    DEPTH,
    DESCENDING,
    FORWARDS,
    PAGE,
    Ask,
    Page,
    Window,
    pages_of,
)

_TRIES = 3
"""How many times a page that should not be empty is requested."""
_LOST = 6
"""In a stretch with this many pages that could not be fetched, each further page is requested only once."""
MAX_LOST = 200
"""The most requests for pages, in a crawl, that may fail after all tries: with more, the run fails."""
_FAILURES_IN_A_ROW = 5
"""After this many failures in a row, a request that succeeded before is repeated: if it fails too, the source is
down."""
_STRETCH_REQUESTS, CRAWL_REQUESTS, _PER_PAGE = 500, 3_000, 10
"""No page is requested any more after this many requests for its stretch, or for the crawl, plus ten for each full page
of what the stretch is reported to hold, or of the events with a time in the stretches that are finished."""
MOST_REQUESTS = 20_000
"""And none after this many in a crawl, even if the source shows new events forever."""
_OTHER = {ASCENDING: DESCENDING, DESCENDING: ASCENDING, BACKWARDS: FORWARDS, FORWARDS: BACKWARDS}

Asked = tuple[Window, int, Page]


class Reader:
    """Reads windows into stretches. Raises what `ask` raises, except for single pages that cannot be fetched."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._received = self._lost = self._failed_in_a_row = 0
        self._error: Exception | None = None
        self._good: Window | None = None
        self._asked: set[tuple[Window, int]] = set()
        self._most_requests = CRAWL_REQUESTS
        self.fluctuation = 0
        """The largest difference seen between the totals of responses with the same events."""

    async def take(self, stretch: Stretch, window: Window, pages: Sequence[int]) -> list[Page]:
        """The pages with these numbers, requested concurrently; none is requested once the budget is spent."""
        if self.spent(stretch):
            return [Page(0, (), lost=stretch.lost[0]) for _ in pages]
        # A stretch reads its windows one after another, so the stretch with the most left to read must not wait.
        left = float(stretch.reported - len(stretch.sightings)) if stretch.sightings else float("inf")
        async with task_group() as tasks:
            asking = [tasks.create_task(self._page(stretch, window, page, left)) for page in pages]
        for asked in asking:  # only now, because the order of the pages becomes that of the rows
            for each in asked.result():
                stretch.add(*each)
        return [asked.result()[-1][2] for asked in asking]

    def spent(self, stretch: Stretch) -> bool:
        """Whether no more pages are requested for the stretch, which is then noted in it."""
        why = self._over_budget(stretch)
        if why is not None and why not in stretch.lost:
            stretch.lost.insert(0, why)
        return why is not None

    def allow_for(self, events: int) -> None:
        """Allows the crawl more requests for the events of a finished stretch."""
        self._most_requests = min(self._most_requests + _PER_PAGE * -(-events // PAGE), MOST_REQUESTS)

    def _over_budget(self, stretch: Stretch) -> str | None:
        most = _STRETCH_REQUESTS + _PER_PAGE * -(-stretch.total(stretch.window) // PAGE)
        if stretch.requests > most:
            return f"its totals still did not add up after {most} requests"
        if len(self._asked) > self._most_requests:
            return f"the crawl had made {self._most_requests:,} requests, more than its events explain"
        return None

    async def rest(self, stretch: Stretch, window: Window, first: Page) -> list[Page]:
        """All pages of a window, given its first. The last one is not full, and nothing follows it."""
        pages = [first, *await self.take(stretch, window, range(1, pages_of(stretch.total(window))))]
        while len(pages) < DEPTH // PAGE and self.goes_on(stretch, window, pages):
            pages += await self.take(stretch, window, [len(pages)])
        return pages

    def goes_on(self, stretch: Stretch, window: Window, pages: Sequence[Page]) -> bool:
        """Whether more pages may follow these, whatever the total says."""
        if not pages[-1].sightings:
            return False
        received = sum(len(page.sightings) for page in pages)
        total = stretch.total(window)
        if received < len(pages) * PAGE and received < min(total, DEPTH):
            stretch.short_pages = True
        return may_go_on(pages) or received != total or stretch.short_pages

    def check(self) -> None:
        """Raises the last error if nothing was received at all."""
        if self._error is not None and not self._received:
            raise self._error

    async def _page(self, stretch: Stretch, window: Window, page: int, left: float) -> list[Asked]:
        """A page, preceded by the other responses that it took to believe it."""
        asked: list[Asked] = []
        tries = _TRIES if len(stretch.lost) < _LOST else 1
        for _ in range(tries):
            asked.append(await self._once(window, page, left))
            response = asked[-1][2]
            if response.sightings or response.lost is not None:
                return asked
            if response.too_deep:
                why = f"rejected as too deep when requested {tries} times"
                continue
            why = f"empty when requested {tries} times, although other responses say that there are events"
            if response.total > page * PAGE or stretch.expects(window, page):
                continue
            if page:
                return asked  # beyond the last page
            others = [await self._once(other, 0, left) for other in _others(window)]
            asked = [*others, *asked]
            if not any(_contradicts(window, *other) for other in others):
                return asked
        return [*asked, (window, page, Page(0, (), lost=why))]

    async def _once(self, window: Window, page: int, left: float) -> Asked:
        """One request. A repeated request gets another name, so that in every try one name means one response."""
        while (window, page) in self._asked:
            window = replace(window, again=window.again + 1)
        self._asked.add((window, page))
        try:
            response = await self._ask(window, page, left)
        except (SourceUnavailable, UnexpectedPayload) as error:
            await self._note_failure(error)
            return window, page, Page(0, (), lost=str(error))
        if response.too_deep:  # no page requested here is that deep
            name = f"{window.name()}-{page}"
            await self._note_failure(
                SourceUnavailable(f"The search rejected {name} as too deep, which it is not.")
            )
            return window, page, response
        self._failed_in_a_row = 0
        self._received += 1
        if response.sightings:
            self._good = self._good or window
        return window, page, response

    async def _note_failure(self, error: SourceUnavailable | UnexpectedPayload) -> None:
        """Raises the error if too many requests have failed."""
        self._error = error
        self._failed_in_a_row += 1
        self._lost += 1
        if error.not_before is not None or self._lost > MAX_LOST:
            raise error
        if self._failed_in_a_row >= _FAILURES_IN_A_ROW:
            await self._check_source_is_up(error)

    async def _check_source_is_up(self, error: Exception) -> None:
        """Repeats a request that succeeded before. Raises the error if none has, or if it fails too."""
        if self._good is None:
            raise error
        self._failed_in_a_row = 0
        _, _, response = await self._once(self._good, 0, float("inf"))
        if response.lost is not None or response.too_deep:
            raise error


def _others(window: Window) -> list[Window]:
    """Other requests whose responses are empty too if the window really is."""
    others = [replace(window, order=_OTHER[window.order])]
    if window.start is not None and window.end is not None:
        second = timedelta(seconds=1)
        others.append(replace(window, start=window.start - second, end=window.end + second))
    return others


def _contradicts(window: Window, asked: Window, page: int, other: Page) -> bool:
    """Whether another request does not confirm that the window is empty."""
    if other.too_deep or other.lost is not None:
        return True
    if asked.span == window.span and other.total:
        return True
    return any(seen.lies_in(window, asked) for seen in other.sightings)


def may_go_on(pages: Sequence[Page]) -> bool:
    """Whether the last of these pages, from the first on, looks as if more followed it."""
    last = pages[-1]
    return last.full or (len(pages) > 1 and 0 < len(pages[0].sightings) <= len(last.sightings))
