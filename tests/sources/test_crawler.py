"""The crawl of a source, against a search in memory that shows 1,000 events of a window and reports up to 10,000."""

import asyncio
import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from aiolimiter import AsyncLimiter

from include.errors import SourceUnavailable
from include.sources.client import http, pace
from include.sources.client.messages import Response
from include.sources.client.priority import PrioritySemaphore
from include.sources.ticketmaster import reader
from include.sources.ticketmaster.crawler import Crawler
from include.sources.ticketmaster.cuts import planned_cuts
from include.sources.ticketmaster.search import read
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import DEPTH, DESCENDING, PAGE, Page, Sighting, Span, Window
from tests.support import virtual_time
from tests.support.crawling import certified

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
    country: str | None = "US"
    """None: the search knows it, but does not tell."""


@dataclass
class Search:
    concerts: Sequence[Concert]
    undated: Sequence[Concert] = ()
    by_date: bool = True
    lost: frozenset[str] = frozenset()
    """Events that are counted but never shown."""
    cap: int = 10_000
    """The largest total that is reported."""
    lag: float = 1
    """The share of a total that is reported."""
    size: int = PAGE
    """Events on a full page, whatever was requested."""
    walls: int = 0
    """How many more requests for a first page are rejected as too deep."""
    wobbling: tuple[str, ...] = ()
    """The countries whose totals are off by up to 2."""
    seed: int = 1
    """Determines by how much."""
    jitter: random.Random | None = None
    asked: list[tuple[Window, int]] = field(default_factory=list)
    told: dict[Span, int] = field(default_factory=dict)
    """The largest total reported for each window."""
    _found: dict[Window, list[Concert]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.concerts = sorted(self.concerts, key=lambda concert: (concert.at, concert.name))
        self.undated = sorted(self.undated, key=lambda concert: concert.name)

    async def ask(self, window: Window, page: int, urgency: float) -> Page:
        assert page * PAGE < DEPTH, "the search rejects deeper pages"
        self.asked.append((window, page))
        await asyncio.sleep(self.jitter.random() / 1_000 if self.jitter else 0)
        if window not in self._found:
            self._found[window] = self._find(window)
        hits = self._found[window]
        if not page and self.walls:
            self.walls -= 1
            return Page(0, (), too_deep=True)
        total = min(int(len(hits) * self.lag), self.cap)
        if window.country in self.wobbling and total:
            total = max(0, total + random.Random(f"{self.seed} {len(self.asked)}").randint(-2, 2))
        self.told[window.span] = max(self.told.get(window.span, 0), total)
        return Page(
            total,
            tuple(
                Sighting(
                    c.id,
                    c.at if c.timed else None,
                    c.country,
                    c.state,
                    c.genre,
                    None if window.start is None else (c.at - timedelta(hours=6)).date(),
                )
                for c in hits[page * self.size :][: self.size]
                if c.id not in self.lost
            ),
            size=self.size,
        )

    def _find(self, window: Window) -> list[Concert]:
        concerts = list(self.undated)
        if window.start and window.end:
            first = bisect_left(self.concerts, window.start, key=lambda concert: concert.at)
            concerts = list(
                self.concerts[first : bisect_right(self.concerts, window.end, key=lambda c: c.at)]
            )
        filters = dict(window.filters)
        hits = [
            concert
            for concert in concerts
            if window.country in (None, concert.country or "US")
            and filters.get("stateCode") in (None, concert.state)
            and filters.get("genreId") in (None, concert.genre)
            and filters.get("includeTBD") is None
        ]
        if not window.order.startswith("date") or not self.by_date:
            hits.sort(key=lambda concert: concert.name)
        return hits[::-1] if window.order.endswith("desc") else hits


def season(number: int, country_seed: int = 1, country: str = "US") -> list[Concert]:
    """A year of concerts: more of them soon and at weekends, most at a few minutes, some without a time."""
    drawn = random.Random(country_seed)
    concerts = []
    while len(concerts) < number:
        day = int(drawn.expovariate(1 / 110))
        weekend = (START + timedelta(days=day)).weekday() >= 4
        if day > 363 or drawn.random() > (1 if weekend else 0.4):
            continue
        hour = drawn.choices([19, 19.5, 20, 15], [4, 2, 4, 1])[0] + drawn.choices([5, 6, 8], [5, 3, 2])[0]
        timed = drawn.random() > 0.04
        concerts.append(
            Concert(
                f"{country}{country_seed}-{len(concerts)}",
                START.replace(hour=0) + timedelta(days=day + 1, hours=hour if timed else 28),
                f"name {drawn.randrange(10**9)}",
                timed,
                drawn.choice(["NY", "CA", None]),
                drawn.choice(["rock", "pop", "jazz"]),
                country,
            )
        )
    return concerts


def at_once(number: int) -> list[Concert]:
    """Concerts of three states and three genres at one and the same instant."""
    concerts = season(number)
    return [
        Concert(c.id, START + timedelta(days=30), c.name, c.timed or c.id == "US1-0", c.state, c.genre)
        for c in concerts
    ]


async def crawl(search: Search, *countries: str) -> list[Stretch]:
    return await Crawler(search.ask).run(countries or ["US"], START, END)


def distinct(stretches: Sequence[Stretch]) -> int:
    return sum(stretch.distinct for stretch in stretches)


@pytest.mark.parametrize("number", [0, 1, 200, 1_000, 1_001, 3_000, 12_000])
async def test_every_event_is_found_far_beyond_the_wall(number: int) -> None:
    search = Search(season(number))
    stretches = await crawl(search)
    assert distinct(stretches) == number
    assert all(stretch.complete for stretch in stretches)
    assert sum(stretch.reported for stretch in stretches) >= number


@pytest.mark.parametrize("number", [3_000, 10_000, 25_000])
async def test_a_crawl_costs_at_most_a_tenth_more_calls_than_full_pages_would(number: int) -> None:
    search = Search(season(number))
    await crawl(search)
    undated_sweeps = 4  # that they are empty is confirmed in the other order
    assert len(search.asked) - undated_sweeps <= 1.1 * math.ceil(number / PAGE) + 1


@pytest.mark.parametrize("number", [1_500, 2_000, 3_300])
async def test_more_events_at_one_instant_than_can_be_paged_are_all_found(number: int) -> None:
    before, after = season(50), season(50, 2)
    crowd = at_once(number)
    others = [Concert(f"other {c.id}", c.at, c.name) for c in before + after]
    stretches = await crawl(Search([*crowd, *others]))
    assert distinct(stretches) == number + 100
    assert all(stretch.complete for stretch in stretches)


@pytest.mark.parametrize("number", [1, 1_200, 2_600])
async def test_undated_events_are_found_even_if_more_than_can_be_paged(number: int) -> None:
    stretches = await crawl(Search([], undated=season(number)))
    assert distinct(stretches) == number
    assert all(stretch.complete for stretch in stretches)


@pytest.mark.parametrize("number", [1_030, 1_500, 2_000, 3_000, 8_000])
@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize(
    "report", [{"cap": 200}, {"cap": 1_000}, {"cap": 2_000}, {"cap": 5_000}, {"lag": 0.97}]
)
async def test_no_total_makes_a_crowd_complete_of_which_events_are_missing(
    number: int, dated: bool, report: dict[str, float]
) -> None:
    """Events that time cannot split, whose total is capped or too low."""
    crowd = at_once(number) if dated else season(number)
    search = Search(crowd if dated else [], () if dated else crowd, **report)  # type: ignore[arg-type]
    stretches = await crawl(search)
    complete = all(stretch.complete for stretch in stretches)
    assert distinct(stretches) == number or not complete
    if number < 1_990:  # what can be reached from both ends needs no total
        assert (distinct(stretches), complete) == (number, True)


@pytest.mark.parametrize("number", [104, 199, 350])
@pytest.mark.parametrize("dated", [True, False])
async def test_a_page_that_is_full_for_its_lowered_size_is_not_the_last(number: int, dated: bool) -> None:
    """Even if the total says so."""
    concerts = season(number)
    search = Search(concerts if dated else [], () if dated else concerts, size=100, cap=100 * (number // 100))
    stretches = await crawl(search)
    assert distinct(stretches) == number
    assert all(stretch.complete for stretch in stretches)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("wobbling", [("GB",), ("GB", "US")])
@pytest.mark.parametrize("hidden", [0, 1, 2])
async def test_a_total_that_fluctuates_excuses_no_event_that_never_came(
    hidden: int, wobbling: tuple[str, ...], seed: int
) -> None:
    us, gb = season(900, 1, "US"), season(900, 2, "GB")
    lost = frozenset(concert.id for concert in us[50 : 50 + hidden])
    search = Search([*us, *gb], lost=lost, wobbling=wobbling, seed=seed)
    stretches = await crawl(search, "US", "GB")
    assert distinct(stretches) == 1_800 - hidden
    assert all(stretch.complete for stretch in stretches if stretch.window.country == "GB")
    reported = search.told[Window("US", START, END).span]
    missed = hidden if reported > 900 - hidden else 0  # nobody can miss what no response reports
    assert all(stretch.complete for stretch in stretches) == (not missed)
    assert len(search.asked) <= 600


async def test_a_total_that_fluctuates_excuses_nothing_in_a_country_that_is_too_large_to_count() -> None:
    us, gb = season(150, 1, "US"), season(12_000, 2, "GB")
    lost = frozenset(concert.id for concert in random.Random(1).sample(gb, 2))
    search = Search([*us, *gb], by_date=False, lost=lost, wobbling=("US",))
    stretches = await crawl(search, "US", "GB")
    assert not all(stretch.complete for stretch in stretches if stretch.window.country == "GB")
    assert all(stretch.complete for stretch in stretches if stretch.window.country == "US")


@pytest.mark.parametrize(
    ("excess", "least"), [(300, 0), (0, 1_000), (0, 10_000)], ids=["300 too high", "1,000", "10,000"]
)
async def test_totals_that_are_wrong_in_every_window_end_the_reading_and_are_named(
    excess: int, least: int
) -> None:
    search = Search(season(900))

    async def ask(window: Window, page: int, urgency: float) -> Page:
        response = await search.ask(window, page, urgency)
        return replace(response, total=max(response.total + excess, least) if window.start else 0)

    stretches = await Crawler(ask).run(["US"], START, END)
    assert all(stretch.requests < 1_500 for stretch in stretches)
    short = [stretch for stretch in stretches if not stretch.complete]
    assert short
    named = ("did not add up after", "the crawl had made 3,0")
    assert all(any(why in stretch.reasons[1] for why in named) for stretch in short)
    assert len(search.asked) < 3_200


@pytest.mark.parametrize("number", [1, 3_000])
async def test_a_first_page_that_is_rejected_as_too_deep_is_not_taken_for_an_empty_one(number: int) -> None:
    stretches = await crawl(Search(season(number), season(10, 2), walls=1))
    assert all(stretch.complete for stretch in stretches)
    assert distinct(stretches) == number + 10


async def test_a_search_that_rejects_every_first_page_as_too_deep_ends_the_crawl() -> None:
    search = Search(season(3_000), walls=10_000)
    with pytest.raises(SourceUnavailable, match="too deep, which it is not"):
        await crawl(search)
    assert len(search.asked) < 10


async def test_a_search_that_does_not_sort_by_date_is_crawled_completely_too() -> None:
    stretches = await crawl(Search(season(6_000), by_date=False))
    assert {stretch.complete for stretch in stretches} == {True}
    assert distinct(stretches) >= 6_000


async def test_events_that_are_counted_but_never_shown_make_the_crawl_incomplete() -> None:
    concerts = season(2_500)
    search = Search(concerts, lost=frozenset(c.id for c in concerts[:100]))
    [short] = [stretch for stretch in await crawl(search) if not stretch.complete]
    assert (short.reported, short.distinct) == (2_500, 2_400)


@pytest.mark.parametrize("lost", [1, 25])
async def test_a_few_of_many_events_that_never_came_are_missing_too(lost: int) -> None:
    concerts = season(2_500)
    search = Search(concerts, lost=frozenset(c.id for c in concerts[:lost]))
    [short] = [stretch for stretch in await crawl(search) if not stretch.complete]
    assert (short.reported, short.distinct, short.missing) == (2_500, 2_500 - lost, lost)


@pytest.mark.parametrize("reported", [1, 2, 9])
async def test_a_few_events_that_never_came_are_no_drift(reported: int) -> None:
    search = Search(season(reported), lost=frozenset(concert.id for concert in season(reported)[:1]))
    assert not all(stretch.complete for stretch in await crawl(search))


@pytest.mark.parametrize(("events", "most_calls"), [(1_100, 27), (7_501, 150)])
async def test_a_crowd_at_one_instant_that_opens_a_stretch_costs_no_probes(
    events: int, most_calls: int
) -> None:
    crowd = [
        Concert(f"b{n}", START + timedelta(days=3), f"b{n:05}", True, f"S{n % 40}", "abcde"[n % 5])
        for n in range(events)
    ]
    after = [Concert(f"s{n}", START + timedelta(days=4, hours=2 * n), f"s{n:05}") for n in range(3_000)]
    search = Search([*crowd, *after])
    stretches = await crawl(search)
    assert distinct(stretches) >= events + 3_000
    assert len(search.asked) <= most_calls


async def test_the_same_requests_are_sent_in_whatever_order_responses_arrive() -> None:
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


COUNTRIES = ("US", "GB", "CA")


def three_countries(number: int) -> list[Concert]:
    """Seven in ten in the first, two in the second, one in the third."""
    shares = zip(COUNTRIES, (0.7, 0.2, 0.1), strict=True)
    return [c for code, share in shares for c in season(int(number * share), 1, code)]


@pytest.mark.parametrize("number", [10_000, 40_000])
async def test_a_crawl_of_three_countries_costs_few_calls_and_fewer_after_an_earlier_one(number: int) -> None:
    concerts = three_countries(number)
    undated = [Concert(f"undated {n}", START, f"{n}", country=COUNTRIES[n % 3]) for n in range(90)]
    cold = Search(concerts, undated)
    stretches = await crawl(cold, *COUNTRIES)
    fewest = math.ceil((number + 90) / PAGE)
    assert len(cold.asked) <= 1.25 * fewest
    day = timedelta(days=1)
    warm = Search(concerts, undated)
    cuts = planned_cuts(certified(stretches), COUNTRIES, START + day, END + day)
    later = await Crawler(warm.ask).run(COUNTRIES, START + day, END + day, cuts)
    assert len(warm.asked) <= 1.15 * fewest
    assert all(stretch.complete for stretch in later)
    assert distinct(later) >= sum(c.at >= START + day for c in concerts) + 90


async def test_a_later_crawl_begins_everywhere_at_once() -> None:
    search = Search(season(40_000))
    cuts = planned_cuts(certified(await crawl(search)), ["US"], START, END)
    assert 5 <= len(cuts.instants["US"]) <= 20
    assert 39_000 <= cuts.expected <= 41_000
    instants = [START, *cuts.instants["US"], END]
    for begin, end in pairwise(instants):
        held = sum(begin <= concert.at <= end for concert in search.concerts)
        assert held < 9_000


async def test_a_plan_keeps_to_the_requested_span_and_countries() -> None:
    windows = certified(await crawl(Search(three_countries(20_000)), *COUNTRIES))
    cuts = planned_cuts(windows, ["GB", "FR"], START + timedelta(days=100), END)
    assert set(cuts.instants) <= {"GB"}
    assert all(
        START + timedelta(days=100) < cut < END for instants in cuts.instants.values() for cut in instants
    )


def sweeps(search: Search) -> list[str]:
    return [window.name() for window, _ in search.asked if not window.start]


async def test_undated_events_of_several_countries_are_requested_together() -> None:
    undated = [Concert(f"undated {n}", START, f"{n}", country=COUNTRIES[n % 3]) for n in range(250)]
    search = Search([], undated)
    stretches = await crawl(search, *COUNTRIES)
    empty = ["world-includeTBD.only", "world-includeTBD.only-date.name.desc"]  # confirmed in the other order
    assert sorted(sweeps(search)) == ["world-includeTBA.only"] * 2 + empty
    assert distinct(stretches) == 250


@pytest.mark.parametrize("number", [900, 3_000])
async def test_many_undated_events_are_requested_by_country_now_and_the_next_time(number: int) -> None:
    undated = [Concert(f"undated {n}", START, f"{n:05}", country=COUNTRIES[n % 3]) for n in range(number)]
    search = Search([], undated)
    stretches = await crawl(search, *COUNTRIES)
    by_country = [stretch for stretch in stretches if stretch.window.country]
    assert sum(s.distinct for s in by_country if s.window.filters == (("includeTBA", "only"),)) == number
    assert all(stretch.complete for stretch in stretches)
    cuts = planned_cuts(certified(stretches), COUNTRIES, START, END)
    assert cuts.by_country == ["includeTBA"]
    again = Search([], undated)
    await Crawler(again.ask).run(COUNTRIES, START, END, cuts)
    assert "world-includeTBA.only" not in sweeps(again)


async def test_undated_events_of_unknown_countries_are_requested_by_country() -> None:
    undated = [Concert(f"undated {n}", START, f"{n}", country=None) for n in range(5)]
    stretches = await crawl(Search([], undated), *COUNTRIES)
    of_us = next(s for s in stretches if s.window.name() == "US-includeTBA.only")
    assert (of_us.distinct, of_us.complete) == (5, True)


@pytest.mark.parametrize("latency", [0.2, 2])
@pytest.mark.parametrize("number", [30_000, 230_000])
def test_a_crawl_sustains_the_allowed_rate_however_slow_the_responses(number: int, latency: float) -> None:
    """In virtual time, under the same rate limiter and limit of requests in flight as the client's."""
    search = Search(three_countries(number))
    rate, starts = 5, list[float]()

    async def whole() -> None:
        rate_limiter, send_order = AsyncLimiter(1, pace.SPACING / rate), PrioritySemaphore(1)
        in_flight = PrioritySemaphore(http._SECONDS_IN_FLIGHT * rate)

        async def ask(window: Window, page: int, urgency: float) -> Page:
            async with in_flight.acquire(urgency):
                async with send_order.acquire(urgency):
                    await rate_limiter.acquire()
                starts.append(asyncio.get_running_loop().time())
                await asyncio.sleep(latency)
                return await search.ask(window, page, urgency)

        await Crawler(ask).run(COUNTRIES, START, END)

    virtual_time.run(whole())
    steady = [at for at in starts if at >= 2 * latency]  # before that, too little is known to send more
    assert (len(steady) - 1) / (steady[-1] - steady[0]) >= 0.95 * rate
    assert min(later - earlier for earlier, later in pairwise(starts)) > 1 / rate


@pytest.mark.parametrize("total", [3, 9_000])
@pytest.mark.parametrize(
    "start",
    [
        {"localDate": "9999-12-31"},
        {"localDate": "0001-01-01"},
        {"dateTime": "9999-12-31T23:59:59Z"},
        {"dateTime": "2999-12-31T23:59:59Z"},
        {"dateTime": "0001-01-01T00:00:00+05:00"},
    ],
)
async def test_an_event_with_a_placeholder_for_its_date_does_not_stop_a_crawl(
    start: dict[str, str], total: int
) -> None:
    found = {START + timedelta(days=n): {"dateTime": f"{START + timedelta(days=n):%FT%TZ}"} for n in (9, 11)}
    found[START + timedelta(days=10)] = start
    asked = 0

    async def ask(window: Window, page: int, urgency: float) -> Page:
        nonlocal asked
        asked += 1
        shown = [
            {"id": str(at), "dates": {"start": tells}}
            for at, tells in sorted(found.items())
            if window.start and window.end and window.start <= at <= window.end and not page
        ]
        if "desc" in window.order:
            shown.reverse()
        reported = total if asked == 1 else len(shown)
        document = {"_embedded": {"events": shown}, "page": {"totalElements": reported, "size": PAGE}}
        return read(Response(200, {}, msgspec.json.encode(document), START))

    stretches = await Crawler(ask).run(["US"], START, END)
    assert distinct(stretches) == 3
    assert all(stretch.complete for stretch in stretches) == (total == 3)


async def test_a_total_that_is_right_by_coincidence_hides_no_event() -> None:
    """Totals are capped at 200, and the first request for a second page reaches a server that lacks 15 of 210."""
    concerts = [Sighting(f"{n}", START + timedelta(days=n), "US", None, None) for n in range(210)]
    asked: list[int] = []

    async def ask(window: Window, page: int, urgency: float) -> Page:
        if window.start is None or window.end is None:
            return Page(0, ())
        found = [each for each in concerts if each.starts_at and window.start <= each.starts_at <= window.end]
        if window.order == DESCENDING:
            found.reverse()
        asked.append(page)
        if page and asked.count(page) == 1:
            return Page(195, ())
        return Page(min(len(found), 200), tuple(found[page * PAGE : (page + 1) * PAGE]))

    [stretch, *_] = await Crawler(ask).run(["US"], START, END)
    assert (stretch.distinct, stretch.complete) == (210, True)


async def test_an_error_of_the_search_ends_the_crawl() -> None:
    async def broken(window: Window, page: int, urgency: float) -> Page:
        raise ConnectionError("broken")

    with pytest.raises(ConnectionError, match="broken"):
        await Crawler(broken).run(["US", "GB"], START, END)


@pytest.mark.parametrize("undated", [0, 9_000])
@pytest.mark.parametrize("always_new", [False, True])
def test_a_source_that_never_ends_ends_the_crawl_incomplete(
    undated: int, always_new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any window holds thousands of events, each in a state and of a genre of its own."""
    monkeypatch.setattr(reader, "CRAWL_REQUESTS", 600)
    monkeypatch.setattr(reader, "MOST_REQUESTS", 800)
    requests = 0

    async def ask(window: Window, page: int, urgency: float) -> Page:
        nonlocal requests
        requests += 1
        if window.start is None and not undated:
            return Page(0, ())
        start, end = window.start or START, window.end or END
        some = f"{requests if always_new else ''}-{page}"
        shown = tuple(
            Sighting(
                f"{some}-{number}",
                start + (end - start) * number // PAGE if window.start else None,
                "US",
                f"{page}{number}",
                some,
            )
            for number in range(PAGE)
        )
        return Page(10_000 if window.start else undated, shown)

    stretches = virtual_time.run(Crawler(ask).run(["US"], START, END))
    assert not all(stretch.complete for stretch in stretches)
    assert requests <= 900
