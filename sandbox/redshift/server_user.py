"""The user that PostgreSQL runs as, which is not root, and the folders that it can read.

Started by root, it runs as the system user `pgserver` (created if missing, as the wheel does), in a closed folder of
its own below /var/tmp, because that user may be unable to reach ours; the binaries are copied there if it cannot
reach them either. No permission of a folder or file is changed for it.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SHARED = Path("/var/tmp")


_INHERITED = {"PATH", "LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"}
"""The only environment variables passed on to the server: if our clock is faked, so is the server's."""


def room_of(folder: Path) -> Path:
    """Where the server's files are: in the folder, or, started by root, where the server's user can reach them."""
    if os.geteuid() != 0:
        return folder
    return _SHARED / f"musician-warehouse-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"


def system_user() -> str | None:
    """The user the server must run as, or None if it can run as the current user."""
    if os.geteuid() != 0:
        return None
    with _alone(_SHARED):  # two sandboxes may start at once on a machine that lacks the user
        try:
            pwd.getpwnam("pgserver")
        except KeyError:
            subprocess.run(["useradd", "--no-create-home", "pgserver"], check=True, capture_output=True)
    return "pgserver"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other process is in this context for the same folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_open(folder: Path) -> bool:
    """Whether every user of this machine can get to the folder and read what is in it."""
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents)) and all(
        path.stat().st_mode & 0o004 for path in folder.rglob("*")
    )


def copied(folder: Path, to: Path, user: str) -> Path:
    shutil.copytree(folder, to, symlinks=True)
    owner = pwd.getpwnam(user)
    for path in (to, *to.rglob("*")):
        os.lchown(path, owner.pw_uid, owner.pw_gid)
    return to


def as_server(folder: Path) -> dict[str, Any]:
    inherited = {name: value for name, value in os.environ.items() if name in _INHERITED}
    identity: dict[str, Any] = {"cwd": folder, "env": {**inherited, "LC_ALL": "C"}}
    if (user := system_user()) is not None:
        identity |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    return identity
