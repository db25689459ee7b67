"""
The star of artists, songs and concerts: built from the newest events and songs, judged, then published.

Starts when the assets `musician_events` and `musician_songs` have both been updated, and once a day at
09:00 UTC in case an update was missed. An asset event only triggers this DAG: its work is the manifests in the
bucket that are not in `dwh.load_ledger`. If there are none, the run says so in its note, and its tasks do
nothing.

1. **find_load**: does what the run's parameters ask for (judges parked runs again, or derives the star from all
   manifests, as it also does when a new release has changed its tables), then finds the oldest pending runs. Runs
   older than what is published are late: they are recorded and reported, and so are runs that cannot be read
   (parked) and news that is overdue. Says how old the star is.
2. **stage**: COPY loads exactly the objects in one events and one songs manifest into `staging`.
3. **build**: builds the star's tables from them in the schema `audit`.
4. **audit**: the Great Expectations suites judge the tables there; the data docs show the outcome. Runs that
   fail are parked in the ledger, and `dwh` is unchanged.
5. **publish**: one transaction merges the load into `dwh` and records it in the ledger; then the asset
   `musician_star` is updated.

The log and the note of a run say which load it judges. When several loads are pending, the run takes the oldest
and triggers another run for the next, unless the previous run took the same load and could not judge it. Requires
the connections `redshift` and `aws_default`.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, TaskGroup, chain, dag, task

from include.orchestration.assets import EVENTS, MUSICIAN_STAR, SONGS
from include.orchestration.ingestion import RUN
from include.orchestration.links import data_docs_link
from include.orchestration.notifications import star_alerts, task_alerts
from include.orchestration.retries import task_retries
from include.settings import Settings

SETTINGS = Settings.from_environment()
RUNS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "pattern": f"^(events|songs) {RUN.strip('^$')}$"},
}


@dag(
    dag_id="musician_warehouse",
    description="The audited star in Redshift, from the newest events and songs.",
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
        "allow_missing": Param(
            False,
            type="boolean",
            description="Rebuild even if published runs can no longer be read: the star then lacks their data.",
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
        "show_return_value_in_logs": False,  # the tasks say it themselves
        **task_retries(),
        **task_alerts(SETTINGS),
    },
    **star_alerts(SETTINGS),
)
def musician_warehouse() -> None:
    @task(execution_timeout=timedelta(hours=12), multiple_outputs=False)
    def find_load(dag_run: Any = None, params: Any = None, ti: Any = None) -> dict[str, Any]:
        from include.orchestration import star

        found = star.find_load(SETTINGS, dag_run, params)
        ti.xcom_push("note", found.note)
        if found.waiting:
            ti.xcom_push("return_value", found.xcom)
            star.start_next_run(found, dag_run)
        return found.xcom

    @task
    def stage(dataset: str, found: dict[str, Any]) -> int | None:
        from include.orchestration import star

        return star.stage(SETTINGS, dataset, found)

    @task
    def build(table: str, found: dict[str, Any]) -> int | None:
        from include.orchestration import star

        return star.build(table, found)

    @task(multiple_outputs=False)
    def audit(found: dict[str, Any], dag_run: Any = None) -> dict[str, Any] | None:
        from include.orchestration import star

        return star.judge(SETTINGS, found, dag_run.run_id)

    @task(outlets=[MUSICIAN_STAR], multiple_outputs=False)
    def publish(found: Any, audited: Any, outlet_events: Any = None, ti: Any = None) -> dict[str, Any] | None:
        from include.orchestration import star

        published = star.publish(found, audited, ti.run_id)
        if published is None:
            ti.task.outlets = []  # a task updates those that it has when it succeeds
        else:
            outlet_events[MUSICIAN_STAR].extra = published
        return published

    found = find_load()
    with TaskGroup("stage", prefix_group_id=False, tooltip="COPY into the schema staging"):
        staged = [
            stage.override(task_id=f"stage_{dataset}")(dataset, found) for dataset in ("events", "songs")
        ]
    with TaskGroup("build", prefix_group_id=False, tooltip="The star's tables, in the schema audit"):
        songs, concerts, bridge, facts, missing = (
            build.override(task_id=f"build_{table}")(table, found)
            for table in (
                *("dim_songs", "dim_concerts", "bridge_concert_artists"),
                *("fact_artists", "missing_concerts"),
            )
        )
    audited = audit(found)
    audited.operator.operator_extra_links = (data_docs_link(),)
    for dimension in (songs, concerts, bridge):
        chain(staged, dimension, facts, audited)
    chain(concerts, missing, audited)
    publish(found, audited)


musician_warehouse()
