"""What a run says of itself, as its note in Airflow's UI: what it was asked for, and what it took up.

A task of Airflow 3 cannot write the note of its own run: the execution API has no route for it. So a task pushes
an XCom `note`, and the scheduler, whose listener this is, copies it when the run has ended. What a run's
parameters ask for is noted when it begins.
"""

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from include.orchestration.notes import DAG_IDS, asked, longer


class Notes:
    """Airflow calls these in the scheduler, within its session, which it commits."""

    @hookimpl
    def on_dag_run_running(self, dag_run: Any, msg: str) -> None:
        _note(dag_run, asked(dag_run.conf or {}))

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        _note(dag_run, *_pushed(dag_run))

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        _note(dag_run, *_pushed(dag_run))


def _note(dag_run: Any, *lines: str) -> None:
    if dag_run.dag_id in DAG_IDS and (note := longer(dag_run.note, lines)) != (dag_run.note or ""):
        dag_run.note = note


def _pushed(dag_run: Any) -> list[str]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    query = select(XComModel.value).where(
        XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == "note"
    )
    session: Any = object_session(dag_run)
    return [str(note) for note in session.scalars(query.order_by(XComModel.timestamp))]


class RunNotes(AirflowPlugin):
    name = "run_notes"
    listeners = [Notes()]
