"""Writes the note of a run in Airflow's UI: what was requested, and what the run worked on.

A task in Airflow 3 cannot write the note of its own run: the execution API has no route for it. So a task pushes an
XCom `note`, and this listener in the scheduler copies it when the run has ended. What the run's parameters request is
noted when it begins.
"""

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from include.orchestration.notes import DAG_IDS, requested, with_lines


class Notes:
    """Airflow calls these in the scheduler, within a session that it commits itself."""

    @hookimpl
    def on_dag_run_running(self, dag_run: Any, msg: str) -> None:
        _note(dag_run, requested(dag_run.conf or {}))

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        _note(dag_run, *_pushed(dag_run))

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        _note(dag_run, *_pushed(dag_run))


def _note(dag_run: Any, *lines: str) -> None:
    if dag_run.dag_id in DAG_IDS and (note := with_lines(dag_run.note, lines)) != (dag_run.note or ""):
        dag_run.note = note


def _pushed(dag_run: Any) -> list[str]:
    """What the tasks have pushed, the last first: the UI shows the first line, and a verdict matters most."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    query = select(XComModel.value).where(
        XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == "note"
    )
    session: Any = object_session(dag_run)
    return [str(note) for note in session.scalars(query.order_by(XComModel.timestamp.desc()))]


class RunNotes(AirflowPlugin):
    name = "run_notes"
    listeners = [Notes()]
