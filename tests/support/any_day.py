"""Runs the suite as if it were another day: `make test-any-day`, which ARGS="--help" explains.

libfaketime moves the clock of every process of the suite by the same number of seconds: of pytest, and of the
PostgreSQL, the S3 and the stand-ins it starts. Left out are the end-to-end and browser tests.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("tests/end_to_end", "tests/browser")
LIBRARY = "usr/lib/*/faketime/libfaketimeMT.so.1"
SHARES = 16
"""How many shares `--share` splits the suite into: one takes less than four minutes on two cores."""


@dataclass(frozen=True)
class Moment:
    """An instant, or a distance from now, at which the suite starts, and the time zone of the machine."""

    at: datetime | timedelta
    zone: str = "UTC"

    def seconds_ahead(self, now: datetime) -> int:
        ahead = self.at if isinstance(self.at, timedelta) else self.at - now
        return round(ahead.total_seconds())


MOMENTS = {
    "in-a-day": Moment(timedelta(days=1)),
    "in-a-month": Moment(timedelta(days=31), "Pacific/Kiritimati"),
    "in-a-year": Moment(timedelta(days=366), "America/Los_Angeles"),
    "end-of-day": Moment(datetime(2027, 6, 15, 23, 59, 50, tzinfo=UTC)),
    "end-of-month": Moment(datetime(2027, 4, 30, 23, 59, 50, tzinfo=UTC), "Asia/Kolkata"),
    "end-of-year": Moment(datetime(2027, 12, 31, 23, 59, 50, tzinfo=UTC)),
    "leap-day": Moment(datetime(2028, 2, 29, 12, tzinfo=UTC), "Australia/Lord_Howe"),
    "end-of-leap-day": Moment(datetime(2028, 2, 29, 23, 59, 50, tzinfo=UTC)),
    "summer-time-begins": Moment(datetime(2027, 3, 28, 0, 59, 50, tzinfo=UTC), "Europe/Berlin"),
}


def environment(moment: Moment, library: Path) -> dict[str, str]:
    """The environment that moves the clock of a process, and of all processes it starts, to the moment."""
    return {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{moment.seconds_ahead(datetime.now(UTC)):+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": moment.zone,
        "PYTHONPATH": str(Path(__file__).parent / "moved_clock"),
    }


def share(commit: int) -> tuple[str, list[str]]:
    """A moment and every sixteenth test file: always the same for one commit, others for the next."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))
    tested = [name for name in files if not name.startswith(LEFT_OUT)]
    return list(MOMENTS)[commit % len(MOMENTS)], tested[commit // len(MOMENTS) % SHARES :: SHARES]


def _commit() -> int:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return int(done.stdout.strip() or "0", 16)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.any_day", description=__doc__, epilog="Other options are pytest's."
    )
    parser.add_argument("--moment", choices=MOMENTS, help="only this moment; by default every one in turn")
    parser.add_argument(
        "--share", action="store_true", help="one moment and a part of the suite, by the commit"
    )
    given, options = parser.parse_known_args(arguments)
    library = next(Path("/").glob(LIBRARY), None)
    if library is None:
        sys.exit(
            f"There is no /{LIBRARY}: install libfaketime (on Debian and Ubuntu: apt-get install faketime)."
        )
    moments: list[str] = [given.moment] if given.moment else list(MOMENTS)
    tests: list[str] = []
    if given.share:
        moment, tests = share(_commit())
        moments = [given.moment or moment]
    failed = []
    for name in moments:
        moved = environment(MOMENTS[name], library)
        print(f"== {name}: FAKETIME={moved['FAKETIME']} TZ={moved['TZ']} {' '.join(tests)}", flush=True)
        started = time.monotonic()
        ignored = [f"--ignore={folder}" for folder in LEFT_OUT]
        command = [sys.executable, "-m", "pytest", "--numprocesses=2", *ignored, *options, *tests]
        code = subprocess.call(command, cwd=ROOT, env=moved)
        print(
            f"== {name}: {'failed' if code else 'passed'} in {time.monotonic() - started:.0f} s", flush=True
        )
        failed += [name] if code else []
    if failed:
        sys.exit(
            f"Failed at: {', '.join(failed)}. To repeat one: make test-any-day ARGS='--moment {failed[0]}'"
        )


if __name__ == "__main__":
    main()
