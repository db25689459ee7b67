"""The benchmarks' own parts: figures say what they mean, generated loads are loads like any other."""

from datetime import UTC, datetime
from typing import Any

from benchmarks.figures import Figure, table
from benchmarks.generated import World
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.warehouse import load as warehouse
from include.warehouse.tables import create_tables
from tests.support.snapshots import build_load, rows

INSTANT = datetime(2026, 11, 22, 6, tzinfo=UTC)


def test_a_figure_is_met_when_its_ratio_is_within_the_target() -> None:
    slow = Figure("COPY", 5.0, 2.0, "s", "psql", at_most=2)
    fast = Figure("COPY", 3.0, 2.0, "s", "psql", at_most=2)
    shown = Figure("script", 3.0, 2.0, "s", "ours")
    used = Figure("rate", 4.9, 5.0, "/s", "allowed", at_least=0.95)
    assert [figure.met for figure in (slow, fast, shown, used)] == [False, True, None, True]
    assert slow.ratio == 2.5


def test_the_table_has_a_row_per_figure_and_shows_what_missed_its_target() -> None:
    text = table(
        [Figure("COPY", 5.0, 2.0, "s", "psql", at_most=2), Figure("rate", 4.9, 5.0, "/s", "allowed")]
    )
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "at most 2" in lines[2] and "NO" in lines[2]
    assert "0.98" in lines[3]


def test_generated_days_follow_each_other_with_few_changes(redshift: Any, s3: Any, bucket: str) -> None:
    lake = Lake(Bucket(s3, bucket))
    create_tables(redshift)
    changes = []
    for day in range(2):
        load = World(concerts=1_000, billings=1_600, songs=2_000).land(lake, INSTANT, day)
        build_load(redshift, lake, load)
        changes.append(warehouse.publish(redshift, load))
    first, second = changes
    assert (first["dim_concerts"]["added"], first["dim_songs"]["added"]) == (1_000, 2_000)
    assert 0 < second["dim_concerts"]["changed"] < 50 and second["dim_concerts"]["added"] == 0
    assert 0 < second["dim_songs"]["changed"] < 100 and second["dim_songs"]["added"] == 0
    matched = "select count(*) from dwh.bridge_concert_artists where matched_by = 'name'"
    assert rows(redshift, matched)[0][0] > 100
