"""`astro dev start --standalone -e .env.sandbox`, without the CLI: the environment that it builds, to a star.

What the CLI (1.45) sets is read in its source: home in .astro/standalone, metadata in SQLite, the project's
root as PYTHONPATH and working folder, no login. Different here: other ports, the packages of this Python, and
no log servers, which would listen on all interfaces.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.local.airflow import START_SECONDS, Airflow, _command, _end_session, _free_port
from sandbox.local.airflow_client import AirflowClient
from sandbox.local.container import FIRST_PORT
from sandbox.local.run import WAREHOUSE, Pipeline
from tests.sandbox.test_container import four_free_ports

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What git would clone, with the changes that are not committed yet."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "project" / name)
    return tmp_path / "project"


@pytest.fixture
def stand_ins(tmp_path: Path) -> Iterator[int]:
    """What `make sandbox` starts, at other ports; the first of them."""
    first = four_free_ports()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.local.container", "--home", str(tmp_path / "stand-ins")),
            *(
                "--listen",
                "127.0.0.1",
                "--name",
                "127.0.0.1",
                "--first-port",
                str(first),
                "--concerts",
                "300",
            ),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        yield first
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def environment(project: Path, first_port: int, port: int) -> dict[str, str]:
    """The variables that the CLI hands to `airflow standalone`: the file's, then its own."""
    text = (project / ".env.sandbox").read_text()
    for offset in range(4):
        text = text.replace(str(FIRST_PORT + offset), str(first_port + offset))
    file = dict(re.findall(r"^(\w+)='?(.*?)'?$", text, re.MULTILINE))
    home = project / ".astro" / "standalone"
    (home / "airflow" / "bin").mkdir(parents=True)
    _command(home)
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "MUSICIAN_", "AWS_"))}
    return {
        **own,
        **file,
        "PATH": os.pathsep.join(
            [str(home / "airflow" / "bin"), str(Path(sys.executable).parent), own["PATH"]]
        ),
        "PYTHONPATH": str(project),
        "AIRFLOW_HOME": str(home),
        "ASTRONOMER_ENVIRONMENT": "local",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": "d6Vefz3G9U_ynXB3cr7y_Ak35tAHkEGAVxuz_B-jzWw=",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": "only-for-this-test",
        "AIRFLOW__API_AUTH__JWT_SECRET": "0123456789abcdef" * 4,
        "NO_PROXY": "*",
    }


def _require_green(client: AirflowClient, run: str) -> str:
    """Requires that no task of the run was skipped; returns its note."""
    tasks = client._request("GET", f"{run}/taskInstances", None)["task_instances"]
    assert {task["state"] for task in tasks} == {"success"}
    return str(client._request("GET", run, None)["note"])


def _path(run_id: str) -> str:
    return f"/api/v2/dags/{WAREHOUSE}/dagRuns/{urllib.parse.quote(run_id, safe='')}"


def _require_readable(client: AirflowClient, run_id: str) -> None:
    """What an operator sees of a healthy run: all green, what it judged, one value per task."""
    run = _path(run_id)
    load = client.returned(WAREHOUSE, run_id, "find_load")["load"]
    assert _require_green(client, run).startswith(f"Auditing events {load['events']} with songs ")
    entries = client._request("GET", f"{run}/taskInstances/publish/xcomEntries", None)["xcom_entries"]
    assert [entry["key"] for entry in entries] == ["return_value"]


def _require_quiet(client: AirflowClient) -> None:
    """A run that finds nothing new is as green, and updates no asset."""
    run = _path(client.trigger(WAREHOUSE))
    give_up = time.monotonic() + START_SECONDS
    while (state := client._request("GET", run, None)["state"]) not in ("success", "failed"):
        assert time.monotonic() < give_up, state
        time.sleep(0.5)
    assert _require_green(client, run).startswith("Nothing new: ")
    events = client._request("GET", "/api/v2/assets/events?limit=100", None)["asset_events"]
    assert sorted(event["name"] for event in events) == ["musician_events", "musician_songs", "musician_star"]


def test_standalone_publishes_the_star_and_shows_the_data_docs(project: Path, stand_ins: int) -> None:
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    log = project.parent / "standalone.log"
    given = environment(project, stand_ins, port)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["airflow", "standalone"],
            cwd=project,
            env=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    airflow = Airflow(process.pid, psutil.Process(process.pid).create_time(), url, "")
    client = AirflowClient(url, "nobody", "at all")  # every login is an admin's
    said: list[str] = []
    try:
        give_up = time.monotonic() + START_SECONDS
        while not client.is_healthy():
            assert time.monotonic() < give_up and process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.5)
        logs = project / ".astro" / "standalone" / "logs"
        runs = Pipeline(client, logs, lambda: process.poll() is None, said.append).run()
        _require_readable(client, runs[WAREHOUSE]["dag_run_id"])
        _require_quiet(client)
        # As a browser that never signed in.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{url}/data-docs/index.html", timeout=30
        ) as page:
            assert "✔ passed" in page.read().decode()
    finally:
        print("\n".join(said))
        _end_session(airflow)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    added = subprocess.run(["git", "ls-files"], cwd=project, capture_output=True, text=True, check=True)
    assert not [name for name in added.stdout.splitlines() if "standalone/" in name or name.endswith(".db")]
