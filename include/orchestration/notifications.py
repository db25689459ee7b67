"""Notifies people through the Airflow connection named by MUSICIAN_NOTIFY; `delivery.py` says how.

It reports tasks that failed for good, an overdue star, late runs, runs that cannot be read, that no new data has
arrived, and that landed data is not loaded.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from include.orchestration.delivery import Message, send
from include.settings import Settings
from include.wording import counted

log = logging.getLogger(__name__)

_LONGEST_REASON = 2_000
_ENDED = ("success", "failed")
"""States of a run that has ended. A failure has already been reported for its task."""


def task_alerts(settings: Settings) -> dict[str, Any]:
    """Additions to a DAG's `default_args`; none if notifications are off."""
    return {"on_failure_callback": report_failure} if settings.notify else {}


def star_alerts(settings: Settings) -> dict[str, Any]:
    """Arguments for the warehouse DAG, so that a run that takes too long is reported as well."""
    if not settings.notify:
        return {}
    from airflow.sdk.definitions.callback import AsyncCallback
    from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

    return {
        "deadline": DeadlineAlert(
            # An asset-triggered run has no logical date.
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(minutes=settings.star_deadline_minutes),
            callback=AsyncCallback(report_overdue, kwargs={"minutes": settings.star_deadline_minutes}),
        )
    }


def report_failure(context: Mapping[str, Any]) -> None:
    """Called by Airflow, in the worker, when a task has failed and will not be retried."""
    from airflow.sdk.log import redact  # type: ignore[attr-defined]

    error, task_instance = context.get("exception"), context["ti"]
    reason = f"{type(error).__name__}: {error}" if error else "its process ended without an error message"
    send(
        Settings.from_environment().notify,
        Message(
            dag=task_instance.dag_id,
            task=task_instance.task_id,
            run=task_instance.run_id,
            reason=str(redact(reason))[:_LONGEST_REASON],
            counts=_counts(context),
            log_url=getattr(task_instance, "log_url", ""),
        ),
    )


def report_found(
    settings: Settings,
    dag_run: Any,
    late: Sequence[tuple[str, str]],
    parked: Sequence[str],
    passed_over: Sequence[str],
) -> None:
    """Reports runs that only a rebuild takes in, runs that were parked unread, and published runs that cannot be
    context any more."""
    if late:
        runs = ", ".join(map(" ".join, late))
        report(
            settings,
            dag_run,
            "found late runs",
            f"{runs}: older than what is published; include them with a rebuild",
        )
    if parked:
        report(settings, dag_run, "parked runs", " ".join(parked))
    if passed_over:
        report(settings, dag_run, "passed over damaged runs", " ".join(passed_over))


def report(settings: Settings, dag_run: Any, happened: str, reason: str) -> None:
    """Logs a warning and, if notifications are on, sends it."""
    log.warning("%s: %s", happened, reason)
    if not settings.notify:
        return
    message = Message(dag_run.dag_id, None, dag_run.run_id, reason[:_LONGEST_REASON], happened=happened)
    try:
        send(settings.notify, message)
    except Exception:  # the load matters more
        log.exception("Could not notify %s", settings.notify)


async def report_overdue(minutes: int, context: Mapping[str, Any]) -> None:
    """Called by Airflow, in the triggerer, when a run has missed its deadline.

    Airflow may call it long afterwards, with the state that the run had when the call was queued. Nothing is reported
    for a run that has ended since.
    """
    from asgiref.sync import sync_to_async

    run = context["dag_run"]
    state = await sync_to_async(_state)(run)
    if state in _ENDED:
        return
    reason = f"not finished {counted(minutes, 'minute')} after it was queued; it is {state}"
    message = Message(dag=run["dag_id"], task=None, run=run["dag_run_id"], reason=reason)
    await sync_to_async(send)(Settings.from_environment().notify, message)


def _state(run: Mapping[str, Any]) -> str:
    """The state of a run now; what Airflow said before if it does not respond."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    try:
        state = RuntimeTaskInstance.get_dagrun_state(run["dag_id"], run["dag_run_id"])
        return str(getattr(state, "value", state))
    except Exception:  # the message matters more
        log.exception("Could not read the state of %s", run["dag_run_id"])
        return str(run["state"])


def _counts(context: Mapping[str, Any]) -> dict[str, int]:
    """The integers that the run's tasks have returned."""
    counts: dict[str, int] = {}
    for task_id in sorted(context["dag"].task_ids) if context.get("dag") else ():
        try:
            returned = context["ti"].xcom_pull(task_ids=task_id)
        except Exception:  # the message matters more than its counts
            log.exception("Could not read what %s returned", task_id)
            continue
        for name, value in returned.items() if isinstance(returned, dict) else [("", returned)]:
            if isinstance(value, int) and not isinstance(value, bool):
                counts[f"{task_id}.{name}".rstrip(".")] = value
    return counts
