"""Everything outside the pipeline, on this machine, in one process: PostgreSQL, Redshift, AWS and both APIs.

    python -m sandbox.services --home DIR [--parent PID] [options of the stand-ins]

listens on free ports of 127.0.0.1 and, once every service is up, writes DIR/services.json. SIGTERM, SIGINT,
a failure, or the end of process PID stops everything and removes the file. From Python: `start`.
"""

import argparse
import contextlib
import fcntl
import importlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import msgspec
import psutil

from sandbox import aws
from sandbox.aws import Aws
from sandbox.redshift import postgres

_FILE = "services.json"
_LOG = "services.log"
_START_SECONDS = 300  # they take 2 s, but much longer on a busy machine


@dataclass(frozen=True)
class Services:
    """Where each service listens and how to log in: the content of services.json."""

    pid: int
    postgres: dict[str, Any]
    """host, port, user, password, airflow_database: Airflow's metadata."""
    redshift: dict[str, Any]
    """host, port, database, user, password."""
    aws: Aws
    ticketmaster: dict[str, Any]
    """base_url, key."""
    lastfm: dict[str, Any]
    """base_url, key."""

    @classmethod
    def read(cls, home: Path) -> Self:
        """The services running in this home. Raises `FileNotFoundError` if there are none."""
        return msgspec.json.decode((home / _FILE).read_bytes(), type=cls)


@contextlib.contextmanager
def start(home: Path, *options: str) -> Iterator[Services]:
    """Runs the services in a separate process until the context ends.

    Raises `RuntimeError` with the end of their log if they do not start.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / _FILE).unlink(missing_ok=True)
    command = [sys.executable, "-m", "sandbox.services", "--home", str(home), "--parent", str(os.getpid())]
    (home / _LOG).touch(mode=0o600)
    with (home / _LOG).open("wb") as log:
        process = subprocess.Popen(
            [*command, *options],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C must reach only the parent, which stops the services last
        )
    try:
        give_up = time.monotonic() + _START_SECONDS
        while not (home / _FILE).exists():
            if process.poll() is not None or time.monotonic() > give_up:
                end = (home / _LOG).read_text(errors="replace")[-2000:].strip()
                raise RuntimeError(f"The sandbox's services did not start; {home / _LOG} ends:\n{end}")
            time.sleep(0.02)
        yield Services.read(home)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    asked = sys.argv[1:] if arguments is None else arguments
    stand_ins = []
    if {"-h", "--help"}.intersection(asked):
        from sandbox import apis  # takes a second to import

        stand_ins = [apis.parser()]
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.services", description=__doc__, parents=stand_ins
    )
    parser.add_argument("--home", type=Path, required=True, help="the folder for everything it writes")
    parser.add_argument("--parent", type=int, help="stop when the process with this id is gone")
    parser.add_argument("--s3-latency", type=float, default=0, help="seconds added to each request to AWS")
    parser.add_argument(
        "--statement-latency", type=float, default=0, help="seconds added to each SQL statement"
    )
    given, options = parser.parse_known_args(asked)
    os.umask(0o077)  # nobody else may read what we write
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's log of every request
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, _stop)
    with _running(given.home.resolve(), options, given.s3_latency, given.statement_latency):
        while given.parent is None or _is_alive(given.parent):
            time.sleep(0.5)


def _stop(signum: int, _frame: object) -> NoReturn:
    for other in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # nothing may interrupt the shutdown
    sys.exit(0)


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def _running(
    home: Path, options: Sequence[str], s3_latency: float = 0, statement_latency: float = 0
) -> Iterator[Services]:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    # moto takes long to import, so that happens while PostgreSQL starts.
    threading.Thread(target=importlib.import_module, args=("moto.server",), daemon=True).start()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked(home))
        server = stack.enter_context(postgres.running(home / "postgres", secrets.token_urlsafe()))
        passwords = {database: secrets.token_urlsafe() for database in ("airflow", "musician")}
        for database, password in passwords.items():
            server.create_database(database, password)
        cloud = stack.enter_context(aws.running(s3_latency))
        from sandbox import apis
        from sandbox.redshift import proxy as redshift
        from sandbox.redshift.copy_objects import Loader

        redshift.install(server, "musician")
        loader = Loader(cloud.client("s3"), server.readable_folder("copy"))
        proxy_port = stack.enter_context(redshift.running(server, loader, statement_latency))
        addresses = stack.enter_context(apis.running(options))
        services = Services(
            pid=os.getpid(),
            postgres={
                "host": postgres.HOST,
                "port": server.port,
                "user": "airflow",
                "password": passwords["airflow"],
                "airflow_database": "airflow",
            },
            redshift={
                "host": postgres.HOST,
                "port": proxy_port,
                "database": "musician",
                "user": "musician",
                "password": passwords["musician"],
            },
            aws=cloud,
            **addresses,
        )
        written = home / f"{_FILE}.new"
        written.touch(mode=0o600)
        written.write_text(json.dumps(asdict(services), indent=2))
        written.replace(home / _FILE)
        try:
            yield services
        finally:
            (home / _FILE).unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Locks the home for this process; the kernel releases the lock when the process ends."""
    with (home / "services.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"Services are already running in {home}: use them, stop them, or choose another --home."
            ) from None
        yield


if __name__ == "__main__":
    main()
