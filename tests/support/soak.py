"""Random histories, as many as you like: python -m tests.support.soak --seeds 0-199

Compares the warehouse with the model after every publish, and at the end with a rebuild. Prints the smallest
seed that fails, with its history reduced to as few steps, concerts and artists as still fail.
"""

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import redshift_connector

from include.lake.lake import Lake
from include.warehouse.tables import create_tables
from sandbox.services import start
from tests.support.histories import Land, Step, history
from tests.support.replay import RememberingBucket, Replay

Attempt = Callable[[Sequence[Step]], int]
"""Replays a history in a lake of its own and returns the number of publishes."""


@contextmanager
def warehouse() -> Iterator[Attempt]:
    """A warehouse with tables; yields a function that replays a history in it."""
    with (
        tempfile.TemporaryDirectory(prefix="musician-warehouse-") as folder,
        start(Path(folder) / "services", "--concerts", "1") as services,
        redshift_connector.connect(**services.redshift, ssl=False) as connection,
    ):
        create_tables(connection)
        yield lambda steps: tell(connection, services.aws.client("s3"), steps)


def tell(connection: Any, s3: Any, steps: Sequence[Step]) -> int:
    """Replays a history in a lake of its own and returns the number of publishes compared."""
    name = f"soak-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return Replay(connection, Lake(RememberingBucket(s3, name))).tell(steps)


def failure(attempt: Attempt, steps: Sequence[Step]) -> str | None:
    """What goes wrong in a history; None if nothing does."""
    try:
        attempt(steps)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def reduced(attempt: Attempt, steps: Sequence[Step], tries: int = 250) -> list[Step]:
    """A shorter history that still fails: without the steps and rows that it does not need."""
    kept, left = list(steps), tries

    def fails(shorter: list[Step]) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and failure(attempt, shorter) is not None

    size = max(1, len(kept) // 2)
    while size:
        start = 0
        while start < len(kept):
            shorter = kept[:start] + kept[start + size :]
            if fails(shorter):
                kept = shorter
            else:
                start += size
        size //= 2
    for column in ("event_id", "artist_key"):
        rows = [row for step in kept if isinstance(step, Land) for row in step.landed.rows]
        for value in sorted({row[column] for row in rows if row.get(column)}):
            shorter = [_without(step, column, value) for step in kept]
            if fails(shorter):
                kept = shorter
    return kept


def _without(step: Step, column: str, value: str) -> Step:
    if not isinstance(step, Land):
        return step
    rows = tuple(row for row in step.landed.rows if row.get(column) != value)
    return replace(step, landed=replace(step.landed, rows=rows or step.landed.rows))


def main() -> int:
    """Runs the seeds; returns 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.soak", description=__doc__)
    parser.add_argument("--seeds", default="0-199", metavar="FIRST-LAST", help="by default 0-199")
    parser.add_argument("--keep-going", action="store_true", help="run all seeds, and reduce nothing")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    began, histories, publishes, failed = time.monotonic(), 0, 0, 0
    with warehouse() as attempt:
        for seed in range(int(first), int(last or first) + 1):
            steps = history(seed)
            histories += 1
            try:
                publishes += attempt(steps)
                if histories % 10 == 0:
                    print(f"{histories} histories, {publishes} publishes, {failed} failed", flush=True)
                continue
            except Exception as error:
                failed += 1
                print(f"seed {seed} fails: {type(error).__name__}: {error}", flush=True)
            if not options.keep_going:
                shorter = reduced(attempt, steps)
                print(f"Reduced from {len(steps)} steps to {len(shorter)}:")
                print(*(f"  {step}" for step in shorter), sep="\n")
                print(failure(attempt, shorter))
                break
    seconds = time.monotonic() - began
    print(f"{histories} histories, {publishes} publishes compared, {failed} failed, {seconds:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
