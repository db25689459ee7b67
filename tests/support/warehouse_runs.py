"""A run of the DAG `musician_warehouse`, without Airflow."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from include.errors import DataRejected, ManifestInvalid
from include.lake.lake import Lake
from include.quality.audit import audit
from include.warehouse import load as warehouse
from include.warehouse import parking
from include.warehouse.next_load import Found, begin_next
from include.warehouse.pairing import Load
from include.warehouse.parking import Verdict
from include.warehouse.tables import BUILT, DATASETS
from tests.support.snapshots import ROLE, engine, judged_at

Judge = Callable[[Lake, Load], Verdict]


def by_suites(lake: Lake, load: Load) -> Verdict:
    """What Great Expectations says of a load, which takes it seconds."""
    return audit(lake, load, engine(), kept_runs=3, judged_at=judged_at(load)).verdict


def warehouse_run(redshift: Any, lake: Lake, now: datetime, judge: Judge = by_suites) -> bool:
    """Whether there was a load; it is published or parked. What the tasks raise else, this raises."""
    load = begin_next(redshift, lake, now, Found())
    if load is None:
        return False
    try:
        for dataset in DATASETS:
            warehouse.stage(redshift, lake, load, dataset, ROLE)
        for table in BUILT:
            warehouse.build(redshift, load, table)
        verdict = judge(lake, load)
        if verdict.failures:
            parking.park(redshift, load, verdict.reason, verdict.failed_rows, verdict.at_fault)
        else:
            warehouse.publish(redshift, load)
    except (ManifestInvalid, DataRejected):
        pass
    return True
