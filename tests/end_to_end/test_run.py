"""`make run` when it cannot finish: a wrong key, and Ctrl-C. What it does otherwise is in test_readme.py."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from sandbox.services import Services

ROOT = Path(__file__).resolve().parents[2]
WRONG_KEY = "wrong-key-4c1f"

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A sandbox's home; what a failing test leaves running in it is ended."""
    yield tmp_path / "home"
    subprocess.run([*command("down"), "--home", tmp_path / "home"], cwd=ROOT, env=environment(), timeout=60)
    for process in processes_of(tmp_path / "home"):
        process.kill()


def command(name: str) -> list[str]:
    return [sys.executable, "-m", "sandbox", name]


def environment(**more: str) -> dict[str, str]:
    """This process' variables without those of another Airflow or sandbox."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "MUSICIAN_", "AWS_"))}
    return {**own, **more}


def sandbox(name: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(name), "--home", home],
        cwd=ROOT,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
    )


def processes_of(home: Path) -> list[psutil.Process]:
    """Those that work in the sandbox's home or name it in their command line."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and (
                str(home) in process.cwd() or any(str(home) in word for word in process.cmdline())
            ):
                found.append(process)
    return found


def test_a_wrong_api_key_fails_the_run_at_once_and_names_the_connection_but_not_the_key(
    home: Path, services: Services
) -> None:
    wrong = {"conn_type": "http", "host": services.ticketmaster["base_url"], "password": WRONG_KEY}

    result = sandbox("run", home, AIRFLOW_CONN_TICKETMASTER=json.dumps(wrong))

    assert result.returncode == 1
    assert "The task fetch_events of ingest_events failed on try 1 of 4" in result.stdout
    assert re.search(r"SourceRejected: .*ticketmaster", result.stdout)
    assert "attempt=1.log" in result.stdout
    assert WRONG_KEY not in result.stdout
    assert not [log for log in (home / "logs").rglob("*.log") if WRONG_KEY in log.read_text(errors="replace")]
    assert processes_of(home) == []


def test_an_interrupted_run_leaves_nothing_running(home: Path) -> None:
    run = subprocess.Popen(
        [*command("run"), "--home", home], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    for line in run.stdout:
        if "starting Airflow" in line:
            break
    while not any("airflow" in " ".join(process.cmdline()) for process in processes_of(home)):
        time.sleep(0.2)

    run.send_signal(signal.SIGINT)
    output = run.stdout.read()

    assert run.wait(60) == 130
    assert "interrupted" in output
    assert processes_of(home) == []
