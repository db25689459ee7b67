"""Runs: a run is one observation of a source, named by the instant at which it began to look."""

import re
from datetime import UTC, datetime, timedelta

_FORMAT = "%Y-%m-%dT%H%M%SZ"
_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{6}Z")
_FIRST_YEAR = 2000
"""Neither source is that old; and a later year leaves room for every time zone's offset."""

_CLOCKS_DIFFER = timedelta(minutes=15)
"""When clocks differ by more, S3 rejects requests (RequestTimeTooSkewed)."""


def run_id(instant: datetime) -> str:
    """The name of the run that began at this instant, such as 2026-11-22T060000Z."""
    return instant.astimezone(UTC).strftime(_FORMAT)


def run_instant(run: str) -> datetime:
    """The instant in a run's name, in UTC. Raises `ValueError` if it is not the name of a run."""
    try:
        if _SHAPE.fullmatch(run) and int(run[:4]) >= _FIRST_YEAR:
            return datetime.strptime(run, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise ValueError(f"{run!r} is not a run: a run has a name like 2026-11-22T060000Z")


def is_run(text: str) -> bool:
    """Whether this is the name of a run."""
    try:
        run_instant(text)
    except ValueError:
        return False
    return True


def is_in_future(run: str, now: datetime) -> bool:
    """Whether a run is dated later than any clock could be that S3 accepts now."""
    return run_instant(run) > now + _CLOCKS_DIFFER
