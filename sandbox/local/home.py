"""The sandbox's home: a folder for everything it writes, used by one sandbox at a time."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from sandbox.local import airflow
from sandbox.services import Services

_LOCK = "sandbox.lock"
KEEPER_LOG = "keeper.log"


class HomeTaken(Exception):
    """Another sandbox is running in this home; `owner` says which."""

    def __init__(self, owner: "Owner | None") -> None:
        super().__init__(f"another sandbox is running in this home: {owner}")
        self.owner = owner


@dataclass
class Owner:
    """The process that uses a home, and the command it was started with."""

    pid: int
    command: str
    ready: bool = False
    """Whether its services and its Airflow have started."""


@contextlib.contextmanager
def locked(home: Path, command: str) -> Iterator[Owner]:
    """Makes this process the owner of the home, and empties it.

    Ends whatever a killed owner left running. The lock is the kernel's, so it cannot outlive the process.
    Raises `HomeTaken`.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.chmod(0o700)  # it may have been there
    with (home / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeTaken(owner(home)) from None
        _end_leftover(home)
        for path in home.iterdir():
            if path.name not in (_LOCK, KEEPER_LOG):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        this = Owner(os.getpid(), command)
        write_owner(home, this)
        try:
            yield this
        finally:
            lock.truncate(0)


def _end_leftover(home: Path) -> None:
    """Ends whatever a killed owner left running."""
    airflow.stop(home)
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, psutil.NoSuchProcess):
        process = psutil.Process(Services.read(home).pid)
        if "sandbox.services" in process.cmdline():
            process.terminate()
            process.wait(20)


def write_owner(home: Path, owner: Owner) -> None:
    """Records the owner of the home for other processes."""
    (home / _LOCK).write_text(json.dumps(asdict(owner)))


def owner(home: Path) -> Owner | None:
    """The current owner of the home, or None."""
    path = home / _LOCK
    if not path.exists():
        return None
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            with contextlib.suppress(ValueError):  # locked a moment ago, and not recorded yet
                return Owner(**json.loads(path.read_text()))
            return Owner(0, "run")
