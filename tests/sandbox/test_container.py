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

from include.orchestration import connections
from include.sources.client.http import Client
from include.sources.client.messages import Request, Response, Retry
from sandbox.aws import Aws
from sandbox.connections import connection_environment
from sandbox.local.container import forwarded
from sandbox.services import Services
from sandbox.ticketmaster.options import TicketmasterOptions

ROOT = Path(__file__).resolve().parents[2]
NAME = "sandbox"
"""Its name for the other containers: to the pipeline, not a loopback address."""


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process resolve the name, as the containers' network would."""
    resolve: Any = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *given, **more: resolve("127.0.0.1" if host == NAME else host, *given, **more),
    )


def four_free_ports() -> int:
    """The first of four consecutive free ports."""
    start = 15439 + os.getpid() % 250 * 4  # so that concurrent sessions do not choose the same
    for first in range(start, start + 1000, 4):
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
    """The connections in Airflow after a running `sandbox.local.container` has imported its own, by id."""
    home = tmp_path_factory.mktemp("container")
    # The user already has a connection before the sandbox's are imported.
    airflow(home, "db", "migrate")
    airflow(
        home, "connections", "add", "lastfm", "--conn-json", '{"conn_type": "http", "host": "http://mine"}'
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sandbox.local.container", "--home", str(home / "sandbox")),
            *("--listen", "127.0.0.1", "--name", NAME, "--first-port", str(four_free_ports())),
            *("--import", "--concerts", "20"),
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


def test_airflow_gets_the_connections_it_lacks(container: dict[str, Any]) -> None:
    assert {"aws_default", "lastfm", "redshift", "ticketmaster"} <= container.keys()
    assert container["redshift"]["conn_type"] == "redshift"


def test_an_existing_connection_is_kept(container: dict[str, Any]) -> None:
    assert container["lastfm"]["host"] == "http://mine"


def test_redshift_responds_at_its_port_to_the_imported_login(container: dict[str, Any]) -> None:
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


def test_s3_responds_at_its_port(container: dict[str, Any]) -> None:
    given = container["aws_default"]
    extra = json.loads(given["extra"])
    s3 = Aws(extra["endpoint_url"], extra["region_name"], given["login"], given["password"]).client("s3")
    s3.create_bucket(Bucket="lake")
    s3.put_object(Bucket="lake", Key="part", Body=b"x" * 1_000_000)
    assert len(s3.get_object(Bucket="lake", Key="part")["Body"].read()) == 1_000_000


def test_ticketmaster_responds_at_its_port(container: dict[str, Any]) -> None:
    given = container["ticketmaster"]
    url = f"{given['host']}/discovery/v2/events.json?apikey={given['password']}&size=1"
    time.sleep(0.25)  # the stand-in allows five requests a second
    with urllib.request.urlopen(url) as response:
        assert "_embedded" in json.load(response)


async def test_the_pipeline_fetches_through_the_imported_connection(
    container: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {key: value for key, value in container["ticketmaster"].items() if value not in (None, "")}
    assert NAME in given["host"]
    monkeypatch.setenv("AIRFLOW_CONN_TICKETMASTER", json.dumps(given))
    found = await connections.source_connection("ticketmaster")
    client = Client(
        found.id, found.base_url, "apikey", found.key, found.requests_per_second, allow_http=found.allow_http
    )
    request = Request("events", "/discovery/v2/events.json", {"size": "1"})

    def read(response: Response) -> dict[str, Any]:
        if response.status == 429:
            raise Retry("the stand-in's rate limit")
        found: dict[str, Any] = json.loads(response.body)
        return found

    async with client, client.get(request, read) as (response, body):
        assert response.status == 200
        assert "_embedded" in body


def test_no_password_is_part_of_an_address(container: dict[str, Any]) -> None:
    """Airflow would mask it there: `http://***:5440`."""
    addresses = [str(found["host"]) + str(found["extra"]) for found in container.values()]
    passwords = [found["password"] for found in container.values() if found["password"]]
    assert passwords
    assert not [password for password in passwords for address in addresses if password in address]


def test_env_sandbox_has_the_connections_of_the_fixed_ports() -> None:
    lines = (ROOT / ".env.sandbox").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    catalog = {"key": TicketmasterOptions().key}
    services = Services(
        pid=0,
        postgres={},
        redshift={"database": "musician", "user": "musician"},
        aws=Aws(""),
        ticketmaster=catalog,
        lastfm=catalog,
    )
    expected = connection_environment(forwarded(services, "127.0.0.1"))
    assert {name: given[name].strip("'") for name in expected} == expected
    assert given["AIRFLOW__CORE__PLUGINS_FOLDER"] == "plugins"
    assert given["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"
