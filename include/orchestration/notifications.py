"""Notifies people by mail or webhook, through the Airflow connection named by MUSICIAN_NOTIFY.

    smtp   a mail from the extra's `from_email` to the extra's `to` (comma-separated addresses)
    http   a POST of the message as JSON to the connection's URL: `text` for people, the rest for programs.
           Anyone who knows a webhook's URL can post to it, so the path is a secret: no error and no log contains it
           (the provider's hook would log it, and errors of `requests` name it), and no redirect is followed.

It reports tasks that failed for good, an overdue star, late runs, runs that cannot be read, that no new data has
arrived, and that landed data is not loaded.
"""

import html
import json
import logging
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from include.errors import ConnectionMissing, NotificationFailed
from include.settings import Settings
from include.wording import counted

log = logging.getLogger(__name__)

_LONGEST_REASON = 2_000
_SECONDS = 30
"""How long a webhook may take."""
_ENDED = ("success", "failed")
"""States of a run that has ended. A failure has already been reported for its task."""


@dataclass(frozen=True, slots=True)
class Message:
    """A notification."""

    dag: str
    task: str | None
    """None if it is about the whole run."""
    run: str
    reason: str
    counts: dict[str, int] = field(default_factory=dict)
    """What the run's tasks have returned so far, such as `stage_events: 812` or `land_events.rejected: 3`."""
    log_url: str = ""
    happened: str = ""
    """What the message is about, if it is neither a failure nor a missed deadline."""

    @property
    def subject(self) -> str:
        """One line."""
        happened = self.happened or (f"failed in {self.task}" if self.task else "is overdue")
        return f"{self.dag} {happened} ({self.run})"

    @property
    def text(self) -> str:
        """The subject and a line per fact."""
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counts.items()) or "none yet"
        facts = {"Run": self.run, "Reason": self.reason, "Counts": counts, "Log": self.log_url}
        return "\n".join([self.subject, *(f"{name}: {fact}" for name, fact in facts.items() if fact)])


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
    overdue: Sequence[str],
) -> None:
    """Reports runs that only a rebuild takes in, runs that were parked unread, published runs that cannot be read
    any more, and data that is overdue."""
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
    if overdue:
        report(settings, dag_run, "has no new data", " ".join(overdue))


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


def send(connection_id: str, message: Message) -> None:
    """Sends the message. Raises `ConnectionMissing` if the connection lacks a field or is of another type."""
    from airflow.sdk.bases.hook import BaseHook

    connection = BaseHook.get_connection(connection_id)
    if connection.conn_type == "smtp":
        _mail(connection_id, connection.extra_dejson, message)
    elif connection.conn_type == "http":
        _post(connection_id, connection, message)
    else:
        raise ConnectionMissing(
            f"MUSICIAN_NOTIFY names the Airflow connection `{connection_id}`, whose type is "
            f"{connection.conn_type!r}. Name a connection of type smtp or http."
        )
    log.info("Notified %s: %s", connection_id, message.subject)


def _mail(connection_id: str, extra: Mapping[str, Any], message: Message) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    if not (extra.get("to") and extra.get("from_email")):
        raise ConnectionMissing(
            f"The Airflow connection `{connection_id}` needs `to` and `from_email` in its extra to send mail."
        )
    with SmtpHook(connection_id) as smtp:
        smtp.send_email_smtp(
            to=extra["to"],
            from_email=extra["from_email"],
            subject=message.subject,
            html_content=f"<pre>{html.escape(message.text)}</pre>",
        )


def _post(connection_id: str, connection: Any, message: Message) -> None:
    """Raises `NotificationFailed`, which names the connection and the response, and no part of the URL."""
    from airflow.sdk.log import mask_secret

    host = connection.host or ""
    port = f":{connection.port}" if connection.port else ""
    url = host if "://" in host else f"{connection.schema or 'http'}://{host}{port}"
    mask_secret(urlsplit(url).path.strip("/"))
    headers = {"Content-Type": "application/json", **connection.extra_dejson.get("headers", {})}
    if connection.login:
        login = f"{connection.login}:{connection.password or ''}"
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    body = json.dumps({"text": message.text, **asdict(message)}).encode()
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError
        request = Request(url, body, headers, method="POST")
        with build_opener(_NoRedirect).open(request, timeout=_SECONDS) as response:
            status = response.status
    except HTTPError as error:
        status = error.code
    except (OSError, HTTPException, ValueError) as error:
        raise NotificationFailed(
            f"The webhook of the connection `{connection_id}` was not reached ({type(error).__name__}). Check its "
            "host, and whether this machine can reach it."
        ) from None
    if not 200 <= status < 300:
        raise NotificationFailed(
            f"The webhook of the connection `{connection_id}` responded with HTTP {status}. "
            + ("Redirects are not followed: give the final address." if status < 400 else "Check its host.")
        )


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


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
