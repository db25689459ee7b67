"""The services start anywhere, once per home, and leave nothing running, however they end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.connections import connection_environment
from sandbox.redshift.server_user import room_of
from sandbox.services import Services, start

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--concerts", "20")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder whose path is too long for a Unix socket."""
    return tmp_path / "a rather long name for a folder" / ("x" * 60) / "home"


def processes(home: Path) -> list[str]:
    """The processes with the home in their command line or as working directory, as all of PostgreSQL's have."""
    found, folders = [], (str(home), str(room_of(home / "postgres")))
    for process in psutil.process_iter(["cmdline", "cwd"]):
        about = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if process.pid != os.getpid() and any(folder in part for part in about for folder in folders):
            found.append(" ".join(about))
    return found


def becomes_true(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + 60  # deleting PostgreSQL's files takes long on a busy disk
    while time.monotonic() < give_up:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def spawned(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that starts the services and waits, as `make up` does."""
    program = (
        "import signal, sys, time, pathlib, sandbox.services as s\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored if pytest runs in the background
        f"with s.start(pathlib.Path(sys.argv[1]), *{SMALL!r}): time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(home)], cwd=ROOT) as process:
        assert becomes_true((home / "services.json").exists)
        yield process
        process.kill()


def test_what_is_written_is_closed_and_no_folder_above_is_opened(home: Path) -> None:
    home.parent.mkdir(parents=True)
    home.parent.chmod(0o700)
    above = {path: path.stat().st_mode for path in home.parents}
    with start(home, *SMALL):
        room = room_of(home / "postgres")
        written = [home, room, *home.rglob("*"), *room.glob("*")]
        assert [path for path in written if path.lstat().st_mode & 0o077] == []
        assert {path: path.stat().st_mode for path in home.parents} == above
    assert room == home / "postgres" or not room.exists()


def test_every_service_responds_on_loopback_and_nothing_is_left_running(home: Path) -> None:
    with start(home, *SMALL) as services:
        assert Services.read(home) == services
        addresses = [
            (services.postgres["host"], services.postgres["port"]),
            (services.redshift["host"], services.redshift["port"]),
            *(
                (url.removeprefix("http://").split(":")[0], int(url.rsplit(":", 1)[1]))
                for url in (
                    services.aws.endpoint_url,
                    services.ticketmaster["base_url"],
                    services.lastfm["base_url"],
                )
            ),
        ]
        for host, port in addresses:
            assert host == "127.0.0.1"
            socket.create_connection((host, port)).close()
        assert processes(home)
    assert not processes(home)
    assert not (home / "services.json").exists()
    for address in addresses:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


def test_a_home_has_one_set_of_services(home: Path) -> None:
    with start(home, *SMALL) as services:
        second = subprocess.run(
            [sys.executable, "-m", "sandbox.services", "--home", str(home)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert second.returncode != 0
        assert "already running" in second.stderr
        assert Services.read(home) == services


def test_a_failure_to_start_shows_its_reason_and_leaves_nothing(home: Path) -> None:
    with pytest.raises(RuntimeError, match="no venues in XX"), start(home, "--countries", "XX"):
        pass
    assert not processes(home)


def test_nothing_is_left_after_ctrl_c(spawned: subprocess.Popen[bytes], home: Path) -> None:
    spawned.send_signal(signal.SIGINT)
    assert becomes_true(lambda: not processes(home))


def test_nothing_is_left_when_the_parent_is_killed(spawned: subprocess.Popen[bytes], home: Path) -> None:
    spawned.kill()
    assert becomes_true(lambda: not processes(home))
    assert not (home / "services.json").exists()


def test_a_killed_run_ends_postgres_and_does_not_block_the_next(home: Path) -> None:
    with start(home, *SMALL) as services:
        os.kill(services.pid, signal.SIGKILL)
        if sys.platform == "linux":
            assert becomes_true(lambda: not [line for line in processes(home) if "postgres" in line])
    with start(home, *SMALL) as services:
        socket.create_connection((services.redshift["host"], services.redshift["port"])).close()
    assert not processes(home)


def test_airflow_can_read_the_connections(services: Services) -> None:
    from airflow.sdk import Connection

    for name, value in connection_environment(services).items():
        connection: Any = Connection.from_json(value, conn_id=name.removeprefix("AIRFLOW_CONN_").lower())
        assert connection.conn_type in ("http", "aws", "redshift")
        assert connection.password
        assert json.loads(connection.extra or "{}") == json.loads(value).get("extra", {})


def test_copy_works_even_if_access_to_a_parent_folder_is_removed(tmp_path: Path) -> None:
    """Every pytest session does that to pytest's folder. Started by root, PostgreSQL runs as another user."""
    import redshift_connector

    from include.lake.bucket import Bucket
    from include.lake.lake import Lake
    from include.warehouse.tables import create_tables
    from tests.support.snapshots import Artist, Concert, land_events, land_songs, publish_pending, star

    with start(tmp_path / "closed" / "home", *SMALL) as services:
        (tmp_path / "closed").chmod(0o700)
        s3 = services.aws.client("s3")
        s3.create_bucket(Bucket="lake")
        lake = Lake(Bucket(s3, "lake"))
        land_events(lake, "2026-11-22T060000Z", [Concert("e1", ["Abel"])])
        land_songs(lake, "2026-11-22T070000Z", [Artist("Abel")])
        with redshift_connector.connect(**services.redshift, ssl=False) as redshift:
            create_tables(redshift)
            publish_pending(redshift, lake)
            assert all(star(redshift).values())
