"""What each task of `musician_warehouse` sends: as much on every day, however many runs and audits are kept."""

from typing import Any

import pytest

from benchmarks.round_trips import Day, warehouse_run
from include.lake.lake import Lake
from include.orchestration import star
from include.settings import Settings
from include.warehouse.pairing import Load
from include.warehouse.tables import DATASETS
from tests.support.snapshots import Artist, Concert, judged_at, land_events, land_songs

KEPT = 3
SENT = {
    "find_load": (11, 19),
    "stage_events": (2, 8),
    "stage_songs": (2, 8),
    "build_dim_songs": (0, 7),
    "build_dim_concerts": (0, 7),
    "build_missing_concerts": (0, 7),
    "build_bridge_concert_artists": (0, 7),
    "build_fact_artists": (0, 7),
    "audit": (21, 55),
    "publish": (0, 43),
}
"""Requests to S3 and statements to Redshift, with the driver's `begin` and `commit`, of each task."""
FORGETTING = 12
"""Requests of an audit that is one too many to keep: the page and the results of each suite of the oldest go."""


def test_no_task_sends_more_as_the_days_pass(
    tables: Any, lake: Lake, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    monkeypatch.setenv("MUSICIAN_DATA_DOCS_RUNS", str(KEPT))
    settings = Settings.from_environment()
    days = []
    for number in range(1, 7):
        run = f"2026-11-2{number}T060000Z"
        land_events(lake, run, [Concert("e1", ["Abel"]), Concert("e2", ["Abel", "Eve"])])
        land_songs(lake, run, [Artist("Abel", plays=1_000 + number)])
        monkeypatch.setattr(star, "utc_now", lambda run=run: judged_at(Load(run, run, DATASETS)))
        day = Day()
        with day.counting():
            warehouse_run(day, settings)
        days.append({task: (day.requests[task], day.statements[task]) for task in day.seconds})
    requests, statements = SENT["audit"]
    beyond = SENT | {"audit": (requests + FORGETTING, statements)}
    assert days[1:] == [SENT, SENT, beyond, beyond, beyond]
