"""Random histories, as many as you like: python -m tests.support.soak --seeds 0-199

Compares the warehouse with the model after every publish, and at the end with a rebuild. Prints the smallest
seed that fails, with its history reduced to as few steps, concerts and artists as still fail. With --crawls: crawls
of two days instead, whose certificates are compared with what the stand-in has.
"""

import argparse
import asyncio
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
from tests.support.two_days import wrong

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
    """Checks the seeds; returns 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.soak", description=__doc__)
    parser.add_argument("--seeds", default="0-199", metavar="FIRST-LAST", help="by default 0-199")
    parser.add_argument("--keep-going", action="store_true", help="run all seeds, and reduce nothing")
    parser.add_argument("--crawls", action="store_true", help="crawl two days for each seed instead")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    return crawl_two_days(seeds) if options.crawls else replay(seeds, options.keep_going)


def crawl_two_days(seeds: Sequence[int]) -> int:
    """Prints every seed that fails; returns 1 if one does."""
    began, failed = time.monotonic(), 0
    for done, seed in enumerate(seeds, 1):
        if (what := asyncio.run(wrong(seed))) is not None:
            failed += 1
            print(f"seed {seed} fails: {what}", flush=True)
        if done % 10 == 0 or done == len(seeds):
            print(f"{done} seeds, {failed} failed, {time.monotonic() - began:.0f} s", flush=True)
    return int(failed > 0)


def replay(seeds: Sequence[int], keep_going: bool) -> int:
    """Replays the history of every seed; returns 1 if one fails."""
    began, histories, publishes, failed = time.monotonic(), 0, 0, 0
    with warehouse() as attempt:
        for seed in seeds:
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
            if not keep_going:
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
