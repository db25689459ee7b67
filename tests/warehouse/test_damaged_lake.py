"""A lake full of damaged objects: none is published, and none blocks a later load."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.errors import ContextInvalid
from include.lake.lake import Lake
from include.lake.runs import run_id, run_instant
from include.warehouse.load import stage
from include.warehouse.next_load import Found, begin_next
from include.warehouse.pairing import Load
from include.warehouse.parking import Verdict
from include.warehouse.rebuild import rebuild
from include.warehouse.tables import DATASETS
from include.warehouse.transactions import transaction
from tests.support import damage
from tests.support.snapshots import ROLE, Artist, Concert, land_events, land_songs, rows, star
from tests.support.warehouse_runs import warehouse_run

FIRST = datetime(2026, 8, 1, 6, tzinfo=UTC)
SUITES = (
    ("positions are huge", "a song is there twice"),
    ("the part and its manifest lack columns", "songs have no key"),
    ("the part and its manifest lack the dates", "a song is there twice"),
    ("an artist's name is missing", "an artist has no key"),
)
"""Kinds of damage to events and to songs, judged together."""
CONCERTS = [Concert("e1", ["Abel", "Cain"]), Concert("e2", ["Abel"]), Concert("e3")]


def land(lake: Lake, dataset: str, at: datetime) -> str:
    run = run_id(at)
    if dataset == "events":
        land_events(lake, run, CONCERTS, rejected=["e4"])
    else:
        land_songs(lake, run, [Artist("Abel"), Artist("Seth", rank=2)])
    return run


def test_nothing_damaged_is_published_or_blocks_a_later_load(tables: Any, lake: Lake) -> None:
    at = FIRST
    sound = {(dataset, land(lake, dataset, at)) for dataset in DATASETS}
    kinds = [(name, DATASETS[number % 2]) for number, name in enumerate(damage.ANY)]
    kinds += [(name, "events") for name in damage.EVENTS] + [(name, "songs") for name in damage.SONGS]
    damaged: dict[tuple[str, str], str] = {}
    for name, dataset in kinds:
        at += timedelta(hours=12)
        run = land(lake, dataset, at)
        damage.ALL[name](lake, dataset, run)
        damaged[dataset, run] = name
    for dataset in DATASETS:
        for name in damage.NAMES:
            lake.bucket.put(f"manifests/{dataset}/{name}.json", b"{}")
        for future in damage.FUTURE:
            land(lake, dataset, run_instant(future))
            damaged[dataset, future] = "it is dated in the future"
    at += timedelta(days=1)
    sound |= {(dataset, land(lake, dataset, at)) for dataset in DATASETS}
    assert len(damaged) >= 50

    judged = set()

    def judge(lake: Lake, load: Load) -> Verdict:
        found = {damaged[key] for dataset in load.pending if (key := (dataset, load.run(dataset))) in damaged}
        judged.update(found)
        return Verdict(("the suites find it",), (), load.pending) if found else Verdict()

    tries = 0
    while warehouse_run(tables, lake, at + timedelta(hours=1), judge):
        tries += 1
        assert tries < len(damaged), "a run of the warehouse settled nothing"
    ledger = {
        (dataset, run): (state, reason)
        for dataset, run, state, reason in rows(
            tables, "select dataset, run, state, reason from dwh.load_ledger"
        )
    }
    assert {key for key, (state, _) in ledger.items() if state == "published"} == sound
    assert {key for key, (state, _) in ledger.items() if state == "parked"} == damaged.keys()
    assert judged == damage.FOUND_BY_THE_SUITES
    unnamed = {
        damaged[key]: ledger[key][1]
        for key in damaged
        if damaged[key] not in judged and "/".join(key) not in ledger[key][1]
    }
    assert unnamed == {}


def test_damage_that_can_be_built_is_found_by_the_suites(tables: Any, lake: Lake) -> None:
    for day, (events, songs) in enumerate(SUITES):
        for dataset, name in zip(DATASETS, (events, songs), strict=True):
            damage.ALL[name](lake, dataset, land(lake, dataset, FIRST + timedelta(days=day)))
    later = FIRST + timedelta(days=len(SUITES))
    sound = {land(lake, dataset, later) for dataset in DATASETS}
    while warehouse_run(tables, lake, later):
        pass
    states = rows(tables, "select run, state from dwh.load_ledger")
    assert {run for run, state in states if state == "published"} == sound
    assert len([run for run, state in states if state == "parked"]) == 2 * len(SUITES)


def judged_well(lake: Lake, load: Load) -> Verdict:
    return Verdict()


def three_runs(tables: Any, lake: Lake) -> list[str]:
    """Songs published on two days, then events without songs of their own."""
    for day in range(2):
        for dataset in DATASETS:
            land(lake, dataset, FIRST + timedelta(days=day))
        warehouse_run(tables, lake, FIRST + timedelta(days=day), judged_well)
    older, newer = lake.manifests("songs")
    return [older, newer, land(lake, "events", FIRST + timedelta(days=2))]


def states(tables: Any, run: str) -> list[tuple[Any, ...]]:
    return rows(
        tables, f"select state, loaded_with from dwh.load_ledger where dataset = 'events' and run = '{run}'"
    )


@pytest.mark.parametrize("kind", ["manifests/songs/{}.json", "lake/songs/{}/part-00000.parquet"])
def test_a_damaged_published_run_is_passed_over_as_context(tables: Any, lake: Lake, kind: str) -> None:
    older, newer, pending = three_runs(tables, lake)
    lake.bucket.put(kind.format(newer), b"{}")
    assert warehouse_run(tables, lake, FIRST + timedelta(days=2), judged_well)
    assert states(tables, pending) == [("published", older)]


def test_without_other_context_a_run_stays_pending_and_the_error_names_the_published_run(
    tables: Any, lake: Lake
) -> None:
    older, newer, pending = three_runs(tables, lake)
    kept = {run: lake.bucket.get(f"certificates/songs/{run}.json") for run in (older, newer)}
    for run in kept:
        lake.bucket.put(f"certificates/songs/{run}.json", b"{}")
    with pytest.raises(ContextInvalid, match=f"songs {newer} is published, .* redrive songs {newer}"):
        warehouse_run(tables, lake, FIRST + timedelta(days=2), judged_well)
    assert states(tables, pending) == []
    for run, certificate in kept.items():
        lake.bucket.put(f"certificates/songs/{run}.json", certificate)
    assert warehouse_run(tables, lake, FIRST + timedelta(days=2), judged_well)
    assert states(tables, pending) == [("published", newer)]


def test_context_that_copy_cannot_read_is_passed_over_by_the_next_load(tables: Any, lake: Lake) -> None:
    older, newer, pending = three_runs(tables, lake)
    damage.ALL["the part's content is damaged"](lake, "songs", newer)
    with transaction(tables) as cursor:  # as if the damage were so far from the end that no digest tells
        cursor.execute("update dwh.load_ledger set digest = null")
    before = star(tables)
    found = begin_next(tables, lake, FIRST + timedelta(days=2), Found())
    assert found is not None
    with pytest.raises(ContextInvalid, match="cannot be read again as the context of events"):
        stage(tables, lake, found, "songs", ROLE)
    assert states(tables, pending) == []
    assert star(tables) == before
    [(state, reason)] = rows(
        tables, f"select state, reason from dwh.load_ledger where dataset = 'songs' and run = '{newer}'"
    )
    assert state == "published" and f"songs/{newer}" in reason
    assert warehouse_run(tables, lake, FIRST + timedelta(days=2), judged_well)
    assert states(tables, pending) == [("published", older)]


def test_a_published_run_that_was_landed_again_with_other_rows_is_no_context_until_a_rebuild(
    tables: Any, lake: Lake
) -> None:
    """Or what was published of it would change without one."""
    older, newer, pending = three_runs(tables, lake)
    land_songs(lake, newer, [Artist("Abel", ["First", "Second", "Third"])])
    assert warehouse_run(tables, lake, FIRST + timedelta(days=2), judged_well)
    assert states(tables, pending) == [("published", older)]
    land_songs(lake, older, [Artist("Abel", ["First", "Second", "Third"])])
    last = land(lake, "events", FIRST + timedelta(days=3))
    with pytest.raises(ContextInvalid, match=f"songs {newer} was landed again .* python -m include rebuild"):
        begin_next(tables, lake, FIRST + timedelta(days=3), Found())
    rebuild(tables, lake, now=FIRST + timedelta(days=4), copy_role_arn=ROLE, judge=lambda *_: Verdict())
    assert states(tables, last) == [("published", newer)]


def test_a_published_run_that_was_landed_again_with_the_same_rows_is_context_as_before(
    tables: Any, lake: Lake
) -> None:
    _, newer, pending = three_runs(tables, lake)
    land(lake, "songs", run_instant(newer))
    assert warehouse_run(tables, lake, FIRST + timedelta(days=2), judged_well)
    assert states(tables, pending) == [("published", newer)]
