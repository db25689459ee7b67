"""Which manifests become which load: the pairing of events and songs runs."""

import json
from pathlib import Path

import pytest

from include.warehouse.pairing import Judged, Load, at_fault, late_runs, plan_loads, repeated_loads

D1, D2, D3 = "2026-11-20T060000Z", "2026-11-21T060000Z", "2026-11-22T060000Z"
S1, S2, S3 = "2026-11-20T070000Z", "2026-11-21T070000Z", "2026-11-22T070000Z"
BOTH = ("events", "songs")


def ledger(published: tuple[str, ...] = (), parked: tuple[str, ...] = ()) -> dict[tuple[str, str], Judged]:
    states = dict.fromkeys(published, "published") | dict.fromkeys(parked, "parked")
    return {("events" if "T06" in run else "songs", run): Judged(state) for run, state in states.items()}


def plan(
    events: list[str], songs: list[str], published: tuple[str, ...] = (), parked: tuple[str, ...] = ()
) -> list[Load]:
    return plan_loads({"events": events, "songs": songs}, ledger(published, parked))


def test_runs_of_one_day_are_loaded_together_oldest_day_first() -> None:
    assert plan([D2, D1], [S1, S2]) == [Load(D1, S1, BOTH), Load(D2, S2, BOTH)]


def test_without_pending_runs_there_is_no_load() -> None:
    assert plan([D1], [S1], published=(D1, S1)) == []


def test_a_first_manifest_without_a_partner_waits() -> None:
    assert plan([D1], []) == []
    assert plan([], [S1]) == []


def test_events_alone_are_loaded_with_the_newest_songs_published_before() -> None:
    assert plan([D1, D2, D3], [S1, S2], published=(D1, D2, S1, S2)) == [Load(D3, S2, ("events",))]


def test_a_run_older_than_a_published_one_of_its_dataset_is_late_and_in_no_load() -> None:
    judged = ledger(published=(D1, D3, S1, S3))
    assert plan_loads({"events": [D1, D2, D3], "songs": [S1, S3]}, judged) == []
    assert late_runs({"events": [D1, D2, D3], "songs": [S1, S3]}, judged) == [("events", D2)]


def test_songs_older_than_published_events_are_not_late() -> None:
    assert plan([D1, D2, D3], [S1, S2], published=(D1, D2, D3, S1)) == [Load(D3, S2, ("songs",))]


def test_an_addition_is_not_a_partner_if_there_is_another_run() -> None:
    judged = ledger(published=(D1, D2, S1, S2))
    judged["songs", S2] = Judged("published", is_addition=True)
    assert plan_loads({"events": [D1, D2, D3], "songs": [S1, S2]}, judged) == [Load(D3, S1, ("events",))]


def test_an_accepted_run_is_pending_again() -> None:
    judged = ledger(published=(D1, S1, S2)) | {("events", D2): Judged("pending", is_accepted=True)}
    assert plan_loads({"events": [D1, D2], "songs": [S1, S2]}, judged) == [Load(D2, S2, ("events",))]


def test_events_before_the_first_songs_are_loaded_with_the_first_songs() -> None:
    assert plan([D1, D2], [S2]) == [Load(D1, S2, BOTH), Load(D2, S2, ("events",))]


def test_a_parked_manifest_is_neither_loaded_again_nor_used_as_a_partner() -> None:
    assert plan([D1, D2], [S1, S2], published=(D1, S1), parked=(S2,)) == [Load(D2, S1, ("events",))]


def test_two_runs_on_one_day_are_each_judged_once() -> None:
    again = "2026-11-20T061500Z"
    loads = plan([D1, again], [S1])
    assert loads == [Load(D1, S1, BOTH), Load(again, S1, ("events",))]


@pytest.mark.parametrize("days", [1, 4, 9])
def test_every_pending_manifest_is_judged_exactly_once(days: int) -> None:
    events = [f"2026-10-{day:02}T060000Z" for day in range(1, days + 1)]
    songs = [f"2026-10-{day:02}T070000Z" for day in range(1, days + 1, 2)]
    judged = [
        (dataset, load.run(dataset))
        for load in plan_loads({"events": events, "songs": songs}, {})
        for dataset in load.pending
    ]
    assert sorted(judged) == sorted([("events", run) for run in events] + [("songs", run) for run in songs])


def test_loads_older_than_any_unpublished_run_are_repeated_unchanged() -> None:
    judged = ledger(published=(D1, D2, D3, S1, S3))
    for (dataset, run), partner in zip(sorted(judged), (S1, S1, S3, D1, D3), strict=True):
        judged[dataset, run] = Judged("published", loaded_with=partner)
    manifests = {"events": [D1, D2, D3], "songs": [S1, S3]}
    loads = [Load(D1, S1, BOTH), Load(D2, S1, ("events",)), Load(D3, S3, BOTH)]
    assert repeated_loads(manifests, judged) == loads
    assert repeated_loads(manifests | {"songs": [S1, S2, S3]}, judged) == loads[:2]


def test_loads_are_repeated_in_the_order_in_which_they_were_published() -> None:
    """D2 is an addition, published with the day's old songs before newer songs were paired with the whole run D1."""
    judged = {
        ("events", D1): Judged("published", loaded_with=S1, load_number=1),
        ("songs", S1): Judged("published", loaded_with=D1, load_number=1),
        ("events", D2): Judged("published", loaded_with=S1, load_number=2, is_addition=True),
        ("songs", S2): Judged("published", loaded_with=D1, load_number=3),
    }
    assert repeated_loads({"events": [D1, D2], "songs": [S1, S2]}, judged) == [
        Load(D1, S1, BOTH),
        Load(D2, S1, ("events",)),
        Load(D1, S2, ("songs",)),
    ]


@pytest.mark.parametrize(
    ("findings", "parked"),
    [
        ([("dim_songs", "song_rank")], ("songs",)),
        ([("dim_concerts", None), ("fact_artists", None)], ("events",)),
        ([("dim_concerts", None), ("fact_songs", None)], BOTH),
        ([("load_summary", "songs_rows_ratio")], ("songs",)),
        ([("load_summary", "share_delisted")], ("events",)),
        ([("load_summary", "share_of_concerts_without_artist")], ("events",)),
        ([("load_summary", "concerts")], ("events",)),
        ([("load_summary", "touring_artists")], ("events",)),
        ([("missing_concerts", None)], ("events",)),
        ([("fact_artists", "upcoming_concerts")], ("events",)),
        ([("fact_artists", "songs_charted")], ("songs",)),
        ([("fact_artists", "artist_name")], ("songs",)),
    ],
)
def test_what_failed_says_which_dataset_is_parked(
    findings: list[tuple[str, str | None]], parked: tuple[str, ...]
) -> None:
    assert at_fault(Load(D1, S1, BOTH), findings) == parked
    assert at_fault(Load(D1, S1, ("events",)), findings) == ("events",)


def test_every_critical_expectation_of_a_load_as_a_whole_parks_the_dataset_that_it_is_about() -> None:
    suite = json.loads(Path("great_expectations/expectations/load_summary.json").read_text())
    columns = {
        each["kwargs"]["column"]
        for each in suite["expectations"]
        if each["severity"] == "critical" and "column" in each["kwargs"]
    }
    songs = {"songs_rows", "songs_rows_ratio", "songs_age_hours"}
    events = {"events_rows", "events_rows_ratio", "events_age_hours", "concerts", "touring_artists"}
    events |= {"share_delisted", "share_of_concerts_without_artist"}
    assert columns == songs | events | {"snapshot_date"}  # which both have
    for dataset, about in (("songs", songs), ("events", events)):
        for column in about:
            for load in (Load(D1, S1, BOTH), Load(D2, S1, BOTH)):  # whichever run is the newer
                assert at_fault(load, [("load_summary", column)]) == (dataset,), column
