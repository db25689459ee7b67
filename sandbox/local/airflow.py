"""A real Airflow on this machine: `airflow standalone` with LocalExecutor and metadata in PostgreSQL.

Everything it writes is in the sandbox's home, it listens on 127.0.0.1 only, and stopping it ends every
process it started, running tasks included.
"""

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from sandbox.local.airflow_client import AirflowClient
from sandbox.local.airflow_environment import environment
from sandbox.services import Services

START_SECONDS = 600  # it takes 15 s, but much longer on a busy machine


class AirflowNotStarted(Exception):
    """Airflow did not start; the message says where its log is."""


@dataclass(frozen=True)
class Airflow:
    """A running Airflow. `pid` is the leader of its processes' session, started at `since` (epoch)."""

    pid: int
    since: float
    url: str
    password: str
    """Of the user `admin`."""

    @classmethod
    def read(cls, home: Path) -> "Airflow":
        """The Airflow that was started in this home. Raises `FileNotFoundError` if none was."""
        return cls(**json.loads(_state(home).read_text()))

    def client(self) -> AirflowClient:
        return AirflowClient(self.url, "admin", self.password)

    def is_running(self) -> bool:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return bool(
                abs(process.create_time() - self.since) < 1 and process.status() != psutil.STATUS_ZOMBIE
            )
        return False


@contextmanager
def start(home: Path, services: Services, port: int | None = None) -> Iterator[Airflow]:
    """Starts Airflow, yields it once its own API responds, and stops it at the end.

    Listens on `port` if that is free, otherwise on any free port. Raises `AirflowNotStarted`.
    """
    for folder in (home / "airflow" / "bin", home / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
    airflow = _spawn(home, services, port if port and _is_free(port) else _free_port())
    try:
        while not _responds(home, airflow):
            # Another program took the port after we had checked it: choose another.
            _end_session(airflow)
            airflow = _spawn(home, services, _free_port())
        yield airflow
    finally:
        stop(home)


def stop(home: Path) -> bool:
    """Ends this home's Airflow, by force after a second. False if there was none."""
    with suppress(FileNotFoundError, ValueError, TypeError):  # the state file may be of another version
        _end_session(Airflow.read(home))
        _state(home).unlink()
        return True
    return False


def _spawn(home: Path, services: Services, port: int) -> Airflow:
    url = f"http://127.0.0.1:{port}"
    password = secrets.token_urlsafe(9)
    passwords = home / "airflow" / "simple_auth_manager_passwords.json.generated"
    passwords.write_text(json.dumps({"admin": password}))
    passwords.chmod(0o600)
    command = _command(home)
    with (home / "logs" / "airflow.log").open("wb") as log:
        process = subprocess.Popen(
            [command, "standalone"],
            env=environment(home, services, url),
            cwd=home / "airflow",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    airflow = Airflow(process.pid, psutil.Process(process.pid).create_time(), url, password)
    state = _state(home)
    state.touch(mode=0o600)
    state.write_text(json.dumps(asdict(airflow)))
    return airflow


def _command(home: Path) -> Path:
    """A wrapper named `airflow`, first on the path, with which standalone starts its components.

    It disables their log servers, which would listen on all interfaces at fixed ports; the API server reads
    the logs from disk. The triggerer has nothing to do here, so it gets a low priority.
    """
    real = shlex.quote(str(Path(sys.executable).with_name("airflow")))
    command = home / "airflow" / "bin" / "airflow"
    command.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        f'scheduler) exec {real} "$@" --skip-serve-logs ;;\n'
        f'triggerer) exec nice -n 19 {real} "$@" --skip-serve-logs ;;\n'
        f'*) exec {real} "$@" ;;\n'
        "esac\n"
    )
    command.chmod(0o700)
    return command


def _responds(home: Path, airflow: Airflow) -> bool:
    """Waits until this Airflow's API accepts our login. False if its port turned out to be taken."""
    log = home / "logs" / "airflow.log"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if airflow.client().is_healthy():
            return True
        if "address already in use" in log.read_text(errors="replace"):
            return False
        if not airflow.is_running():
            raise AirflowNotStarted(f"`airflow standalone` ended while it was starting. Its log: {log}")
        time.sleep(0.25)
    raise AirflowNotStarted(f"Airflow's API did not respond within {START_SECONDS} seconds. Its log: {log}")


def _end_session(airflow: Airflow) -> None:
    """Ends every process of Airflow's session. Task processes have groups of their own, but not sessions."""
    with suppress(psutil.NoSuchProcess):
        if abs(psutil.Process(airflow.pid).create_time() - airflow.since) >= 1:
            return  # the id belongs to another process by now, so nothing of the session is left
    for sign, seconds in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + seconds
        members = _session(airflow.pid)
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(sign)
        while members and time.monotonic() < deadline:
            time.sleep(0.05)
            members = _session(airflow.pid)
        if not members:
            return


def _session(leader: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _state(home: Path) -> Path:
    return home / "airflow.json"
