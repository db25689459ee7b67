"""Looks up, by id, what the last complete crawl listed and this one did not meet.

Whoever is found is still there, and comes home with the response; who is not, twice, is gone. An event is so
called gone only by two witnesses: a crawl that did not meet it, and a search for its id that does not find it.
The search is asked for many ids at once, among them two that the crawl met: a response without those proves
nothing, and a few ids are asked for one by one.

It costs two calls for each hundred events that went, and one for each hundred that were only not met. Where
far more are not met than events go in so many days, that is not believed, and none is looked up.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import Window

_AT_ONCE = 100
"""Ids in one request: two kilobytes of URL."""
_ALONE = 100
"""So many ids are asked for one by one."""
_FEW, _SHRINKAGE = 50, 0.03
"""So many events, and that share for each day since, may go before it is doubted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the last complete crawl listed that this one should meet, if it is still there."""

    run: str
    at: datetime
    ids: set[str]
    """The crawl takes out of it what it meets: they are many."""


class LookUp:
    """Accounts for what was listed. Raises what its reader raises."""

    def __init__(self, reader: Reader, listed: Listed) -> None:
        self._reader = reader
        self._listed = listed
        self._unmet, self._listed_events = listed.ids, len(listed.ids)
        self._known: tuple[str, ...] = ()

    def met(self, ids: Collection[str]) -> None:
        """Events that the crawl met."""
        self._known = tuple(sorted({*self._known, *self._unmet.intersection(ids)})[:2])
        self._unmet.difference_update(ids)

    async def settle(self, now: datetime) -> Stretch | None:
        """What became of those that were not met; None if all were."""
        if not self._unmet:
            return None
        listed, unmet = self._listed, len(self._unmet)
        stretch = Stretch(Window(None, None, None, (("id", "unmet"),)))
        most = _FEW + _SHRINKAGE * max(1, (now - listed.at) / timedelta(days=1)) * self._listed_events
        if unmet > most or not self._known:
            unclear = self._unmet
        else:
            doubted, unclear = await self._ask(stretch, sorted(self._unmet))
            _, still_unclear = await self._ask(stretch, sorted(doubted))
            unclear = await self._ask_alone(stretch, sorted(unclear | still_unclear))
            self._unmet.difference_update(stretch.met)
        stretch.reported = unmet - len(self._unmet) + len(unclear)
        if unclear:
            told = f"{len(unclear)} of the {self._listed_events} events that {listed.run} listed were not met"
            why = "too many to be believed" if unmet > most else "the search for their ids cannot be trusted"
            stretch.incomplete(len(unclear), f"{told}: {why}")
        stretch.finish()
        return stretch

    async def _ask(self, stretch: Stretch, ids: Sequence[str]) -> tuple[set[str], set[str]]:
        """Who was not found, and of whom nothing can be said."""
        gone: set[str] = set()
        unclear: set[str] = set()
        for first in range(0, len(ids), _AT_ONCE):
            some = ids[first : first + _AT_ONCE]
            found = await self._search(stretch, self._known[0], *some, self._known[-1])
            (gone if found.issuperset(self._known) else unclear).update(set(some) - found)
        return gone, unclear

    async def _ask_alone(self, stretch: Stretch, ids: Sequence[str]) -> set[str]:
        """Of whom nothing can be said."""
        if not ids or len(ids) > _ALONE or self._known[0] not in await self._search(stretch, self._known[0]):
            return set(ids)
        for each in ids:
            await self._search(stretch, each)
        return set(ids) if stretch.lost else set()

    async def _search(self, stretch: Stretch, *ids: str) -> set[str]:
        filters = (("id", ",".join(ids)), ("includeTBA", "yes"), ("includeTBD", "yes"))
        [page] = await self._reader.take(stretch, Window(None, None, None, filters), [0])
        return {seen.id for seen in page.sightings}
