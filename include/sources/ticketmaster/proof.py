"""Decides whether all events of a stretch were received, and reads the stretch again if the numbers do not add up.

The number of events received is compared with the largest total ever reported for the stretch. If they differ, the
stretch is read again in the opposite order and by halves, down to windows of a single page if necessary, where no
order, tie or page boundary can hide an event. A window's difference is then explained in one of three ways:

-  all events have been received by now, and either every response reported that many or another reading brings
   nothing new: of a total that changes, one value may be right by coincidence;
-  its total counts events that are listed twice: two readings return exactly the same rows, repeats included, and
   their number equals the total;
-  its total changed while it was read: two full readings in a row return exactly the same events, and either the
   total fell to their number and stays there however often it is requested, or totals fluctuate: responses with the
   same events report different totals, and the number of events received lies in the middle of what its own
   responses report.

Every total ever reported counts: that of the stretch, of a window within it, or of a wider one. Whatever is not
explained is missing. A total at the cap proves nothing; such a window is complete only if both of its halves are.
An event that is rescheduled during the crawl, from a day not read yet to one already read, cannot be distinguished
from one that is no longer listed; the next crawl will find it. It is also impossible to see that a window holds more
events than any response reported, which is why events that the last complete crawl listed are looked up (`LookUp`).
"""

from collections.abc import Sequence
from dataclasses import replace

from include.sources.ticketmaster.fluctuation import Fluctuation
from include.sources.ticketmaster.halves import Content, Halves
from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import ASCENDING, DESCENDING, Page

_READINGS = 3
"""How many times a stretch is read again at most."""


class Proof:
    """Judges stretches. Raises what its reader raises."""

    def __init__(self, reader: Reader, fluctuation: Fluctuation, halves: Halves) -> None:
        self._reader = reader
        self._fluctuation = fluctuation
        self._halves = halves

    async def settle(self, stretch: Stretch, received: set[str] | None, first: Page | None = None) -> None:
        """Reads a stretch until any difference is explained, or records what is missing.

        `received` holds the events that a full reading returned, if there was one; `first` is the first page of a
        window without instants, when nothing else of it has been read yet.
        """
        if received and not stretch.total(stretch.window):
            # Its window was cut after its last request, so no total was reported for what is left of it.
            await self._reader.take(stretch, stretch.window, [0])
        readings = [frozenset(received)] if received is not None else []
        content = Content(len(received or ()), not stretch.vague)
        fluctuation, no_news = 0, False
        for number in range(1, _READINGS + 1):
            explained = bool(readings) and await self._explained(stretch, content, readings, no_news)
            if _agreed(readings) and not explained:
                await self._fluctuation.measure(stretch)
            hopeless = _agreed(readings) and not explained and self._reader.fluctuation == fluctuation
            if explained or hopeless:
                break
            fluctuation = self._reader.fluctuation
            if first is not None and number == 1:
                content = await self._halves.read(stretch, stretch.window, first)
            else:
                stretch.begin_reading()
                received_before = len(stretch.sightings)
                # Alternating, since two readings in one order would lack the same events.
                order = DESCENDING if number % 2 == (first is None) else ASCENDING
                content = await self._halves.read(stretch, replace(stretch.window, order=order))
                no_news = len(stretch.sightings) == received_before
            readings.append(frozenset(stretch.reading))
        await self._judge(stretch, content, readings, no_news)

    async def _judge(
        self, stretch: Stretch, content: Content, readings: Sequence[frozenset[str]], no_news: bool
    ) -> None:
        total, inside = stretch.total(stretch.window), len(stretch.inside())
        received = max(content.events, inside)
        stretch.reported = max(total, inside)
        if not await self._explained(stretch, content, readings, no_news):
            short = stretch.short_windows()
            if received < total:
                stretch.incomplete(total - received, f"received {inside} of {total} reported events")
            elif short:
                window, received = max(short, key=lambda each: stretch.total(each[0]) - each[1])
                reported = stretch.total(window)
                stretch.incomplete(
                    reported - received,
                    f"received {received} of the {reported} events that {window.name()} reported",
                )
            elif stretch.vague:
                stretch.incomplete(
                    1,
                    f"{total} or more events were reported, but the windows it was split into do not add up",
                )
            else:
                stretch.incomplete(
                    1, f"received {inside} events, {total} were reported, and no reading was complete"
                )

    async def _explained(
        self, stretch: Stretch, content: Content, readings: Sequence[frozenset[str]], no_news: bool
    ) -> bool:
        known = stretch.totals.get(stretch.window.span)
        if known is None:  # it is empty, as the opposite order confirmed
            return not stretch.lost and not content.events
        for window, received in stretch.short_windows():
            if not await self._fluctuation.excused(stretch, window, received):
                return False
        agreed = _agreed(readings)
        inside = len(stretch.inside())
        if stretch.vague:
            return content.whole and agreed
        if known.most in (inside, content.events):
            return no_news or agreed or known.least == known.most
        if inside > known.most:  # a total that is too low proves nothing
            return agreed and content.whole and not stretch.lost
        return (
            agreed
            and content.whole
            and await self._fluctuation.excused(stretch, stretch.window, max(inside, content.events))
        )


def _agreed(readings: Sequence[frozenset[str]]) -> bool:
    return len(readings) > 1 and readings[-1] == readings[-2]
