"""A complete crawl through a search that shows only the first 1,000 hits of any window of time.

A long span is cut into stretches, walked at the same time (`Walk`), whose ends lie where the responses so
far expect some thousand events. The search reports how many events a window holds, up to 10,000; so every
stretch is cut until its total is exact, and is complete when exactly as many distinct events came. If they
did not, or the search turns out not to sort by date, it is read again until the difference is explained, or
says what is missing (`Proof`). What an earlier crawl found says where to cut and how much to expect (`Plan`);
what it listed and this one does not meet is looked up by id (`LookUp`).

Events without a date are found by sweeps of their own, at best for all countries at once.

The crawl depends on nothing but the plan and the responses, so a run that is tried again asks the same
questions. Windows share their edges, which the search includes on both sides: nothing can fall between them,
and events met twice count once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from include.sources.client.task_group import task_group
from include.sources.ticketmaster.look_up import Listed, LookUp
from include.sources.ticketmaster.plan import Plan, cut_after, early_morning
from include.sources.ticketmaster.proof import Proof
from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.walk import LARGE, MOST, Walk
from include.sources.ticketmaster.windows import DEPTH, VAGUE, Ask, Window, pages_of

_SMALL = 1_800
"""The size of a stretch, in events, where fewer than `VAGUE` are left: each stretch costs half a page on average,
but reading several concurrently sustains the allowed rate at a high latency."""
_STRETCHES_AT_ONCE = 12


class Crawl:
    """Collects all events of some countries that start within a span of time, and the undated ones."""

    def __init__(self, ask: Ask) -> None:
        self._reader = Reader(ask)
        self._proof = Proof(self._reader)
        self._walk = Walk(self._reader, self._proof, self._leave)
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
        plan: Plan | None = None,
        listed: Listed | None = None,
    ) -> list[Stretch]:
        """The stretches it took, by name. `listed` is looked up where it is not met.

        Raises what `ask` raises, but for single pages that cannot be got: they make their stretch incomplete.
        """
        plan = plan or Plan()
        self._expected = plan.expected
        self._look_up = LookUp(self._reader, listed) if listed else None
        async with task_group() as self._tasks:
            for country in countries:
                instants = [start, *plan.cuts.get(country, []), end]
                for begin, cut in pairwise(instants):
                    window = Window(country, begin, cut)
                    self._tasks.create_task(self._dated(window, planned=len(instants) > 2))
            for parameter in ("includeTBA", "includeTBD"):
                worldwide = len(countries) > 1 and parameter not in plan.by_country
                self._tasks.create_task(self._undated(countries, parameter, worldwide))
        self._reader.check()
        for stretch in self._stretches:
            await self._add_up(stretch)
        if self._look_up and (looked_up := await self._look_up.settle(start)):
            self._stretches.append(looked_up)
        return sorted(self._stretches, key=lambda stretch: stretch.window.name())

    def progress(self) -> tuple[int, int]:
        """How many distinct events were received so far, and how many are expected as far as is known."""
        done = sum(stretch.distinct or len(stretch.met) for stretch in self._stretches)
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
        """Hands over what comes after an instant to one new stretch, or to two that begin at once."""
        end = stretch.window.end
        assert end is not None
        middle = early_morning(cut + (end - cut) / 2, stretch.window.country)
        instants = [cut, middle, end] if in_halves and middle < end else [cut, end]
        for begins, ends in pairwise(instants):
            self._tasks.create_task(self._dated(replace(stretch.window, start=begins, end=ends)))
        stretch.window = replace(stretch.window, end=cut)

    def _finish(self, stretch: Stretch) -> None:
        if self._look_up and not stretch.given_up:
            self._look_up.met(stretch.met)
        stretch.finish()

    async def _add_up(self, stretch: Stretch) -> None:
        """Compares what windows reported, from which the stretch was cut, with what all their parts brought."""
        for (country, start, end, filters), known in list(stretch.totals.items()):
            if start is None or end is None or known.most >= VAGUE:
                continue
            parts = [
                part
                for part in self._stretches
                if part.window.country == country
                and part.window.start is not None
                and part.window.end is not None
                and start <= part.window.start
                and part.window.end <= end
            ]
            came = sum(part.distinct + part.listed_twice for part in parts)
            came -= sum(part.at_start for part in parts if part.window.start != start)
            if came >= known.most or not all(part.complete for part in parts):
                continue
            window = Window(country, start, end, filters)
            if not await self._proof.excused(stretch, window, came):
                why = f"{came} of {known.most} events came that {window.name()} reported"
                stretch.incomplete(known.most - came, why)
            stretch.met.clear()

    async def _undated(self, countries: Sequence[str], parameter: str, worldwide: bool) -> None:
        """One sweep: worldwide if that takes fewer calls than country by country, otherwise by country."""
        filters = ((parameter, "only"),)
        world = Window(None, None, None, filters)
        if worldwide and await self._everywhere(world, len(countries)):
            return
        for country in countries:
            window = Window(country, None, None, filters)
            self._tasks.create_task(self._undated_of(window))

    async def _everywhere(self, window: Window, most_calls: int) -> bool:
        """Reads the undated events of all countries; False if that would take too many more calls.

        Also False if an event's country is unknown: then only a search by country can tell.
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
                stretch.given_up = not all(seen.country_code for seen, _ in stretch.met.values())
            self._finish(stretch)
            return not stretch.given_up

    async def _undated_of(self, window: Window) -> None:
        async with self._slots:
            stretch = self._begin(window)
            [first] = await self._reader.take(stretch, window, [0])
            await self._proof.settle(stretch, None, first)
            self._finish(stretch)
