"""The crawl plan, against a search in memory that shows 1,000 events of a window and reports up to 10,000."""

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from include.sources.crawl import Crawl
from include.sources.windows import DEPTH, PAGE, Page, Sighting, Stretch, Window

START = datetime(2026, 11, 22, 6, tzinfo=UTC)
END = START + timedelta(days=365)


@dataclass(frozen=True)
class Concert:
    """An event of the search; `at` is where it is found, which a sighting tells only if `timed`."""

    id: str
    at: datetime
    name: str
    timed: bool = True
    state: str | None = "NY"
    genre: str = "rock"


@dataclass
class Search:
    concerts: Sequence[Concert]
    undated: Sequence[Concert] = ()
    by_date: bool = True
    lost: frozenset[str] = frozenset()
    """Events that are counted but never shown."""
    jitter: random.Random | None = None
    asked: list[tuple[Window, int]] = field(default_factory=list)

    async def ask(self, window: Window, page: int) -> Page:
        assert page * PAGE < DEPTH, "the search refuses to page deeper"
        self.asked.append((window, page))
        await asyncio.sleep(self.jitter.random() / 1_000 if self.jitter else 0)
        filters = dict(window.filters)
        hits = [
            concert
            for concert in (self.concerts if window.start else self.undated)
            if (not window.start or not window.end or window.start <= concert.at <= window.end)
            and filters.get("stateCode") in (None, concert.state)
            and filters.get("genreId") in (None, concert.genre)
            and filters.get("includeTBD") is None
        ]
        if window.order.startswith("date"):
            hits.sort(key=lambda concert: (concert.at, concert.name) if self.by_date else concert.name)
        else:
            hits.sort(key=lambda concert: concert.name)
        if window.order.endswith("desc"):
            hits.reverse()
        shown = hits[page * PAGE :][:PAGE]
        return Page(
            min(len(hits), 10_000),
            tuple(
                Sighting(c.id, c.at if c.timed else None, "US", c.state, c.genre)
                for c in shown
                if c.id not in self.lost
            ),
        )


def season(number: int, country_seed: int = 1) -> list[Concert]:
    """A year of concerts: more of them soon and at weekends, most at a few minutes, some without a time."""
    drawn = random.Random(country_seed)
    concerts = []
    while len(concerts) < number:
        day = min(int(drawn.expovariate(1 / 110)), 363)
        weekend = (START + timedelta(days=day)).weekday() >= 4
        if drawn.random() > (1 if weekend else 0.4):
            continue
        hour = drawn.choices([19, 19.5, 20, 15], [4, 2, 4, 1])[0] + drawn.choices([5, 6, 8], [5, 3, 2])[0]
        timed = drawn.random() > 0.04
        concerts.append(
            Concert(
                f"id{len(concerts)}",
                START.replace(hour=0) + timedelta(days=day + 1, hours=hour if timed else 28),
                f"name {drawn.randrange(10**9)}",
                timed,
                drawn.choice(["NY", "CA", None]),
                drawn.choice(["rock", "pop", "jazz"]),
            )
        )
    return concerts


def at_once(number: int) -> list[Concert]:
    """Concerts of three states and three genres at one and the same instant."""
    concerts = season(number)
    return [
        Concert(c.id, START + timedelta(days=30), c.name, c.timed or c.id == "id0", c.state, c.genre)
        for c in concerts
    ]


async def crawl(search: Search) -> list[Stretch]:
    return await Crawl(search.ask).run(["US"], START, END)


def distinct(stretches: Sequence[Stretch]) -> int:
    return sum(stretch.distinct for stretch in stretches)


@pytest.mark.parametrize("number", [0, 1, 200, 1_000, 1_001, 3_000, 12_000])
async def test_every_event_is_met_far_beyond_the_wall(number: int) -> None:
    search = Search(season(number))
    stretches = await crawl(search)
    assert distinct(stretches) == number
    assert all(stretch.complete for stretch in stretches)
    assert sum(stretch.reported for stretch in stretches) >= number


@pytest.mark.parametrize("number", [3_000, 10_000, 25_000])
async def test_a_crawl_costs_at_most_a_tenth_more_calls_than_full_pages_would(number: int) -> None:
    search = Search(season(number))
    await crawl(search)
    undated_sweeps = 2
    assert len(search.asked) - undated_sweeps <= 1.1 * math.ceil(number / PAGE) + 1


@pytest.mark.parametrize("number", [1_500, 2_000, 3_300])
async def test_more_events_at_one_instant_than_can_be_paged_are_all_met(number: int) -> None:
    before, after = season(50), season(50, 2)
    crowd = at_once(number)
    others = [Concert(f"other {c.id} {i}", c.at, c.name) for i, c in enumerate(before + after)]
    stretches = await crawl(Search(crowd + others))
    assert distinct(stretches) == number + 100
    assert all(stretch.complete for stretch in stretches)


@pytest.mark.parametrize("number", [1, 1_200, 2_600])
async def test_undated_events_are_met_even_if_more_than_can_be_paged(number: int) -> None:
    stretches = await crawl(Search([], undated=season(number)))
    assert distinct(stretches) == number
    assert all(stretch.complete for stretch in stretches)


async def test_a_search_that_does_not_sort_by_date_is_crawled_completely_too() -> None:
    stretches = await crawl(Search(season(6_000), by_date=False))
    assert {stretch.complete for stretch in stretches} == {True}
    assert distinct(stretches) >= 6_000


async def test_events_that_are_counted_but_never_shown_make_the_crawl_incomplete() -> None:
    concerts = season(2_500)
    search = Search(concerts, lost=frozenset(c.id for c in concerts[:100]))
    [short] = [stretch for stretch in await crawl(search) if not stretch.complete]
    assert (short.reported, short.distinct) == (2_500, 2_400)


async def test_a_drift_of_one_percent_is_tolerated_and_shown() -> None:
    concerts = season(2_500)
    search = Search(concerts, lost=frozenset(c.id for c in concerts[:25]))
    dated = next(stretch for stretch in await crawl(search) if stretch.window.start)
    assert dated.complete
    assert (dated.reported, dated.distinct, dated.tolerance) == (2_500, 2_475, 25)


async def test_the_same_questions_are_asked_in_whatever_order_answers_come() -> None:
    concerts = season(9_000)
    asked = []
    for seed in (1, 2):
        search = Search(concerts, jitter=random.Random(seed))
        await crawl(search)
        asked.append(search.asked)
    assert asked[0] != asked[1]
    assert set(asked[0]) == set(asked[1])


async def test_no_two_windows_share_a_name() -> None:
    search = Search(at_once(3_300), undated=season(2_600))
    await crawl(search)
    assert len({(window.name(), page) for window, page in search.asked}) == len(set(search.asked))


async def test_windows_share_their_edges_so_that_nothing_falls_between() -> None:
    stretches = await crawl(Search(season(12_000)))
    windows = sorted((s.window.start, s.window.end) for s in stretches if s.window.start and s.window.end)
    assert windows[0][0] == START
    assert windows[-1][1] == END
    assert all(before[1] == after[0] for before, after in pairwise(windows))


async def test_what_the_search_raises_ends_the_crawl() -> None:
    async def broken(window: Window, page: int) -> Page:
        raise ConnectionError("broken")

    with pytest.raises(ConnectionError, match="broken"):
        await Crawl(broken).run(["US", "GB"], START, END)
