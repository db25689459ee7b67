"""
The star of artists, songs and concerts: built from the newest events and songs, judged, then published.

Starts when the assets `events` and `songs` have both been updated, and once a day at 09:00 UTC to sweep up
what an update missed. An asset event only wakes this DAG up: its work is the manifests in the bucket that
`dwh.load_ledger` does not know. Where there are none, the run skips.

1. **stage**: COPY brings exactly the objects of one events and one songs manifest into `staging`.
2. **build**: the star's tables are built from them in the schema `audit`.
3. **audit**: the Great Expectations suites judge them there; the data docs show the outcome. A load that
   fails is parked in the ledger, and `dwh` stays as it was.
4. **publish**: one transaction merges the load into `dwh` and records it in the ledger; then the asset
   `musician_star` is updated.

When several loads wait, the run takes the oldest and starts another run for the next, unless the run before
had taken the same load and could not judge it. Needs the connections `redshift` and `aws_default`.
"""

import logging
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, chain, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.errors import DataRejected
from include.orchestration.assets import EVENTS, MUSICIAN_STAR, SONGS
from include.orchestration.links import data_docs_link
from include.orchestration.notifications import star_alerts, task_alerts
from include.orchestration.retries import task_retries
from include.settings import Settings

log = logging.getLogger(__name__)
SETTINGS = Settings.from_environment()


@dag(
    dag_id="musician_warehouse",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 9 * * *", timezone="UTC", run_immediately=False),
        assets=(EVENTS & SONGS),
    ),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["warehouse", "redshift"],
    default_args={
        "owner": "data-engineering",
        "execution_timeout": timedelta(hours=1),
        **task_retries(),
        **task_alerts(SETTINGS),
    },
    **star_alerts(SETTINGS),
)
def musician_warehouse() -> None:
    @task(multiple_outputs=True)
    def find_load(dag_run: Any = None) -> dict[str, Any]:
        from include.orchestration import connections
        from include.warehouse import load as warehouse

        with closing(connections.redshift()) as redshift:
            warehouse.ensure_tables(redshift)
            lake = connections.lake(SETTINGS)
            loads = warehouse.pending_loads(redshift, lake)
            if not loads:
                raise AirflowSkipException("Nothing is new: the ledger knows every manifest with a partner.")
            warehouse.begin(redshift, lake, loads[0])
        log.info("Found %d loads; taking the oldest: %s", len(loads), loads[0])
        name, waiting = f"{loads[0].events} {loads[0].songs}", len(loads) - 1
        if (dag_run.conf or {}).get("after") == name:
            log.warning("The run before took this load, too, and did not judge it: this is the last in a row")
            waiting = 0
        return {"load": asdict(loads[0]), "name": name, "waiting": waiting}

    @task
    def stage(dataset: str, load: dict[str, Any]) -> int:
        from include.orchestration import connections, lineage
        from include.warehouse import load as warehouse

        lake, judged = connections.lake(SETTINGS), warehouse.Load.from_json(load)
        with closing(connections.redshift()) as redshift:
            rows = warehouse.stage(redshift, lake, judged, dataset, SETTINGS.copy_role_arn)
        lineage.staged(lake, dataset, load[dataset])
        return rows

    @task
    def build(table: str, load: dict[str, Any]) -> int:
        from include.orchestration import connections, lineage
        from include.warehouse import load as warehouse

        with closing(connections.redshift()) as redshift:
            rows = warehouse.build(redshift, warehouse.Load.from_json(load), table)
        lineage.ran(f"audit/{table}")
        return rows

    @task
    def audit(load: dict[str, Any]) -> dict[str, Any]:
        from include.orchestration import connections
        from include.quality import audit as quality
        from include.warehouse import load as warehouse

        lake, judged = connections.lake(SETTINGS), warehouse.Load.from_json(load)
        with closing(connections.redshift()) as redshift:
            warehouse.build(redshift, judged, "load_summary")
            outcome = quality.audit(lake, judged, SETTINGS.data_docs_runs)
            if not outcome.success:
                kept = warehouse.park(
                    redshift, lake, judged, "; ".join(outcome.failures), outcome.failed_rows
                )
        if not outcome.success:
            raise DataRejected(
                f"{len(outcome.failures)} expectations failed for {judged}, so the load is parked and dwh is "
                f"as it was. {kept} failing rows are in audit.failed_rows, the data docs are at "
                f"{outcome.data_docs}: {'; '.join(outcome.failures)}"
            )
        return asdict(outcome)

    @task(outlets=[MUSICIAN_STAR])
    def publish(load: dict[str, Any], audited: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
        from include.orchestration import connections, lineage
        from include.warehouse import load as warehouse

        judged = warehouse.Load.from_json(load)
        with closing(connections.redshift()) as redshift:
            changed = warehouse.publish(redshift, connections.lake(SETTINGS), judged)
        lineage.ran(*(f"publish/{table}" for table in warehouse.STAR))
        published = {
            "snapshot_date": judged.snapshot_date.isoformat(),
            "events_run": judged.events,
            "songs_run": judged.songs,
            "changes": changed,
            "expectations_passed": audited["passed"],
            "expectations_failed": audited["failed"],
        }
        outlet_events[MUSICIAN_STAR].extra = published
        return published

    @task.short_circuit
    def more_loads_wait(waiting: int) -> bool:
        log.info("%d more loads wait", waiting)
        return waiting > 0

    found = find_load()
    load = found["load"]
    staged = [stage.override(task_id=f"stage_{dataset}")(dataset, load) for dataset in ("events", "songs")]
    dimensions = [
        build.override(task_id=f"build_{table}")(table, load)
        for table in ("dim_songs", "dim_concerts", "bridge_concert_artists")
    ]
    fact = build.override(task_id="build_fact_artists")("fact_artists", load)
    audited = audit(load)
    audited.operator.operator_extra_links = (data_docs_link(),)
    for dimension in dimensions:
        chain(staged, dimension, fact, audited)
    publish(load, audited)

    # When more loads wait, the next run queues behind this one (max_active_runs=1).
    more_loads_wait(found["waiting"]) >> TriggerDagRunOperator(
        task_id="start_next_run",
        trigger_dag_id="musician_warehouse",
        conf={"after": "{{ ti.xcom_pull(task_ids='find_load', key='name') }}"},
    )


musician_warehouse()
