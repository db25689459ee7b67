"""What `python -m include status` says, and what it advises."""

import os
from datetime import timedelta
from typing import Any

import pytest
import redshift_connector

from include.__main__ import main
from include.lake.lake import Lake
from include.warehouse import ledger, next_load, parking
from include.warehouse.pairing import Load
from include.warehouse.rebuild import rebuild
from include.warehouse.status import status
from tests.support.snapshots import (
    ROLE,
    Artist,
    Concert,
    judged_at,
    land_events,
    land_songs,
    pending_loads,
    publish_pending,
)

EVENTS, SONGS, LATE = "2026-11-22T060000Z", "2026-11-22T070000Z", "2026-11-21T070000Z"
LOAD = Load(EVENTS, SONGS, ("events", "songs"))
NOW = judged_at(LOAD) + timedelta(hours=1)


def test_before_anything_is_published_it_says_what_is_pending_and_what_is_missing(
    tables: Any, lake: Lake
) -> None:
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    assert status(tables, lake, NOW) == [
        "The star is empty: nothing has been published.",
        f"pending: events {EVENTS}",
        "next: trigger the ingestion of the other dataset: the pending runs have no partner",
    ]


@pytest.mark.parametrize("command", ["status", "retry", "accept"])
def test_a_warehouse_without_tables_is_an_empty_star(
    redshift: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    main([command] if command == "status" else [command, "events", EVENTS])
    told = capsys.readouterr().out
    assert "The star is empty: " in told
    assert "rigger ingest_events and ingest_songs" in told or "Trigger musician_warehouse" in told


@pytest.mark.skipif(
    "FAKETIME" in os.environ,
    reason="under libfaketime, PostgreSQL's statement_timeout ends no wait for a lock",
)
def test_a_rebuild_that_is_running_is_named_without_waiting_for_its_end(
    tables: Any, lake: Lake, services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.warehouse.status._PATIENCE_MS", 50)
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    land_songs(lake, SONGS, [Artist("Abel")])
    publish_pending(tables, lake)
    said = []

    def judge(connection: Any, load: Load) -> parking.Verdict:
        with redshift_connector.connect(**services.redshift, ssl=False) as another:
            said.append(status(another, lake, NOW))
        return parking.Verdict()

    rebuild(tables, lake, now=NOW, copy_role_arn=ROLE, judge=judge)
    assert said == [
        [
            f"The star is 2 hours old: its newest runs are events {EVENTS} and songs {SONGS}.",
            "in progress: a rebuild of the star",
            "next: wait until the rebuild has ended; readers see the old star until then",
        ]
    ]


def test_a_load_in_progress_a_fresh_star_and_an_old_one(tables: Any, lake: Lake) -> None:
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    land_songs(lake, SONGS, [Artist("Abel")])
    next_load.begin(tables, lake, LOAD, judged_at(LOAD))
    said = status(tables, lake, NOW)
    assert f"in progress: events {EVENTS} with songs {SONGS}, begun 60 minutes ago" in said
    soon = status(tables, lake, judged_at(LOAD) + timedelta(minutes=1))
    assert f"in progress: events {EVENTS} with songs {SONGS}, begun 1 minute ago" in soon
    publish_pending(tables, lake)
    assert status(tables, lake, NOW) == [
        f"The star is 2 hours old: its newest runs are events {EVENTS} and songs {SONGS}.",
        "next: nothing to do",
    ]
    late = status(tables, lake, NOW + timedelta(days=3))
    assert late[0].startswith("The star is 74 hours old")
    assert late[-1].startswith("next: the star is older than a day")


def test_what_is_parked_or_late_is_listed_with_what_to_do(tables: Any, lake: Lake) -> None:
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    land_songs(lake, SONGS, [Artist("Abel")])
    publish_pending(tables, lake)
    land_songs(lake, LATE, [Artist("Abel")])
    later = "2026-11-23T060000Z"
    land_events(lake, later, [Concert("e1", ["Abel"])])
    (load,) = pending_loads(tables, lake)
    next_load.begin(tables, lake, load, NOW)
    parking.park(tables, load, "fact_artists: too few")
    for noted in (False, True):
        if noted:
            ledger.note_untimely(tables, lake, ledger.landed(lake), NOW)
        said = status(tables, lake, NOW)
        assert f"parked: events {later}: fact_artists: too few" in said
        assert f"late: songs {LATE}" in said
        assert [line.split(":")[1].split()[0] for line in said if line.startswith("next")] == [
            "fix",
            "trigger",
        ]


def test_published_runs_that_are_no_context_are_listed_with_what_to_do(tables: Any, lake: Lake) -> None:
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    land_songs(lake, SONGS, [Artist("Abel")])
    publish_pending(tables, lake)
    land_events(lake, EVENTS, [Concert("e1", ["Abel", "Eve"])])
    land_songs(lake, later := "2026-11-23T070000Z", [Artist("Abel")])
    said = status(tables, lake, NOW)
    assert f"pending: songs {later}" in said
    [line] = [line for line in said if line.startswith("passed over: ")]
    assert f"events {EVENTS} was landed again" in line and "python -m include rebuild" in line
    assert [line for line in said if line.startswith("next: ")] == [
        "next: do what is said of the published runs that are passed over: the pending runs have no other context"
    ]
    lake.bucket.put(f"certificates/events/{EVENTS}.json", b"{")
    [line] = [line for line in status(tables, lake, NOW) if line.startswith("passed over: ")]
    assert f"python -m include redrive events {EVENTS}" in line
    land_events(lake, "2026-11-23T060000Z", [Concert("e1", ["Abel"])])
    said = status(tables, lake, NOW)
    assert not [line for line in said if line.startswith("passed over: ")]
    assert "next: trigger musician_warehouse: it takes the oldest pending load" in said
