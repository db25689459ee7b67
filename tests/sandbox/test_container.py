"""The sandbox inside a container: fixed ports, connections in Airflow's database, and an end on SIGTERM."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws import Aws

ROOT = Path(__file__).resolve().parents[2]


def four_free_ports() -> int:
    """The first of four ports in a row that nobody listens on."""
    for first in range(15439, 16439, 4):
        probes = [socket.socket() for _ in range(4)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return first
    raise AssertionError("no four free ports in a row")


def airflow(home: Path, *command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "airflow", *command],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def environment(home: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return {**own, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The connections that Airflow has got from a running `sandbox.local.container`, by id."""
    home = tmp_path_factory.mktemp("container")
    # A connection of the user's own is there before the sandbox's are imported.
    airflow(home, "db", "migrate")
    airflow(
        home, "connections", "add", "lastfm", "--conn-json", '{"conn_type": "http", "host": "http://mine"}'
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.local.container", "--home", str(home / "sandbox")),
            *("--listen", "127.0.0.1", "--name", "127.0.0.1", "--first-port", str(four_free_ports())),
            *("--concerts", "20"),
        ],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "has the connections" in line:
                break
        airflow(home, "connections", "export", str(home / "exported.json"))
        yield json.loads((home / "exported.json").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert process.returncode == 0
    assert not (home / "sandbox" / "services.json").exists()


def test_airflow_gets_the_connections_it_does_not_have(container: dict[str, Any]) -> None:
    assert {"aws_default", "lastfm", "redshift", "ticketmaster"} <= container.keys()
    assert container["redshift"]["conn_type"] == "redshift"


def test_a_connection_that_is_there_already_stays(container: dict[str, Any]) -> None:
    assert container["lastfm"]["host"] == "http://mine"


def test_redshift_answers_at_its_port_with_the_imported_login(container: dict[str, Any]) -> None:
    import redshift_connector

    given = container["redshift"]
    with (
        redshift_connector.connect(
            host=given["host"],
            port=int(given["port"]),
            database=given["schema"],
            user=given["login"],
            password=given["password"],
            ssl=False,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select 1")
        assert cursor.fetchone()[0] == 1


def test_s3_answers_at_its_port(container: dict[str, Any]) -> None:
    given = container["aws_default"]
    extra = json.loads(given["extra"])
    s3 = Aws(extra["endpoint_url"], extra["region_name"], given["login"], given["password"]).client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="part", Body=b"x" * 1_000_000)
    assert len(s3.get_object(Bucket="lake", Key="part")["Body"].read()) == 1_000_000


def test_ticketmaster_answers_at_its_port(container: dict[str, Any]) -> None:
    given = container["ticketmaster"]
    url = f"{given['host']}/discovery/v2/events.json?apikey={given['password']}&size=1"
    time.sleep(0.25)  # the stand-in allows five requests a second
    with urllib.request.urlopen(url) as answer:
        assert "_embedded" in json.load(answer)
