"""`python -m sandbox`, as `make run`, `make up` and `make down` call it, with a real Airflow."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
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


def rows(output: str) -> dict[str, int]:
    """Rows per table, as the summary lists them."""
    return {name: int(count.replace(",", "")) for name, count in re.findall(r"dwh\.(\w+) +([\d,]+)", output)}


def test_a_run_publishes_the_star_shows_it_and_leaves_nothing_running(home: Path) -> None:
    result = sandbox("run", home)

    assert result.returncode == 0, result.stdout
    assert re.search(r"ingest_events +publish_events +success", result.stdout)
    assert re.search(r"ingest_songs +publish_songs +success", result.stdout)
    assert re.search(r"musician_warehouse +publish +success", result.stdout)
    counts = rows(result.stdout)
    assert set(counts) == {"fact_artists", "dim_songs", "dim_concerts", "bridge_concert_artists"}
    assert counts["dim_concerts"] > 2_000
    assert counts["dim_songs"] > 2_000
    assert re.search(r"Expectations +[1-9]\d* passed, 0 failed", result.stdout)
    shown = result.stdout.partition("analytics.artist_events_songs")[2].partition("Expectations")[0]
    assert len(shown.strip().splitlines()) == 5  # the end of the title, the column names, three artists
    assert (home / "data-docs" / "index.html").exists()
    assert re.search(r"Seconds +start [\d.]+, ingest_events [\d.]+, ingest_songs", result.stdout)
    assert processes_of(home) == []


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


def test_up_stays_until_down(home: Path) -> None:
    up = sandbox("up", home)
    assert up.returncode == 0, up.stdout
    assert rows(up.stdout)["fact_artists"] > 0
    address = re.search(r"Airflow: (http://127\.0\.0\.1:\d+)", up.stdout)
    assert address is not None
    with urllib.request.urlopen(f"{address[1]}/api/v2/monitor/health", timeout=30) as health:
        assert json.load(health)["scheduler"]["status"] == "healthy"

    again = sandbox("up", home)
    assert again.returncode == 0
    assert f"{address[1]}" in again.stdout
    assert "already" in again.stdout

    run = sandbox("run", home)
    assert run.returncode == 1
    assert "make down" in run.stdout

    assert sandbox("down", home).returncode == 0
    assert processes_of(home) == []
    assert sandbox("down", home).returncode == 0
