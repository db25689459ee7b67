"""Reads a stretch from start to end, with hardly more requests than full pages would take.

The search sorts by date, so a window that holds more events than paging can reach is read up to its 1,000th event
and then continued from that event's instant: no request is a mere probe, each one returns events. `Proof` judges
whether all of them were received.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from include.sources.ticketmaster.crowds import Crowds
from include.sources.ticketmaster.cuts import cut_after
from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import DEPTH, PAGE, VAGUE, Page, Sighting, Window, pages_of

LARGE, MOST = 4_000, 7_500
"""How many events a stretch should hold where many are left, and the most before it is cut again."""


class Walk:
    """Reads stretches. `leave` is called with the instant from which the rest of a large stretch is left to others."""

    def __init__(self, reader: Reader, crowds: Crowds, leave: Callable[[Stretch, datetime], None]) -> None:
        self._reader = reader
        self._crowds = crowds
        self._leave = leave

    async def through(self, stretch: Stretch, first: Page, total: int | None) -> bool:
        """Reads the stretch, given its first page and, if known, its total.

        False if that is impossible, because the search does not sort by date or pages are missing.
        """
        window, page, seen = stretch.window, 1, list(first.sightings)
        last_page = first
        crowds: list[tuple[Window, int]] = []  # instants with events still missing, and their totals
        passed = 0  # events of the stretch before window.start
        most_rows = 3 * max(first.total, DEPTH) + stretch.fetched
        while True:
            wanted = range(page, page + 1 if total is None else max(page, pages_of(total)))
            pages = await self._reader.take(stretch, window, wanted)
            if (
                stretch.lost
                or stretch.fetched > most_rows
                or any(each.size < PAGE for each in (first, *pages))
            ):
                return False
            for each in pages:
                total, last_page = each.total, each
                most_rows = max(most_rows, 3 * each.total)
                seen += each.sightings
            page = wanted.stop
            assert total is not None
            stretch.reported = max(stretch.total(stretch.window), passed + total)
            if total > MOST and (cut := cut_after(window, seen, LARGE)):
                self._leave(stretch, cut)
                window = replace(window, end=cut)
                total = None
                if page < pages_of(DEPTH):
                    continue
            elif page < pages_of(total):
                continue
            elif len(last_page.sightings) < PAGE:
                if total > DEPTH:
                    return False  # a page that is not full cannot be the last one here
                break
            elif page < pages_of(DEPTH):
                total = page * PAGE + 1  # a full page is never the last one
                continue
            instants = [sighting.starts_at for sighting in seen if sighting.starts_at]
            if not instants or instants != sorted(instants):
                return False
            last = instants[-1]
            if last == window.start or (len(seen) >= DEPTH and seen[-DEPTH].starts_at == last):
                crowd = replace(window, start=last, end=last + timedelta(seconds=1))
                known = {each.id for each in seen[-DEPTH:]}
                rows, whole = await self._crowds.backwards(stretch, crowd, known)
                rows |= stretch.starting_at(last)
                before = stretch.total(crowd)
                if len(rows) < before or not whole:
                    crowds.append((crowd, before))
                tied, last = 0, last + timedelta(seconds=1)
            else:
                place = _first_of(seen, last)
                tied = len(seen) - place
                before = DEPTH - tied
            passed += before
            if total is not None:
                total = total - before if before < total < VAGUE else None
            if last > (window.end or last):
                break
            window, page, seen = replace(window, start=last), tied // PAGE, []
        for crowd, held in crowds:  # last, because the states and genres of the whole stretch are known now
            await self._crowds.by_facets(stretch, crowd, held)
        return True


def _first_of(seen: Sequence[Sighting], instant: datetime) -> int:
    return next(place for place, sighting in enumerate(seen) if sighting.starts_at == instant)
