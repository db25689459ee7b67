"""
The star of artists, songs and concerts: built from the newest events and songs, judged, then published.

Starts when the assets `musician_events` and `musician_songs` have both been updated, and once a day at
09:00 UTC in case an update was missed. An asset event only triggers this DAG: its work is the manifests in the
bucket that are not in `dwh.load_ledger`. If there are none, the run is skipped.

1. **rebuild**: derives the star from all manifests, if the parameter `rebuild` or `until` asks for it, or if a
   new release has changed its tables. Skipped on most days.
2. **find_load**: finds the oldest pending runs. Runs older than what is published are late: they are recorded
   and reported, and so are runs that cannot be read (parked) and news that is overdue. Says how old the star is.
3. **stage**: COPY loads exactly the objects in one events and one songs manifest into `staging`.
4. **build**: builds the star's tables from them in the schema `audit`.
5. **audit**: the Great Expectations suites judge the tables there; the data docs show the outcome. Runs that
   fail are parked in the ledger, and `dwh` is unchanged.
6. **publish**: one transaction merges the load into `dwh` and records it in the ledger; then the asset
   `musician_star` is updated.

When several loads are pending, the run takes the oldest and triggers another run for the next, unless the
previous run took the same load and could not judge it. Requires the connections `redshift` and `aws_default`.
"""

import logging
from contextlib import closing
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, chain, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.clock import utc_now
from include.errors import DataRejected
from include.orchestration.assets import EVENTS, MUSICIAN_STAR, SONGS
from include.orchestration.links import data_docs_link
from include.orchestration.notifications import report_found, star_alerts, task_alerts
from include.orchestration.retries import task_retries
from include.settings import Settings

log = logging.getLogger(__name__)
SETTINGS = Settings.from_environment()
RUNS: dict[str, Any] = {"type": "array", "items": {"type": "string", "pattern": r"^(events|songs) \S+$"}}


@dag(
    dag_id="musician_warehouse",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 9 * * *", timezone="UTC", run_immediately=False),
        assets=(EVENTS & SONGS),
    ),
    catchup=False,
    is_paused_upon_creation=False,  # Airflow queues no asset event for a paused DAG
    max_active_runs=1,
    doc_md=__doc__,
    tags=["warehouse", "redshift"],
    params={
        "rebuild": Param(False, type="boolean", description="Derive the star from all manifests."),
        "until": Param(None, type=["null", "string"], format="date", description="Roll back to this date."),
        "go_on_without_missing": Param(
            False,
            type="boolean",
            description="Rebuild even without published runs that cannot be read any more.",
        ),
        "retry": Param(
            [], **RUNS, description="Parked runs to judge again, like `events 2026-11-22T060003Z`."
        ),
        "accept": Param(
            [], **RUNS, description="Parked runs to judge without comparing them with earlier ones."
        ),
    },
    default_args={
        "owner": "data-engineering",
        "execution_timeout": timedelta(hours=1),
        **task_retries(),
        **task_alerts(SETTINGS),
    },
    **star_alerts(SETTINGS),
)
def musician_warehouse() -> None:
    @task(outlets=[MUSICIAN_STAR], execution_timeout=timedelta(hours=12))
    def rebuild(params: Any = None, outlet_events: Any = None) -> dict[str, Any]:
        from include.orchestration import connections, star
        from include.warehouse import tables

        with closing(connections.redshift()) as redshift:
            is_star_current = tables.ensure_tables(redshift)
            star.judge_again(redshift, params["retry"], params["accept"])
            if is_star_current and not params["rebuild"] and not params["until"]:
                raise AirflowSkipException(
                    "No rebuild: none was asked for, and the star's tables are those of this release."
                )
            until = params["until"] and date.fromisoformat(params["until"])
            go_on = params["go_on_without_missing"]
            rebuilt = star.rebuild_star(redshift, SETTINGS, utc_now(), until, go_on)
        outlet_events[MUSICIAN_STAR].extra = {"rebuilt": rebuilt.loads, "differences": rebuilt.differences}
        return asdict(rebuilt)

    @task(multiple_outputs=True, trigger_rule="none_failed")
    def find_load(dag_run: Any = None) -> dict[str, Any]:
        from include.orchestration import connections
        from include.warehouse.freshness import freshness
        from include.warehouse.next_load import begin_next

        lake, now = connections.lake(SETTINGS), utc_now()
        with closing(connections.redshift()) as redshift:
            age = freshness(redshift, lake, now)
            found = begin_next(redshift, lake, now)
        log.info("%s", age.text)
        overdue = age.overdue(SETTINGS.news_deadline_hours, found.load.pending if found.load else ())
        report_found(SETTINGS, dag_run, found.late, found.parked, overdue)
        if found.load is None:
            raise AirflowSkipException(
                f"Nothing to load: every manifest with a partner is in the ledger. {age.text}"
            )
        log.info("Taking the oldest load, %s; %d wait behind it", found.load, found.waiting)
        name, waiting = f"{found.load.events} {found.load.songs}", found.waiting
        if (dag_run.conf or {}).get("after") == name:
            log.warning("The previous run took the same load without judging it: no further run is triggered")
            waiting = 0
        return {"load": asdict(found.load), "name": name, "waiting": waiting}

    @task
    def stage(dataset: str, load: dict[str, Any]) -> int:
        from include.orchestration import connections, lineage
        from include.warehouse.load import stage as stage_manifest
        from include.warehouse.loads import Load

        lake = connections.lake(SETTINGS)
        with closing(connections.redshift()) as redshift:
            rows = stage_manifest(redshift, lake, Load.from_json(load), dataset, SETTINGS.copy_role_arn)
        lineage.staged(lake, dataset, load[dataset])
        return rows

    @task
    def build(table: str, load: dict[str, Any]) -> int:
        from include.orchestration import connections, lineage
        from include.warehouse import load as warehouse
        from include.warehouse.loads import Load

        with closing(connections.redshift()) as redshift:
            rows = warehouse.build(redshift, Load.from_json(load), table)
        lineage.ran(f"audit/{table}")
        return rows

    @task
    def audit(load: dict[str, Any]) -> dict[str, Any]:
        from include.orchestration import connections, star
        from include.warehouse import load as warehouse
        from include.warehouse.loads import Load

        judged = Load.from_json(load)
        with closing(connections.redshift()) as redshift:
            warehouse.build(redshift, judged, "load_summary")
            outcome = star.judge(redshift, SETTINGS, judged)
            if outcome.success:
                return {"passed": outcome.passed, "failed": outcome.failed, "data_docs": outcome.data_docs}
            verdict = outcome.verdict
            kept = warehouse.park(redshift, judged, verdict.reason, verdict.failed_rows, verdict.at_fault)
        raise DataRejected(
            f"{len(verdict.failures)} expectations failed for {judged}, so {' and '.join(verdict.at_fault)} "
            f"are parked and dwh is unchanged. {kept} failing rows are in audit.failed_rows, the data docs "
            f"are at {outcome.data_docs}: {verdict.reason}"
        )

    @task(outlets=[MUSICIAN_STAR])
    def publish(load: dict[str, Any], audited: dict[str, Any], outlet_events: Any = None) -> dict[str, Any]:
        from include.orchestration import connections, lineage
        from include.warehouse import load as warehouse
        from include.warehouse.loads import Load
        from include.warehouse.tables import STAR

        judged = Load.from_json(load)
        with closing(connections.redshift()) as redshift:
            changed = warehouse.publish(redshift, judged)
        lineage.ran(*(f"publish/{table}" for table in STAR))
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
    songs, concerts, bridge, facts, missing = (
        build.override(task_id=f"build_{table}")(table, load)
        for table in (
            "dim_songs",
            "dim_concerts",
            "bridge_concert_artists",
            "fact_artists",
            "missing_concerts",
        )
    )
    audited = audit(load)
    audited.operator.operator_extra_links = (data_docs_link(),)
    for dimension in (songs, concerts, bridge):
        chain(staged, dimension, facts, audited)
    chain(concerts, missing, audited)
    rebuild() >> found
    publish(load, audited)

    # When more loads wait, the next run queues behind this one (max_active_runs=1).
    more_loads_wait(found["waiting"]) >> TriggerDagRunOperator(
        task_id="start_next_run",
        trigger_dag_id="musician_warehouse",
        conf={"after": "{{ ti.xcom_pull(task_ids='find_load', key='name') }}"},
    )


musician_warehouse()
