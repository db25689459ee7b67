"""Two days at random: a crawl of a search that misbehaves, then the next day's, which knows what the first listed."""

import random
from typing import Any

from include.errors import QuotaSpent, SourceUnavailable, UnexpectedPayload
from sandbox.faults import Fault
from sandbox.ticketmaster.search import drifting_ids
from sandbox.world.catalog import Catalog
from tests.support.crawling import COUNTRIES, DAY, START, TODAY, Outcome, crawled, next_day

_WHERE: list[dict[str, str]] = [
    {},
    {"page": "0"},
    {"page": "1"},
    {"includeTBA": "only"},
    {"includeTBD": "only"},
    {"sort": "date,name,desc"},
    {"sort": "date,name,asc"},
    {"countryCode": "GB"},
]
_KINDS = ("no_hits", "no_events", "dis_404", "wall", "http_404", "http_500", "empty", "truncated", "nested")


def misbehaviour(seed: str) -> dict[str, Any]:
    """One to five options of the stand-in."""
    drawn = random.Random(seed)

    def faults() -> list[Fault]:
        share, times = drawn.choice([0, 0.02, 0.1, 0.4]), drawn.choice([1, 2, 3, 10, None])
        return [Fault(drawn.choice(_KINDS), share=share, where=drawn.choice(_WHERE), times=times)]  # type: ignore[arg-type]

    choices: list[dict[str, Any]] = [
        {"sorts_by_local_time": True},
        {"ties": "unstable", "names_order_ties": drawn.random() < 0.5},
        {"totals": drawn.choice(["wobbling", "lagging", "doubled"])},
        {"untimed_at": drawn.choice(["utc midnight", "local midnight"])},
        {"untimed_sorted": drawn.choice(["first", "last", "anywhere"])},
        {"exclusive_end": True},
        {"short_pages": drawn.choice([1, 40, 150])},
        {"page_size": drawn.choice([20, 50, 100])},
        {"hidden": drawn.choice([0.005, 0.1, 0.5])},
        # Not those that serve every first page: they also serve every look-up, which then proves the wrong thing.
        {"replica": drawn.choice([0.01, 0.1]), "replica_where": drawn.choice([{}, {}, *_WHERE[2:]])},
        {"poison": drawn.choice([1, 2, 5])},
        {"crowd": drawn.choice([100, 250]), "crowd_states": drawn.choice([1, 3])},
        {"total_cap": drawn.choice([100, 200, 400, 1_000])},
        {"paging_depth": drawn.choice([200, 400])},
        {"foreign_venues": drawn.choice([0.05, 0.5])},
        {"broken_last_page": True},
        {"empty_as_404": True},
        {"pages_of_20": True},
        {"drift": drawn.choice([0.02, 0.2]), "drift_requests": drawn.choice([5, 15])},
        {"moved": drawn.choice([0.02, 0.2]), "drift_requests": drawn.choice([5, 15])},
        {"faults": [*faults(), *faults()]},
        {"faults": faults()},
    ]
    chosen: dict[str, Any] = {}
    for options in drawn.sample(choices, drawn.choice([1, 2, 3, 4, 5])):
        chosen |= options
    return chosen


async def wrong(seed: int) -> str | None:
    """How a certificate lies, or what is doubled, in the two days of a seed; None if nothing is wrong."""
    drawn = random.Random(seed)
    catalog = Catalog(seed=seed, concerts=drawn.choice([30, 120, 300, 500]), countries=COUNTRIES, today=TODAY)
    yesterday: Outcome | None = None
    for day in (0, 1):
        options = misbehaviour(f"{seed} {day}") if day or drawn.random() < 0.5 else {}
        try:
            if yesterday is None:
                outcome = await crawled(catalog, tries=2, patience=1, **options)
            else:
                outcome = await next_day(catalog, yesterday, tries=2, patience=1, **options)
        except (SourceUnavailable, UnexpectedPayload, QuotaSpent):
            return None  # too much could not be got: nothing is claimed
        lost = _lost(catalog, outcome, yesterday, options)
        if outcome.doubled or (outcome.complete and lost):
            return f"day {day}: {outcome.doubled} doubled, {len(lost)} lost though complete, by {options}"
        if not outcome.complete:
            return None
        yesterday = outcome
    return None


def _lost(catalog: Catalog, outcome: Outcome, yesterday: Outcome | None, options: dict[str, Any]) -> set[str]:
    """The events that the crawl should have found, or should know to be missing (docs/certificate.md)."""
    lost = outcome.lost(catalog, after=START + 2 * DAY if yesterday else START)
    listed = set(yesterday.met) if yesterday else set[str]()
    for change in ("drift", "moved"):
        if change in options:
            lost = (lost & listed) - drifting_ids(catalog, options[change], change)  # type: ignore[arg-type]
    if "replica" in options:
        lost &= outcome.counted | listed
    return lost
