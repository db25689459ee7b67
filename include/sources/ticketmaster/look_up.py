"""Looks up, by id, the events that the last complete crawl listed and this one did not find.

An event that is found is still listed, and its response is kept like any other. One that no search finds is no longer
listed: it takes a crawl that did not find the event, and at least two searches for its id, in both orders, that did
not either. Each search requests many ids at once, including two that the crawl did find: a response without those
proves nothing, and the ids are then requested one at a time if there are only a few.

If some responses lack events, the searches may meet only such responses. So there are never fewer than eight
searches, however few the ids, and once one of them finds an event, eight for each id that is still not found.
Otherwise this costs two requests for each hundred events that are no longer listed. If far more events are missing
than could plausibly disappear in the time since, the crawl is not believed and nothing is looked up.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import SETTLED, Stretch
from include.sources.ticketmaster.windows import ASCENDING, DESCENDING, Window

_AT_ONCE = 100
"""Ids in one request: two kilobytes of URL."""
_ALONE = 100
"""The most ids that are requested one at a time."""
_FEW, _SHRINKAGE = 50, 0.03
"""How many events, plus which share of them for each day since, may disappear before the crawl is doubted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Events that the last complete crawl listed and that this one should find if they are still there."""

    run: str
    at: datetime
    ids: set[str]
    """The crawl removes the ids it finds from this very set, because there are many."""


class LookUp:
    """Accounts for the events that were listed. Raises what its reader raises."""

    def __init__(self, reader: Reader, listed: Listed) -> None:
        self._reader = reader
        self._listed = listed
        self._not_found, self._listed_events = listed.ids, len(listed.ids)
        self._known: tuple[str, ...] = ()

    def note_found(self, ids: Collection[str]) -> None:
        """Takes note of events that the crawl found."""
        self._known = tuple(sorted({*self._known, *self._not_found.intersection(ids)})[:2])
        self._not_found.difference_update(ids)

    async def settle(self, now: datetime) -> Stretch | None:
        """What became of the events that were not found; None if all were."""
        if not self._not_found:
            return None
        listed, not_found = self._listed, len(self._not_found)
        stretch = Stretch(Window(None, None, None, (("id", "looked-up"),)))
        most = _FEW + _SHRINKAGE * max(1, (now - listed.at) / timedelta(days=1)) * self._listed_events
        if not_found > most or not self._known:
            unclear = self._not_found
        else:
            unclear = await self._ask_alone(stretch, sorted(await self._ask_repeatedly(stretch)))
            self._not_found.difference_update(stretch.sightings)
        stretch.reported = not_found - len(self._not_found) + len(unclear)
        if unclear:
            shortfall = (
                f"{len(unclear)} of {self._listed_events} events that {listed.run} listed were not found"
            )
            why = (
                "too many to be plausible"
                if not_found > most
                else "the search for their ids cannot be trusted"
            )
            stretch.incomplete(len(unclear), f"{shortfall}: {why}")
        stretch.finish()
        return stretch

    async def _ask_repeatedly(self, stretch: Stretch) -> set[str]:
        """The ids for which the search proves nothing."""
        absent, unclear = set(self._not_found), set[str]()
        for times in range(SETTLED):
            found_some = not self._not_found.isdisjoint(stretch.sightings)
            if not absent or (times >= 2 and stretch.requests >= SETTLED and not found_some):
                break
            order = DESCENDING if times % 2 else ASCENDING
            absent, also_unclear = await self._ask(stretch, sorted(absent), order)
            unclear |= also_unclear
        return unclear

    async def _ask(self, stretch: Stretch, ids: Sequence[str], order: str) -> tuple[set[str], set[str]]:
        """The ids that were not found, and those for which the search proves nothing."""
        absent: set[str] = set()
        unclear: set[str] = set()
        for first in range(0, len(ids), _AT_ONCE):
            some = ids[first : first + _AT_ONCE]
            found = await self._search(stretch, self._known[0], *some, self._known[-1], order=order)
            (absent if found.issuperset(self._known) else unclear).update(set(some) - found)
        return absent, unclear

    async def _ask_alone(self, stretch: Stretch, ids: Sequence[str]) -> set[str]:
        """The ids for which even a search for each one proves nothing."""
        if not ids or len(ids) > _ALONE or self._known[0] not in await self._search(stretch, self._known[0]):
            return set(ids)
        for each in ids:
            await self._search(stretch, each)
        return set(ids) if stretch.lost else set()

    async def _search(self, stretch: Stretch, *ids: str, order: str = ASCENDING) -> set[str]:
        filters = (("id", ",".join(ids)), ("includeTBA", "yes"), ("includeTBD", "yes"))
        [page] = await self._reader.take(stretch, Window(None, None, None, filters, order), [0])
        return {seen.id for seen in page.sightings}
