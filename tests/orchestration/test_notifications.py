"""Failures reach people: what the message says, by mail and by webhook, and when it is sent."""

import asyncio
import email
import email.policy
import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiosmtpd.controller import Controller
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import DagRunStateResult

from include.errors import ConnectionMissing, DataRejected, NotificationFailed
from include.orchestration.delivery import Message, send
from include.orchestration.notifications import report_failure, report_found, report_overdue
from include.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MESSAGE = Message(
    dag="musician_warehouse",
    task="audit",
    run="manual__2026-11-22",
    reason="DataRejected: 2 expectations failed: song_name <i>; {{ 7 * 7 }}",
    counts={"stage_events": 812, "stage_songs": 1240},
    log_url="http://airflow.example/dags/musician_warehouse",
)


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 OK"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The mails that an SMTP server on loopback has received."""
    received = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Controller(received, hostname="127.0.0.1", port=port)
    server.start()
    try:
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "extra": {
                "to": "one@example.com, two@example.com",
                "from_email": "airflow@example.com",
                "disable_ssl": True,
                "disable_tls": True,
            },
        }
        monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps(connection))
        monkeypatch.setenv("MUSICIAN_NOTIFY", "mail")
        yield received.mails
    finally:
        server.stop()


@pytest.fixture
async def webhook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The JSON bodies that a webhook on loopback has received."""
    received: list[Any] = []

    async def receive(request: web.Request) -> web.Response:
        received.append((request.path, await request.json()))
        return web.Response()

    application = web.Application()
    application.router.add_post("/hook", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({"conn_type": "http", "host": url}))
    monkeypatch.setenv("MUSICIAN_NOTIFY", "hook")
    yield received
    await runner.cleanup()


def failed_context(error: BaseException | None) -> dict[str, Any]:
    """As much of what Airflow passes to a failure callback as ours looks at."""
    returned = {
        "find_load": {"load": {"events": "2026-11-22T060000Z"}, "waiting": 1},
        "stage_events": 812,
        "audit": None,
    }
    task_instance = SimpleNamespace(
        dag_id="musician_warehouse",
        task_id="audit",
        run_id="manual__2026-11-22",
        log_url="http://airflow.example/log",
        xcom_pull=lambda task_ids: returned[task_ids],
    )
    return {"exception": error, "ti": task_instance, "dag": SimpleNamespace(task_ids=list(returned))}


def test_the_text_has_dag_task_run_reason_counts_and_log() -> None:
    assert MESSAGE.subject == "musician_warehouse failed in audit (manual__2026-11-22)"
    assert MESSAGE.text.splitlines() == [
        MESSAGE.subject,
        "Run: manual__2026-11-22",
        f"Reason: {MESSAGE.reason}",
        "Counts: stage_events 812, stage_songs 1,240",
        f"Log: {MESSAGE.log_url}",
    ]


def test_a_mail_has_the_whole_text_unchanged_and_goes_to_everyone(mailbox: list[Any]) -> None:
    send("mail", MESSAGE)
    ((envelope, mail),) = mailbox
    assert envelope.rcpt_tos == ["one@example.com", "two@example.com"]
    assert mail["From"] == "airflow@example.com"
    assert mail["Subject"] == MESSAGE.subject
    body = mail.get_body().get_content()
    assert "Counts: stage_events 812, stage_songs 1,240" in body
    assert "song_name &lt;i&gt;; {{ 7 * 7 }}" in body


async def test_a_webhook_gets_text_for_people_and_fields_for_programs(webhook: list[Any]) -> None:
    await asyncio.to_thread(send, "hook", MESSAGE)
    ((path, body),) = webhook
    assert path == "/hook"
    assert body["text"] == MESSAGE.text
    assert (body["dag"], body["task"], body["run"]) == ("musician_warehouse", "audit", "manual__2026-11-22")
    assert body["counts"] == {"stage_events": 812, "stage_songs": 1240}


@pytest.fixture
async def closed_webhook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A webhook whose path is a secret and that does not take messages; the paths it was asked for."""
    asked: list[str] = []

    async def reject(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        what = request.path.rpartition("/")[2]
        if what == "slow":
            await asyncio.sleep(5)
        if what == "moved":
            return web.Response(status=307, headers={"Location": "/elsewhere/hunter2-hook"})
        return web.Response(status=404, reason=f"no {request.path}", text=request.path)

    application = web.Application()
    application.router.add_post("/{path:.*}", reject)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr("include.orchestration.delivery._SECONDS", 0.2)

    def define(what: str) -> None:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/hunter2-hook/{what}"
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({"conn_type": "http", "host": url}))

    yield define, asked
    await runner.cleanup()


CLOSED = {"missing": "HTTP 404", "moved": "HTTP 307.*not followed", "slow": "not reached"}
QUERIES = ["", "?token=hunter2-query"]


@pytest.mark.parametrize("query", QUERIES, ids=["path", "query"])
@pytest.mark.parametrize("what", CLOSED)
async def test_the_path_and_the_query_of_a_webhook_are_secrets(
    closed_webhook: Any, caplog: pytest.LogCaptureFixture, what: str, query: str
) -> None:
    define, asked = closed_webhook
    define(what + query)
    said = CLOSED[what]
    with caplog.at_level("DEBUG"), pytest.raises(NotificationFailed, match=said) as raised:
        await asyncio.to_thread(send, "hook", MESSAGE)
    assert asked == [f"/services/hunter2-hook/{what}{query}"]
    shown = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert "hunter2" not in shown and "127.0.0.1" not in str(raised.value)


async def test_a_failed_task_is_reported_with_its_error_and_what_the_run_has_counted(
    webhook: list[Any],
) -> None:
    await asyncio.to_thread(report_failure, failed_context(DataRejected("2 expectations failed")))
    ((_, body),) = webhook
    assert body["reason"] == "DataRejected: 2 expectations failed"
    assert body["counts"] == {"find_load.waiting": 1, "stage_events": 812}
    assert body["log_url"] == "http://airflow.example/log"


async def test_a_task_whose_process_was_killed_is_reported_too(webhook: list[Any]) -> None:
    await asyncio.to_thread(report_failure, failed_context(None))
    assert webhook[0][1]["reason"] == "its process ended without an error message"


async def test_the_password_of_a_connection_is_not_sent(
    webhook: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.log import mask_secret

    mask_secret("a-word-that-no-other-test-masks")
    error = OSError("could not log in with a-word-that-no-other-test-masks")
    await asyncio.to_thread(report_failure, failed_context(error))
    assert webhook[0][1]["reason"] == "OSError: could not log in with ***"


@pytest.mark.parametrize("state", ["running", RuntimeError("the API server does not respond")])
async def test_an_overdue_star_is_reported(webhook: list[Any], airflow_says: Any, state: Any) -> None:
    airflow_says(state)
    told = "queued" if state == "running" else "running"
    run = {"dag_id": "musician_warehouse", "dag_run_id": "scheduled__2026-11-22", "state": told}
    await report_overdue(90, {"dag_run": run, "deadline": {}})
    assert webhook[0][1]["text"].splitlines()[:3] == [
        "musician_warehouse is overdue (scheduled__2026-11-22)",
        "Run: scheduled__2026-11-22",
        "Reason: not finished 90 minutes after it was queued; it is running",
    ]


@pytest.fixture
def airflow_says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Airflow's response when the triggerer asks for the state of a run."""

    def define(state: str | Exception) -> None:
        def respond(msg: Any) -> DagRunStateResult:
            assert (msg.dag_id, msg.run_id) == ("musician_warehouse", "scheduled__2026-11-22")
            if isinstance(state, Exception):
                raise state
            return DagRunStateResult(state=state)

        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=respond), raising=False)

    return define


@pytest.mark.parametrize("state", ["success", "failed"])
async def test_of_a_run_that_has_ended_nothing_is_overdue(
    webhook: list[Any], airflow_says: Any, state: str
) -> None:
    """Airflow queues the call with the state that the run had then."""
    airflow_says(state)
    run = {"dag_id": "musician_warehouse", "dag_run_id": "scheduled__2026-11-22", "state": "running"}
    await report_overdue(90, {"dag_run": run, "deadline": {}})
    assert webhook == []


async def test_late_and_unreadable_runs_are_told_each_by_itself(webhook: list[Any]) -> None:
    run = SimpleNamespace(dag_id="musician_warehouse", run_id="scheduled__2026-11-22")
    settings = Settings(notify="hook")
    await asyncio.to_thread(report_found, settings, run, [], [], [])
    assert webhook == []
    late = [("events", "2026-11-21T060000Z")]
    await asyncio.to_thread(
        report_found,
        settings,
        run,
        late,
        ["s3://b/k is malformed."],
        ["songs are damaged"],
    )
    assert [body["text"].splitlines()[0].split(" (")[0] for _, body in webhook] == [
        "musician_warehouse found late runs",
        "musician_warehouse parked runs",
        "musician_warehouse passed over damaged runs",
    ]
    assert "s3://b/k is malformed." in webhook[1][1]["reason"]


def test_a_connection_of_another_type_is_rejected_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FILE", json.dumps({"conn_type": "fs"}))
    with pytest.raises(ConnectionMissing, match=r"`file`, whose type is 'fs'.*smtp or http"):
        send("file", MESSAGE)


def test_a_mail_connection_without_addresses_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps({"conn_type": "smtp", "host": "127.0.0.1"}))
    with pytest.raises(ConnectionMissing, match="`to` and `from_email`"):
        send("mail", MESSAGE)


ALERTS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
bag = DagBag(sys.argv[1], bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
print(json.dumps({
    dag.dag_id: [
        all([each.__name__ for each in task.on_failure_callback] == ["report_failure"] for task in dag.tasks),
        [(alert.interval.total_seconds(), alert.callback.path) for alert in dag.deadline or []],
        bool(DagSerialization.to_dict(dag)),
    ]
    for dag in bag.dags.values()
}))
"""


def alerts(tmp_path: Path, **environment: str) -> Any:
    parsed = subprocess.run(
        [sys.executable, "-c", ALERTS, str(ROOT / "dags")],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert parsed.returncode == 0, parsed.stderr
    return json.loads(parsed.stdout.splitlines()[-1])


def test_by_default_there_are_no_notifications(tmp_path: Path) -> None:
    assert alerts(tmp_path, MUSICIAN_NOTIFY="") == {
        dag_id: [False, [], True] for dag_id in ("ingest_events", "ingest_songs", "musician_warehouse")
    }


def test_one_setting_reports_every_task_and_an_overdue_star(tmp_path: Path) -> None:
    given = alerts(tmp_path, MUSICIAN_NOTIFY="mail", MUSICIAN_STAR_DEADLINE_MINUTES="90")
    assert given == {
        "ingest_events": [True, [], True],
        "ingest_songs": [True, [], True],
        "musician_warehouse": [True, [[5400.0, "include.orchestration.notifications.report_overdue"]], True],
    }
