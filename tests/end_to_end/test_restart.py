"""Airflow dies in the middle of a warehouse run and is started again."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.warehouse.transactions import transaction
from sandbox import services
from sandbox.local import airflow
from sandbox.local.airflow_client import AirflowClient
from sandbox.local.run import INGESTIONS, WAREHOUSE
from tests.support.snapshots import publish_pending, star

pytestmark = pytest.mark.end_to_end

# So that Airflow takes a minute, not five, to find out that the tasks of the killed one are dead.
QUICK = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}
TODAY = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="musician-warehouse-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "home"


def wait_for(condition: Any, seconds: float, what: str) -> Any:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {seconds} seconds")


def warehouse_tasks(client: AirflowClient) -> dict[str, str | None]:
    return {
        task["task_id"]: task["state"] for task in client.task_instances(TODAY) if task["dag_id"] == WAREHOUSE
    }


def kill(server: airflow.Airflow) -> None:
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == server.pid:
                process.send_signal(signal.SIGKILL)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue


def test_a_run_resumes_after_airflow_was_killed_and_produces_the_same_star(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redshift_connector

    environment = airflow.environment
    monkeypatch.setattr(airflow, "environment", lambda *given: environment(*given) | QUICK)
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "AWS_", "MUSICIAN_"))]:
        monkeypatch.delenv(name)
    with services.start(home, "--concerts", "300") as started:
        with airflow.start(home, started) as server:
            client = server.client()
            wait_for(lambda: client.dag_ids() >= {*INGESTIONS, WAREHOUSE}, 120, "parsing the DAGs")
            for dag_id in INGESTIONS:
                client.trigger(dag_id)
            wait_for(lambda: warehouse_tasks(client).get("audit") == "running", 240, "the audit")
            kill(server)
        with airflow.start(home, started) as server:
            client = server.client()
            wait_for(lambda: warehouse_tasks(client).get("publish") == "success", 400, "publishing")
        with redshift_connector.connect(**started.redshift, ssl=False) as redshift:
            published = star(redshift)
            assert all(published.values())
            s3 = started.aws.client("s3")
            with transaction(redshift) as cursor:
                for table in (*published, "load_ledger"):
                    cursor.execute(f"delete from dwh.{table}")
            publish_pending(redshift, Lake(Bucket(s3, "musician-warehouse")))
            assert star(redshift) == published
