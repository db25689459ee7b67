"""The params, arguments and tasks of `musician_warehouse`; `star.py` has what the tasks do.

Airflow and heavy libraries are imported inside the functions, to keep the parsing of DAG files fast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.errors import DataRejected
from include.orchestration.ingestion import RUN
from include.orchestration.links import data_docs_link
from include.orchestration.notifications import star_alerts
from include.orchestration.task_arguments import task_arguments
from include.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Asset


def star_params() -> dict[str, Any]:
    """What a run can be asked for besides the oldest pending load."""
    from airflow.sdk import Param

    runs: dict[str, Any] = {
        "type": "array",
        "items": {"type": "string", "pattern": f"^(events|songs) {RUN.strip('^$')}$"},
    }
    return {
        "rebuild": Param(
            False,
            type="boolean",
            description="Derive the star again from all manifests that are not parked: this takes in late and "
            "redriven runs.",
        ),
        "until": Param(
            None,
            type=["null", "string"],
            format="date",
            description="Rebuild the star without the runs after this date (UTC), which are parked until a retry.",
        ),
        "allow_missing": Param(
            False,
            type="boolean",
            description="Rebuild even if published runs can no longer be read: the star then lacks their data.",
        ),
        "retry": Param(
            [], **runs, description="Parked runs to judge again, one per line, as events 2026-11-22T060003Z."
        ),
        "accept": Param(
            [],
            **runs,
            description="Parked runs to judge once without comparing them with earlier loads, one per line, as "
            "songs 2026-11-22T070003Z.",
        ),
    }


def dag_arguments(settings: Settings) -> dict[str, Any]:
    """How runs and tasks are executed, retried and reported."""
    return {
        "catchup": False,
        "max_active_runs": 1,
        # All but backfills, which would find nothing: a run takes whatever is pending, whatever its date.
        "allowed_run_types": [
            *("scheduled", "manual", "operator_triggered", "asset_triggered", "asset_materialization"),
        ],
        "default_args": task_arguments(settings, timedelta(hours=1)),
        **star_alerts(settings),
    }


@dataclass(frozen=True, slots=True)
class StarTasks:
    """The tasks of the DAG: each takes what `find_load` returned, `publish` also what `audit` returned."""

    find_load: Callable[[], Any]
    stage: Callable[[str, Any], Any]
    """Takes a dataset first."""
    build: Callable[[str, Any], Any]
    """Takes a table first."""
    audit: Callable[[Any], Any]
    publish: Callable[[Any, Any], Any]


def star_tasks(asset: "Asset", settings: Settings) -> StarTasks:
    """The tasks that load the star and then update the asset."""
    from airflow.sdk import task

    @task(execution_timeout=timedelta(hours=12), multiple_outputs=False)
    def find_load(dag_run: Any = None, params: Any = None, ti: Any = None) -> dict[str, Any]:
        from include.orchestration import star

        found = star.find_load(settings, dag_run, params)
        ti.xcom_push("note", found.note)
        if found.waiting:
            ti.xcom_push("return_value", found.xcom)
            star.start_next_run(found, dag_run)
        return found.xcom

    @task
    def stage(dataset: str, found: dict[str, Any]) -> int | None:
        from include.orchestration import star

        return star.stage(settings, dataset, found)

    @task
    def build(table: str, found: dict[str, Any]) -> int | None:
        from include.orchestration import star

        return star.build(table, found)

    @task(multiple_outputs=False)
    def audit(found: dict[str, Any], dag_run: Any = None, ti: Any = None) -> dict[str, Any] | None:
        from include.orchestration import star

        try:
            return star.judge(settings, found, dag_run.run_id)
        except DataRejected as rejected:
            ti.xcom_push("note", f"The audit failed. {rejected}")
            raise

    @task(outlets=[asset], multiple_outputs=False)
    def publish(found: Any, audited: Any, outlet_events: Any = None, ti: Any = None) -> dict[str, Any] | None:
        from include.orchestration import star

        published = star.publish(found, audited, ti.run_id)
        if published is None:
            ti.task.outlets = []  # a task updates those that it has when it succeeds
        else:
            outlet_events[asset].extra = published
        return published

    def linked_audit(found: Any) -> Any:
        audited: Any = audit(found)
        audited.operator.operator_extra_links = (data_docs_link(),)
        return audited

    return StarTasks(
        find_load=find_load,
        stage=lambda dataset, found: stage.override(task_id=f"stage_{dataset}")(dataset, found),
        build=lambda table, found: build.override(task_id=f"build_{table}")(table, found),
        audit=linked_audit,
        publish=publish,
    )
