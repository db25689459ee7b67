"""An event is no longer listed only if every search for its id says so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from include.sources.ticketmaster.look_up import Listed, LookUp
from include.sources.ticketmaster.reader import Reader
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import ASCENDING, Page, Sighting, Window

YESTERDAY = datetime(2026, 11, 21, tzinfo=UTC)
KNOWN = {"a known one", "a known other"}


async def looked_up(ids: set[str], shows: Callable[[int, str], bool]) -> tuple[Stretch, list[Window]]:
    """What became of ids that a crawl did not find; `shows(n, id)` says whether search number n shows one."""
    asked: list[Window] = []

    async def ask(window: Window, page: int, urgency: float) -> Page:
        asked.append(window)
        shown = [each for each in dict(window.filters)["id"].split(",") if shows(len(asked), each)]
        return Page(
            len(shown), tuple(Sighting(each, None, "US", None, None) for each in dict.fromkeys(shown))
        )

    # So many that all of `ids` may be missing.
    listed = {*ids, *KNOWN, *(f"found {number}" for number in range(40 * len(ids)))}
    look_up = LookUp(Reader(ask), Listed("yesterday", YESTERDAY, listed))
    look_up.note_found(listed - ids)
    stretch = await look_up.settle(YESTERDAY + timedelta(days=1))
    assert stretch is not None
    return stretch, asked


@pytest.mark.parametrize(("gone", "searches"), [(1, 8), (100, 8), (150, 8), (400, 8), (950, 20)])
async def test_what_no_search_finds_is_gone(gone: int, searches: int) -> None:
    ids = {f"gone {number}" for number in range(gone)}
    stretch, asked = await looked_up(ids, lambda _, each: each not in ids)
    assert (stretch.reported, stretch.missing, stretch.complete) == (0, 0, True)
    assert len(asked) == searches
    assert 2 * sum(window.order == ASCENDING for window in asked) == searches


@pytest.mark.parametrize("search", range(1, 9))
async def test_one_search_in_eight_is_enough_to_find_an_event(search: int) -> None:
    stretch, _ = await looked_up({"listed"}, lambda number, each: each in KNOWN or number == search)
    assert (stretch.reported, stretch.missing, stretch.complete) == (1, 0, True)


async def test_once_searches_contradict_each_other_every_id_is_searched_for_eight_times() -> None:
    """Of 900 ids in nine searches, the second round finds one and only the eighth another."""
    ids = {f"listed {number:03}" for number in range(900)}

    def shows(number: int, each: str) -> bool:
        return (
            each in KNOWN or (each == "listed 000" and number > 9) or (each == "listed 899" and number > 63)
        )

    stretch, asked = await looked_up(ids, shows)
    assert (stretch.reported, stretch.missing, stretch.complete) == (2, 0, True)
    assert len(asked) == 72


async def test_a_search_that_does_not_show_what_was_found_proves_nothing() -> None:
    stretch, _ = await looked_up({"listed"}, lambda _, each: False)
    assert (stretch.missing, stretch.complete) == (1, False)
    assert "cannot be trusted" in stretch.reasons[0]
