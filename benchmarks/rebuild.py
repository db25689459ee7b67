"""Rebuilding the star from a month of runs, compared with the loads that built it day by day."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import redshift_connector

from benchmarks.figures import Figure, say
from benchmarks.generated import World
from benchmarks.sandboxed import lake, sandbox
from include.lake.lake import Lake
from include.settings import Settings
from include.warehouse import load as warehouse
from include.warehouse import next_load
from include.warehouse.parking import Verdict
from include.warehouse.rebuild import rebuild
from include.warehouse.tables import BUILT, DATASETS, create_tables

DAYS = 30
NOW = datetime(2026, 12, 31, tzinfo=UTC)
FIRST = datetime(2026, 11, 1, 6, tzinfo=UTC)


def measure(quick: bool) -> list[Figure]:
    """The ratio of a rebuild to the sum of its loads' SQL."""
    days = 6 if quick else DAYS
    world = World(concerts=3_000, billings=5_000, songs=2_500)  # as large as the sandbox's default data
    if quick:
        world = world.smaller(10)
    with sandbox("--concerts", "300") as running:
        runs = lake(running, "benchmark")
        for day in range(days):
            world.land(runs, FIRST, day)
        with redshift_connector.connect(**running.redshift, ssl=False) as redshift:
            create_tables(redshift)
            daily = _load_all(redshift, runs)
            say(f"{days} loads took {daily:.1f} s")
            role = Settings().copy_role_arn
            started = time.perf_counter()
            rebuilt = rebuild(
                redshift, runs, now=NOW, copy_role_arn=role, judge=lambda connection, load: Verdict()
            )
            took = time.perf_counter() - started
            if rebuilt.differences or rebuilt.loads != days:
                raise RuntimeError(f"The rebuild produced a different star: {rebuilt}")
    return [Figure(f"rebuild of {days} days", took, daily, "s", "the SQL of their loads", at_most=1.2)]


def _load_all(redshift: Any, runs: Lake) -> float:
    """Publishes every pending load without an audit; returns the seconds it took."""
    role, started = Settings().copy_role_arn, time.perf_counter()
    while load := next_load.begin_next(redshift, runs, NOW + timedelta(hours=1), next_load.Found()):
        for dataset in DATASETS:
            warehouse.stage(redshift, runs, load, dataset, role)
        for table in BUILT:
            warehouse.build(redshift, load, table)
        warehouse.publish(redshift, load)
    return time.perf_counter() - started
