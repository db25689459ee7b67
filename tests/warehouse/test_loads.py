"""Which manifests become which load: the pairing of events and songs runs."""

import pytest

from include.warehouse.loads import Load, plan_loads

D1, D2, D3 = "2026-11-20T060000Z", "2026-11-21T060000Z", "2026-11-22T060000Z"
S1, S2, S3 = "2026-11-20T070000Z", "2026-11-21T070000Z", "2026-11-22T070000Z"
BOTH = ("events", "songs")


def plan(
    events: list[str], songs: list[str], published: tuple[str, ...] = (), parked: tuple[str, ...] = ()
) -> list[Load]:
    judged = {("events" if "T06" in run else "songs", run): "published" for run in published}
    judged |= {("events" if "T06" in run else "songs", run): "parked" for run in parked}
    return plan_loads({"events": events, "songs": songs}, judged)


def test_runs_of_one_day_are_loaded_together_oldest_day_first() -> None:
    assert plan([D2, D1], [S1, S2]) == [Load(D1, S1, BOTH), Load(D2, S2, BOTH)]


def test_nothing_pending_is_no_load() -> None:
    assert plan([D1], [S1], published=(D1, S1)) == []


def test_a_first_manifest_without_a_partner_waits() -> None:
    assert plan([D1], []) == []
    assert plan([], [S1]) == []


def test_events_alone_are_loaded_with_the_newest_songs_published_before() -> None:
    assert plan([D1, D2, D3], [S1, S2], published=(D1, D2, S1, S2)) == [Load(D3, S2, ("events",))]


def test_a_late_manifest_is_loaded_with_its_own_time_not_with_the_newest() -> None:
    assert plan([D1, D2, D3], [S1, S3], published=(D1, D3, S1, S3)) == [Load(D2, S1, ("events",))]


def test_events_before_the_first_songs_are_loaded_with_the_first_songs() -> None:
    assert plan([D1, D2], [S2]) == [Load(D1, S2, BOTH), Load(D2, S2, ("events",))]


def test_a_parked_manifest_is_neither_loaded_again_nor_used_as_a_partner() -> None:
    assert plan([D1, D2], [S1, S2], published=(D1, S1), parked=(S2,)) == [Load(D2, S1, ("events",))]


def test_two_runs_on_one_day_are_each_judged_once() -> None:
    again = "2026-11-20T061500Z"
    loads = plan([D1, again], [S1])
    assert loads == [Load(D1, S1, BOTH), Load(again, S1, ("events",))]


@pytest.mark.parametrize("late", ["2026-11-22T053000Z", "2026-11-22T063000Z"])
def test_a_late_manifest_takes_no_new_one_from_a_newer_partner_of_its_day(late: str) -> None:
    """Else what the new one brings would be part of a load that is older than the published one."""
    loads = plan_loads(
        {"events": [D2, D3], "songs": [late, S3]}, {("events", D2): "published", ("songs", S3): "published"}
    )
    assert Load(D3, S3, ("events",)) in loads
    assert [load.pending for load in loads if load.songs == late] == [("songs",)]


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
