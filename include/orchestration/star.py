"""What the tasks of `musician_warehouse` do.

A run finds its load, then stages, builds, judges and publishes it. Its tasks pass each other a `Work`, as a
dictionary.
"""

import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, NoReturn, Self

import msgspec

from include.clock import utc_now
from include.errors import DataRejected
from include.orchestration import connections, lineage
from include.orchestration.notifications import report, report_found
from include.orchestration.operations import judge_again, rebuild_star, rebuilt_note
from include.quality.audit import Audit, audit
from include.quality.engine import Engine
from include.settings import Settings
from include.warehouse import ledger, parking, rebuild, tables
from include.warehouse import load as warehouse
from include.warehouse.freshness import freshness
from include.warehouse.next_load import Found, begin_next
from include.warehouse.pairing import Load
from include.wording import counted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one run: a load, or a rebuild that left no load, or nothing."""

    load: Load | None
    waiting: int
    """How many loads are left for the runs after this one."""
    judged_at: datetime
    """With the load, it identifies the audit."""
    rebuilt: rebuild.Rebuilt | None
    published: int
    """How many loads an earlier try of this run has put in the star, if there is no load."""
    note: str
    """The note of the run in Airflow's UI."""

    @property
    def xcom(self) -> dict[str, Any]:
        """What the other tasks receive."""
        return {**asdict(self), "judged_at": self.judged_at.isoformat()}

    @classmethod
    def from_xcom(cls, found: Mapping[str, Any]) -> Self:
        """The work that another task found."""
        return msgspec.convert(found, cls)


def find_load(settings: Settings, dag_run: Any, params: Mapping[str, Any]) -> Work:
    """Does what the params request, then takes the oldest pending load, which the schema `audit` then belongs to.

    Rebuilds the star first if `rebuild` or `until` requests it, or if this release defines its tables differently.
    """
    lake, now, rebuilt, published, found = connections.lake(settings), utc_now(), None, 0, Found()
    with closing(connections.redshift()) as redshift:
        is_star_current = tables.ensure_tables(redshift)
        notes = judge_again(redshift, lake, params["retry"], params["accept"])
        if not is_star_current or params["rebuild"] or params["until"]:
            until = params["until"] and date.fromisoformat(params["until"])
            rebuilt = rebuild_star(redshift, settings, now, until, params["allow_missing"], dag_run.run_id)
            notes.append(rebuilt_note(rebuilt, params["until"]))
        age = freshness(redshift, lake, now)
        try:
            load = begin_next(redshift, lake, now, found)
            if load is None and rebuilt is None:
                published = ledger.published_by(redshift, dag_run.run_id)
        except Exception:
            report_found(settings, dag_run, found.late, found.parked, found.passed_over)
            raise
    waiting = found.waiting
    if load:
        notes.insert(0, f"Auditing {load}, snapshot date {load.snapshot_date}")
    elif published:
        notes.insert(
            0, f"An earlier try of this run published {counted(published, 'load')}; nothing else is new"
        )
    elif rebuilt is None:
        notes.insert(0, "Nothing new: every manifest with a partner is in the ledger")
    for line in (*notes, age.text):
        log.info("%s", line)
    overdue = age.overdue(settings.news_deadline_hours, load.pending if load else ())
    report_found(settings, dag_run, found.late, found.parked, found.passed_over)
    if overdue:
        report(settings, dag_run, "has no new data", " ".join(overdue))
    if waiting and (dag_run.conf or {}).get("after") == str(load):
        log.warning("The previous run took the same load without judging it, so no further run is triggered")
        waiting = 0
    return Work(load, waiting, now, rebuilt, published, " ".join([*(f"{line}." for line in notes), *overdue]))


def start_next_run(found: Work, dag_run: Any) -> NoReturn:
    """Has Airflow queue a run for the next load behind this one, and ends the task as a success.

    It raises the exception that Airflow's TriggerDagRunOperator ends with, but needs no task of its own and no node
    in the asset graph.
    """
    from airflow.sdk.exceptions import DagRunTriggerException

    now = utc_now()
    raise DagRunTriggerException(
        trigger_dag_id=dag_run.dag_id,
        dag_run_id=f"next__{now.isoformat()}",
        conf={"after": str(found.load)},
        run_after=now,
        reset_dag_run=False,
        skip_when_already_exists=False,
        wait_for_completion=False,
        allowed_states=[],
        failed_states=[],
        poke_interval=60,
        deferrable=False,
        note=f"Started by {dag_run.run_id}, which left {counted(found.waiting, 'load')}",
    )


def load_of(work: Work) -> Load | None:
    """The load of the run, which is logged; None if the run has none, so that its tasks have nothing to do."""
    if work.load is None:
        log.info("This run has no load: nothing to do")
    else:
        log.info("Load: %s", work.load)
    return work.load


def stage(settings: Settings, dataset: str, found: Mapping[str, Any]) -> int | None:
    """Copies the load's run of the dataset into `staging`; returns the number of rows."""
    if (load := load_of(Work.from_xcom(found))) is None:
        return None
    lake = connections.lake(settings)
    with closing(connections.redshift()) as redshift:
        rows = warehouse.stage(redshift, lake, load, dataset, settings.copy_role_arn)
    lineage.report_copy(lake, dataset, load.run(dataset))
    return rows


def build(table: str, found: Mapping[str, Any]) -> int | None:
    """Builds `audit.<table>` from `staging`; returns the number of rows."""
    if (load := load_of(Work.from_xcom(found))) is None:
        return None
    with closing(connections.redshift()) as redshift:
        rows = warehouse.build(redshift, load, table)
    lineage.report_sql(f"audit/{table}")
    return rows


def judge(settings: Settings, found: Mapping[str, Any], dag_run: str) -> dict[str, Any] | None:
    """Judges the load and publishes the data docs. Parks it and raises `DataRejected` if it fails."""
    work = Work.from_xcom(found)
    if (load := load_of(work)) is None:
        return None
    with closing(connections.redshift()) as redshift:
        warehouse.build(redshift, load, "load_summary")
        outcome = audit(
            connections.lake(settings),
            load,
            Engine(*connections.redshift_engine_arguments()),
            settings.data_docs_runs,
            judged_at=work.judged_at,
            dag_run=dag_run,
            accepted=ledger.accepted(redshift, load),
        )
        if not outcome.success:
            verdict = outcome.verdict
            kept = parking.park(redshift, load, verdict.reason, verdict.failed_rows, verdict.at_fault)
            raise DataRejected(rejection(load, outcome, kept))
    return {"passed": outcome.passed, "failed": outcome.failed, "data_docs": outcome.data_docs}


def rejection(load: Load, outcome: Audit, kept_rows: int) -> str:
    """The message of a failed audit: first what failed and by how much, then what that means."""
    failures, warnings = outcome.verdict.failures, outcome.warnings
    warned = f" Also {counted(len(warnings), 'warning')}: {'; '.join(warnings)}." if warnings else ""
    parked = " and ".join(f"{dataset} {load.run(dataset)}" for dataset in outcome.verdict.at_fault)
    return (
        f"{outcome.verdict.reason}. Because {counted(len(failures), 'expectation')} failed, {parked} "
        f"{'are' if len(outcome.verdict.at_fault) > 1 else 'is'} parked, and dwh is unchanged. "
        f"{counted(kept_rows, 'failing row')} in audit.failed_rows; data docs: {outcome.data_docs}.{warned}"
    )


def publish(
    found: Mapping[str, Any], audited: Mapping[str, Any] | None, dag_run: str | None = None
) -> dict[str, Any] | None:
    """Merges the judged load into `dwh`; returns what the asset event says about it, or about what `find_load` did.

    Returns None if the star is unchanged. Raises `DataRejected` if the load was not judged.
    """
    work = Work.from_xcom(found)
    if (load := load_of(work)) is None:
        if work.rebuilt:
            return {"rebuilt": work.rebuilt.loads, "differences": dict(work.rebuilt.differences)}
        return {"published": work.published} if work.published else None
    if audited is None:
        raise DataRejected(f"{load} was not judged, so nothing is published. Clear the task `audit`.")
    with closing(connections.redshift()) as redshift:
        changed = warehouse.publish(redshift, load, dag_run)
    lineage.report_sql(*(f"publish/{table}" for table in tables.STAR))
    return {
        "snapshot_date": load.snapshot_date.isoformat(),
        "events_run": load.events,
        "songs_run": load.songs,
        "changes": changed,
        "expectations_passed": audited["passed"],
        "expectations_failed": audited["failed"],
    }
