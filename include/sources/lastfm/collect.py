"""Reads a list page by page. Totals and page sizes are unreliable: it is read until enough items have arrived, or a
page contains nothing new."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from include.sources.client.messages import Request
from include.sources.identity import artist_key
from include.sources.lastfm.lists import ListPage

_MAX_PAGES = 50
"""No list is read further than this, whatever total it claims."""


@dataclass(slots=True)
class Collected:
    """A list, read to its end or until enough items had arrived."""

    wanted: int
    reported: int = 0
    """How many of the wanted items exist, according to the largest total of the list's pages."""
    fetched: int = 0
    names: dict[str, None] = field(default_factory=dict)
    """The distinct items, in order."""
    unusable: int = 0
    """Items that are no items of their own, but count in the total: without a name, under a second spelling, or
    listed a second time on one page, if the list was read to its end and does not start over."""
    pages: list[str] = field(default_factory=list)
    """The names of its requests."""
    discarded: list[str] = field(default_factory=list)
    """The names of the requests for earlier readings of the list, which this one replaces."""
    artist: str | None = None
    not_found: str | None = None
    lost: str | None = None
    """Why it could not be fetched, if every try failed."""

    starts_over: bool = False
    """Whether its first item came back on one page, so that nothing shows where it ends, except an exact total."""

    @property
    def complete(self) -> bool:
        return self.why_incomplete is None

    @property
    def why_incomplete(self) -> str | None:
        """Why items may be missing; None if it is complete."""
        if self.lost is not None:
            return self.lost
        received = len(self.names) + self.unusable
        if received < self.reported:
            return f"{len(self.names)} of {self.reported} reported items were received"
        if self.starts_over and received != self.reported and len(self.names) < self.wanted:
            return f"starts over from its first item after {len(self.names)} items"
        return None

    def replaces(self, earlier: "Collected") -> None:
        """Notes that this is another reading of a list: of both totals, the larger counts."""
        self.discarded += [*earlier.discarded, *earlier.pages]
        self.reported = max(self.reported, earlier.reported)


Ask = Callable[[Request], Awaitable[ListPage]]


async def collect(
    ask: Ask, request: Callable[[int, int], Request], wanted: int, key: Callable[[str], str] = artist_key
) -> Collected:
    """Reads a list until enough items have arrived, or a page brings nothing new, whatever its total says.

    `request(limit, page)` is the request for one page; names with the same `key` are one item.
    """
    limit = min(wanted + (wanted % 100 == 0), 999)  # a limit of 100, 200, … is known to yield only half
    collected, keys, spellings = Collected(wanted), set[str](), dict[str, None]()
    repeated, page = set[str](), ListPage()
    for number in range(1, _MAX_PAGES + 1):
        page_request = request(limit, number)
        page = await ask(page_request)
        before = len(spellings)
        collected.pages.append(page_request.name)
        collected.fetched += page.items
        repeated.update(name for name, times in Counter(page.names).items() if times > 1)
        for name in dict.fromkeys(page.names):
            if name in spellings:
                continue
            spellings[name] = None
            if (item := key(name)) in keys:
                collected.unusable += 1
            else:
                keys.add(item)
                collected.names[name] = None
        collected.reported = max(collected.reported, min(wanted, page.total))
        collected.artist = collected.artist or page.artist
        if number == 1:  # later it only means that the list has no such page
            collected.not_found = page.not_found
        if len(spellings) == before:
            break
        collected.unusable += page.items - len(page.names)
        if len(collected.names) >= wanted:
            break
    collected.starts_over = next(iter(spellings), None) in repeated
    if not page.items and not collected.starts_over:
        collected.unusable += len(repeated)
    return collected
