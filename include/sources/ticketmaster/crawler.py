"""A complete crawl of a search that shows only the first 1,000 hits of any window of time.

A long span is cut into stretches that are read concurrently (`Walk`), each sized to hold a few thousand events
judging by the responses so far. The search reports how many events a window holds, up to 10,000, so every stretch
is cut until its total is exact, and is complete once exactly that many distinct events have been received. If they
have not, or if the search turns out not to sort by date, the stretch is read again until the difference is explained
or recorded as missing (`Proof`). The results of an earlier crawl determine where to cut and how much to expect
(`Cuts`); events it listed that this crawl did not find are looked up by id (`LookUp`).

Events without a date are found by separate sweeps, for all countries at once where possible.

The crawl depends only on the cuts and the responses, so a retried run makes the same requests. Windows share their
edges, which the search includes on both sides: nothing can fall between them, and events received twice count once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from include.sources.client.task_group import task_group
from include.sources.ticketmaster.crowds import Crowds
from include.sources.ticketmaster.cuts import Cuts, cut_after, early_morning
from include.sources.ticketmaster.fluctuation import Fluctuation
from include.sources.ticketmaster.halves import Halves
from include.sources.ticketmaster.look_up import Listed, LookUp
from include.sources.ticketmaster.proof import Proof
from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.walk import LARGE, MOST, Walk
from include.sources.ticketmaster.windows import DEPTH, VAGUE, Ask, Window, pages_of

_SMALL = 3_000
"""The size of a stretch, in events, when fewer than `VAGUE` are left: each stretch wastes half a page on average,
but reading several concurrently sustains the allowed rate even at high latency."""
_STRETCHES_AT_ONCE = 12


class Crawler:
    """Collects all events in some countries that start within a span of time, and the undated ones."""

    def __init__(self, ask: Ask) -> None:
        self._reader = Reader(ask)
        self._fluctuation = Fluctuation(self._reader)
        crowds = Crowds(self._reader)
        self._proof = Proof(self._reader, self._fluctuation, Halves(self._reader, self._fluctuation, crowds))
        self._walk = Walk(self._reader, crowds, self._leave)
        self._stretches: list[Stretch] = []
        self._slots = asyncio.Semaphore(_STRETCHES_AT_ONCE)
        self._expected = 0
        self._look_up: LookUp | None = None
        self._tasks: asyncio.TaskGroup

    async def run(
        self,
        countries: Sequence[str],
        start: datetime,
        end: datetime,
        cuts: Cuts | None = None,
        listed: Listed | None = None,
    ) -> list[Stretch]:
        """The stretches of the crawl, sorted by name. Events of `listed` that are not found are looked up by id.

        Raises what `ask` raises, except that a single page that cannot be fetched only makes its stretch incomplete.
        """
        cuts = cuts or Cuts()
        self._expected = cuts.expected
        self._look_up = LookUp(self._reader, listed) if listed else None
        async with task_group() as self._tasks:
            for country in countries:
                instants = [start, *cuts.instants.get(country, []), end]
                for begin, cut in pairwise(instants):
                    window = Window(country, begin, cut)
                    self._tasks.create_task(self._dated(window, planned=len(instants) > 2))
            for parameter in ("includeTBA", "includeTBD"):
                worldwide = len(countries) > 1 and parameter not in cuts.by_country
                self._tasks.create_task(self._undated(countries, parameter, worldwide))
        self._reader.check()
        for stretch in self._stretches:
            await self._add_up(stretch)
        if self._look_up and (looked_up := await self._look_up.settle(start)):
            self._stretches.append(looked_up)
        return sorted(self._stretches, key=lambda stretch: stretch.window.name())

    def progress(self) -> tuple[int, int]:
        """How many distinct events have been received so far, and how many are currently expected."""
        done = sum(stretch.distinct or len(stretch.sightings) for stretch in self._stretches)
        return done, max(self._expected, sum(stretch.reported for stretch in self._stretches))

    def _begin(self, window: Window) -> Stretch:
        self._stretches.append(Stretch(window))
        return self._stretches[-1]

    async def _dated(self, window: Window, planned: bool = False) -> None:
        stretch = self._begin(window)
        [first] = await self._reader.take(stretch, window, [0])
        total: int | None = first.total
        stretch.reported = first.total
        target = LARGE if first.total >= VAGUE else _SMALL
        most = MOST if planned else target * 3 // 2
        if first.total > most and (cut := cut_after(window, first.sightings, target)):
            self._leave(stretch, cut, in_halves=first.total >= VAGUE)
            total = None
        async with self._slots:
            walked = await self._walk.through(stretch, first, total)
            await self._proof.settle(stretch, stretch.inside() if walked else None)
            self._finish(stretch)

    def _leave(self, stretch: Stretch, cut: datetime, in_halves: bool = False) -> None:
        """Moves everything after an instant into one new stretch, or two that are read concurrently."""
        end = stretch.window.end
        assert end is not None
        middle = early_morning(cut + (end - cut) / 2, stretch.window.country)
        instants = [cut, middle, end] if in_halves and middle < end else [cut, end]
        for begins, ends in pairwise(instants):
            self._tasks.create_task(self._dated(replace(stretch.window, start=begins, end=ends)))
        stretch.window = replace(stretch.window, end=cut)

    def _finish(self, stretch: Stretch) -> None:
        if self._look_up and not stretch.given_up:
            self._look_up.note_found(stretch.sightings)
        self._reader.allow_for(len(stretch.instants()))
        stretch.finish()

    async def _add_up(self, stretch: Stretch) -> None:
        """Compares the totals of the windows that the stretch was cut from with what was received for all of each."""
        for (country, start, end, filters), known in list(stretch.totals.items()):
            if start is None or end is None or known.most >= VAGUE:
                continue
            stretches = [
                each
                for each in self._stretches
                if each.window.country == country
                and each.window.start is not None
                and each.window.end is not None
                and start <= each.window.start
                and each.window.end <= end
            ]
            received = sum(each.distinct + each.listed_twice for each in stretches)
            received -= sum(each.at_start for each in stretches if each.window.start != start)
            if received >= known.most or not all(each.complete for each in stretches):
                continue
            window = Window(country, start, end, filters)
            if not await self._fluctuation.excused(stretch, window, received):
                why = f"received {received} of the {known.most} events that {window.name()} reported"
                stretch.incomplete(known.most - received, why)
            stretch.sightings.clear()

    async def _undated(self, countries: Sequence[str], parameter: str, worldwide: bool) -> None:
        """One sweep: worldwide if that takes fewer requests than going country by country."""
        filters = ((parameter, "only"),)
        world = Window(None, None, None, filters)
        if worldwide and await self._everywhere(world, len(countries)):
            return
        for country in countries:
            window = Window(country, None, None, filters)
            self._tasks.create_task(self._undated_of(window))

    async def _everywhere(self, window: Window, most_calls: int) -> bool:
        """Reads the undated events of all countries; False if that would take more than `most_calls` requests.

        Also False if an event's country is unknown, because only a search by country can tell then.
        """
        async with self._slots:
            stretch = self._begin(window)
            [first] = await self._reader.take(stretch, window, [0])
            stretch.reported = first.total
            stretch.given_up = (
                first.lost is not None or first.total > DEPTH or pages_of(first.total) > most_calls
            )
            if not stretch.given_up:
                await self._proof.settle(stretch, None, first)
                stretch.given_up = not all(seen.country_code for seen, _ in stretch.sightings.values())
            self._finish(stretch)
            return not stretch.given_up

    async def _undated_of(self, window: Window) -> None:
        async with self._slots:
            stretch = self._begin(window)
            [first] = await self._reader.take(stretch, window, [0])
            await self._proof.settle(stretch, None, first)
            self._finish(stretch)
