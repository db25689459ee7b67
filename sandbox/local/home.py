"""The sandbox's home: one folder that holds everything it writes, and belongs to one sandbox at a time."""

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
    """Another sandbox runs in this home; `owner` says which."""

    def __init__(self, owner: "Owner | None") -> None:
        super().__init__(f"another sandbox runs in this home: {owner}")
        self.owner = owner


@dataclass
class Owner:
    """Who holds a home: the process, and whether it is a `run` or an `up`."""

    pid: int
    command: str
    ready: bool = False
    """Whether its services and its Airflow have started."""


@contextlib.contextmanager
def held(home: Path, command: str) -> Iterator[Owner]:
    """Makes this process the owner of the home, and the home empty.

    What a killed owner left running is ended first. The lock is the kernel's, so it cannot outlive its
    process. Raises `HomeTaken`.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeTaken(owner(home)) from None
        _end_leftover(home)
        for path in home.iterdir():
            if path.name not in (_LOCK, KEEPER_LOG):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        holder = Owner(os.getpid(), command)
        note(home, holder)
        try:
            yield holder
        finally:
            lock.truncate(0)


def _end_leftover(home: Path) -> None:
    """Ends what an owner who was killed has left running."""
    airflow.stop(home)
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, psutil.NoSuchProcess):
        process = psutil.Process(Services.read(home).pid)
        if "sandbox.services" in process.cmdline():
            process.terminate()
            process.wait(20)


def note(home: Path, holder: Owner) -> None:
    """Writes down who holds the home, for the others."""
    (home / _LOCK).write_text(json.dumps(asdict(holder)))


def owner(home: Path) -> Owner | None:
    """Who holds the home now, or None."""
    path = home / _LOCK
    if not path.exists():
        return None
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            with contextlib.suppress(ValueError):  # it has only just taken it
                return Owner(**json.loads(path.read_text()))
            return Owner(0, "run")
