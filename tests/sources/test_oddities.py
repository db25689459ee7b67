"""Whatever the search does: no event is lost that the certificate does not miss, and none is met twice.

An event is reported if a response shows it, or counts it in its total. What no response reports nobody can
miss, unless an earlier crawl listed it: that is looked up by id.
"""

import asyncio
import math
import random
from typing import Any

import pytest

from include.errors import QuotaSpent, SourceRejected, SourceUnavailable
from include.sources.ticketmaster import reader
from include.sources.ticketmaster.windows import PAGE
from sandbox.faults import Fault
from sandbox.ticketmaster.search import drifting_ids
from sandbox.world.catalog import Catalog
from tests.support.crawling import COUNTRIES, DAY, START, TODAY, Outcome, crawled, next_day


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=2_600, countries=COUNTRIES, today=TODAY)


FEWEST = math.ceil(2_600 / PAGE)

HARMLESS: dict[str, tuple[dict[str, Any], float]] = {
    # behaviour: its options, and how many times the fewest calls it may take at most
    "honest": ({}, 2),
    "sorts by local time": ({"sorts_by_local_time": True}, 6),
    "unstable ties": ({"ties": "unstable", "names_order_ties": False}, 8),
    "totals that wobble": ({"totals": "wobbling"}, 18),
    "totals that lag": ({"totals": "lagging"}, 8),
    "totals that count duplicates": ({"totals": "doubled"}, 8),
    "totals capped at 1,000": ({"total_cap": 1_000}, 14),
    "untimed by UTC midnight": ({"untimed_at": "utc midnight"}, 6),
    "untimed by local midnight": ({"untimed_at": "local midnight"}, 6),
    "untimed sorted first": ({"untimed_sorted": "first"}, 6),
    "untimed sorted last": ({"untimed_sorted": "last"}, 6),
    "untimed sorted anywhere": ({"untimed_sorted": "anywhere", "untimed_at": "utc midnight"}, 8),
    "an exclusive end": ({"exclusive_end": True}, 2),
    "short pages": ({"short_pages": 30}, 8),
    "a size lowered to 100": ({"page_size": 100}, 8),
    "pages counted by 20": ({"pages_of_20": True}, 2),
    "empties as 404": ({"empty_as_404": True}, 2),
    "no hits once, first page": ({"faults": [Fault("no_hits", where={"page": "0"}, times=1)]}, 4),
    "no hits thrice, first page": ({"faults": [Fault("no_hits", where={"page": "0"}, times=3)]}, 4),
    "no hits once, middle page": ({"faults": [Fault("no_hits", where={"page": "2"}, times=1)]}, 4),
    "no events once, first page": ({"faults": [Fault("no_events", where={"page": "0"}, times=1)]}, 4),
    "no events once, last page": ({"faults": [Fault("no_events", where={"page": "4"}, times=1)]}, 4),
    "404 once, first page": ({"faults": [Fault("dis_404", where={"page": "0"}, times=1)]}, 4),
    "404 once, middle page": ({"faults": [Fault("dis_404", where={"page": "3"}, times=1)]}, 4),
    "no hits once, last page": ({"faults": [Fault("no_hits", where={"page": "4"}, times=1)]}, 4),
    "404 once, last page": ({"faults": [Fault("dis_404", where={"page": "4"}, times=1)]}, 4),
    "a size lowered to 100, capped totals": ({"page_size": 100, "total_cap": 500}, 20),
    "empty once, in a sweep": ({"faults": [Fault("no_hits", where={"includeTBA": "only"}, times=1)]}, 4),
    "404 once, in a sweep": ({"faults": [Fault("dis_404", where={"includeTBA": "only"}, times=1)]}, 4),
    "rejected as too deep once, first page": ({"faults": [Fault("wall", where={"page": "0"}, times=1)]}, 4),
    "rejected as too deep once, in a sweep": (
        {"faults": [Fault("wall", where={"includeTBA": "only"}, times=1)]},
        4,
    ),
    "a bare 404 and 400 now and then": (
        {"faults": [Fault("http_404", share=0.05), Fault("http_400", share=0.05)]},
        4,
    ),
    "408, 425 and 503": ({"faults": [Fault("http_408", share=0.05), Fault("http_425", share=0.05)]}, 4),
    "cut and reset": ({"faults": [Fault("truncated", share=0.1), Fault("reset", share=0.1)]}, 4),
    "nested too deep now and then": (
        {"faults": [Fault("nested_objects", share=0.05), Fault("nested_mixed", share=0.05)]},
        4,
    ),
    "a crowd in one state": ({"crowd": 900}, 4),
    "a crowd in many states": ({"crowd": 1_700, "crowd_states": 30}, 8),
    "hung and dripping": ({"faults": [Fault("hang", at=[3]), Fault("drip", at=[4])]}, 4),
    "venues in another country": ({"foreign_venues": 0.05}, 4),
    "a replica that lacks some": ({"replica": 0.05}, 20),
}


@pytest.mark.parametrize("behaviour", HARMLESS)
async def test_harmless_oddities_lose_nothing_and_are_complete(catalog: Catalog, behaviour: str) -> None:
    options, most = HARMLESS[behaviour]
    outcome = await crawled(catalog, **options)
    assert (len(outcome.lost(catalog)), outcome.doubled) == (0, 0)
    assert outcome.complete, [stretch.reasons for stretch in outcome.stretches if not stretch.complete]
    assert outcome.requests <= most * FEWEST, f"{outcome.requests / FEWEST:.1f}"


HARMFUL: dict[str, tuple[dict[str, Any], float]] = {
    # behaviour: its options, and the share of events that may be lost at most
    "some are never shown": ({"hidden": 0.01}, 0.02),
    "a fifth is never shown": ({"hidden": 0.2}, 0.25),
    "a poison page": ({"poison": 1}, 0.02),
    "two poison pages": ({"poison": 2}, 0.05),
    "a broken last page": ({"broken_last_page": True}, 0.05),
    "a page that is nested too deep": ({"faults": [Fault("nested_mixed", where={"page": "3"})]}, 0.05),
    "a large crowd in one state": ({"crowd": 1_800}, 0.6),
    "every first page of a sweep is empty": (
        {"faults": [Fault("no_events", where={"includeTBA": "only"})]},
        0.02,
    ),
    "every page of a sweep is rejected as too deep": (
        {"faults": [Fault("wall", where={"includeTBA": "only"})]},
        0.02,
    ),
}


@pytest.mark.parametrize("behaviour", HARMFUL)
async def test_where_something_is_lost_the_certificate_says_so(catalog: Catalog, behaviour: str) -> None:
    options, most = HARMFUL[behaviour]
    outcome = await crawled(catalog, tries=2, **options)
    lost = outcome.lost(catalog)
    assert not (outcome.complete and lost)
    assert outcome.doubled == 0
    assert len(lost) <= most * 2_600
    assert outcome.requests <= 40 * FEWEST


@pytest.mark.parametrize(("states", "lost", "most"), [(50, False, 4), (1, True, 26)])
async def test_thousands_at_one_instant_are_all_found_in_fifty_states_and_missed_in_one(
    states: int, lost: bool, most: float
) -> None:
    """3,000 events in one state are more than three searches of 1,000 can reach: by date, backwards, by genre."""
    catalog = Catalog(concerts=5_000, countries=COUNTRIES, today=TODAY)
    outcome = await crawled(catalog, crowd=3_000, crowd_states=states)
    assert (outcome.complete, bool(outcome.lost(catalog))) == (not lost, lost)
    assert outcome.doubled == 0
    assert outcome.requests <= most * 5_000 / PAGE, f"{outcome.requests / (5_000 / PAGE):.1f}"


@pytest.mark.parametrize("what", ["drift", "moved"])
async def test_no_unchanged_event_is_lost_while_others_appear_disappear_or_move(
    catalog: Catalog, what: str
) -> None:
    outcome = await crawled(catalog, **{what: 0.02, "drift_requests": 15})
    changing = drifting_ids(catalog, 0.02, what)  # type: ignore[arg-type]
    assert not (outcome.complete and outcome.lost(catalog, but=changing))
    assert outcome.doubled == 0
    assert outcome.requests <= 14 * FEWEST, f"{outcome.requests / FEWEST:.1f}"


async def test_an_unreachable_source_ends_the_crawl(catalog: Catalog) -> None:
    with pytest.raises(SourceUnavailable):
        await crawled(catalog, tries=1, faults=[Fault("http_503")])


async def test_a_crawl_fails_beyond_the_number_of_pages_it_may_lose(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One poison page costs itself and those of its halves, which the limit allows to the last one."""
    tries: dict[str, Any] = {"tries": 1, "poison": 1}
    requests = (await crawled(catalog, **tries)).failed
    for limit in (requests, requests - 1):
        monkeypatch.setattr(reader, "MAX_LOST", limit)
        if limit == requests:
            assert not (await crawled(catalog, **tries)).complete
        else:
            with pytest.raises(SourceUnavailable):
                await crawled(catalog, **tries)


async def test_a_key_that_is_revoked_in_mid_crawl_ends_it(catalog: Catalog) -> None:
    with pytest.raises(SourceRejected, match="rejected the API key"):
        await crawled(catalog, key_revoked_after=5)


async def test_a_quota_that_is_reported_as_spent_in_a_401_is_no_bad_key(catalog: Catalog) -> None:
    with pytest.raises(QuotaSpent, match="HTTP 401"):
        await crawled(catalog, faults=[Fault("quota_401", at=[5])])


async def test_pages_that_are_lost_are_named(catalog: Catalog) -> None:
    outcome = await crawled(catalog, tries=1, faults=[Fault("http_500", where={"includeTBD": "only"})])
    reasons = [reason for stretch in outcome.stretches for reason in stretch.reasons]
    assert any("includeTBD.only-0 could not be fetched" in reason for reason in reasons)
    assert any("HTTP 500" in reason for reason in reasons)
    assert not outcome.complete


@pytest.fixture(scope="module")
def yesterday(catalog: Catalog) -> Outcome:
    outcome = asyncio.run(crawled(catalog))
    assert outcome.complete
    return outcome


async def test_the_next_day_costs_no_more_and_looks_nobody_up(catalog: Catalog, yesterday: Outcome) -> None:
    outcome = await next_day(catalog, yesterday)
    assert outcome.complete
    assert outcome.requests <= yesterday.requests
    assert not [stretch for stretch in outcome.stretches if "looked-up" in stretch.window.name()]


@pytest.mark.parametrize("kind", ["no_hits", "no_events", "dis_404", "wall"])
@pytest.mark.parametrize("where", [{"page": "0"}, {"includeTBA": "only"}])
async def test_empty_first_responses_of_a_planned_crawl_hide_nothing(
    catalog: Catalog, yesterday: Outcome, kind: Any, where: dict[str, str]
) -> None:
    outcome = await next_day(catalog, yesterday, faults=[Fault(kind, where=where, times=2)])
    assert outcome.complete
    assert set(yesterday.met) & catalog.concert_ids(after=START + DAY) <= set(outcome.met)
    assert outcome.doubled == 0
    assert outcome.requests <= 2 * yesterday.requests


@pytest.mark.parametrize("share", [0.02, 0.2])
async def test_events_that_went_are_gone_on_two_witnesses_but_not_a_fifth_in_a_day(
    catalog: Catalog, yesterday: Outcome, share: float
) -> None:
    outcome = await next_day(catalog, yesterday, replica=share, replica_where={"locale": "*"})
    [looked_up] = [stretch for stretch in outcome.stretches if "looked-up" in stretch.window.name()]
    assert outcome.complete == (share < 0.1)
    if outcome.complete:
        assert (looked_up.reported, looked_up.missing) == (0, 0)
        assert outcome.requests <= max(1.15 * yesterday.requests, yesterday.requests + 8)
    else:
        assert looked_up.missing > 400


async def test_what_a_lacking_replica_alone_answers_is_found_by_its_id(
    catalog: Catalog, yesterday: Outcome
) -> None:
    """A search of small windows that one replica answers: its totals agree with what it shows."""
    lacking: dict[str, Any] = {"replica": 0.3, "replica_where": {"includeTBA": "only"}}
    first = await crawled(catalog, **lacking)
    lost = first.lost(catalog)
    assert lost
    assert (first.complete, lost & first.counted) == (True, set())
    second = await next_day(catalog, yesterday, **lacking)
    assert lost <= set(second.met)
    assert second.complete


def mixture(seed: int) -> dict[str, Any]:
    """Options at random: some behaviours at once."""
    drawn = random.Random(seed)
    choices: list[dict[str, Any]] = [
        {"sorts_by_local_time": True},
        {"ties": "unstable", "names_order_ties": False},
        {"totals": drawn.choice(["wobbling", "lagging", "doubled"])},
        {"untimed_at": drawn.choice(["utc midnight", "local midnight"])},
        {"untimed_sorted": drawn.choice(["first", "last", "anywhere"])},
        {"exclusive_end": True},
        {"short_pages": drawn.choice([1, 40])},
        {"page_size": drawn.choice([50, 100])},
        {"hidden": drawn.choice([0.005, 0.1])},
        {"replica": drawn.choice([0.01, 0.1])},
        {"poison": drawn.choice([1, 2])},
        {"crowd": drawn.choice([300, 1_500]), "crowd_states": drawn.choice([1, 20])},
        {"total_cap": drawn.choice([1_000, 2_000])},
        {"faults": [Fault(drawn.choice(["no_hits", "no_events", "dis_404"]), share=0.05)]},  # type: ignore[arg-type]
    ]
    chosen: dict[str, Any] = {}
    for options in drawn.sample(choices, drawn.choice([2, 3, 4])):
        chosen |= options
    return chosen


@pytest.mark.parametrize("seed", range(30))
async def test_no_mixture_of_behaviours_makes_the_certificate_lie(seed: int) -> None:
    catalog, options = Catalog(seed=seed, concerts=1_800, countries=COUNTRIES, today=TODAY), mixture(seed)
    try:
        outcome = await crawled(catalog, tries=2, **options)
    except SourceUnavailable:
        return  # too much could not be got: nothing is claimed
    lost = outcome.lost(catalog)
    if "replica" in options:
        lost &= outcome.counted
    assert not (outcome.complete and lost), (options, len(lost), outcome.requests)
    assert outcome.doubled == 0
