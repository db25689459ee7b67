"""Events normalised and written by one core, compared with merely reading the same responses.

The baseline fetches the same objects from the same S3, unzips them and decodes their JSON. The two alternate in
one process, which is pinned to one core.
"""

import gzip
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import msgspec

from benchmarks.figures import Figure, say
from benchmarks.sandboxed import lake, sandbox
from benchmarks.timed_crawl import COUNTRIES, SETTINGS, UNLIMITED, crawl, run_of
from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from sandbox.services import Services

RECORDS = 23_000
ROUNDS = 3


def measure(quick: bool) -> list[Figure]:
    """Events per second of both."""
    events = RECORDS // 10 if quick else RECORDS
    with sandbox(
        *("--concerts", str(events), "--countries", ",".join(COUNTRIES)),
        *("--ticketmaster", json.dumps(UNLIMITED)),
    ) as running:
        done = crawl(running, lake(running, "benchmark"), run_of(0), requests_per_second=1_000)
        say(f"{done}; landing it {ROUNDS} times")
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed", "benchmark", run_of(0)],
            input=json.dumps(asdict(running)),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    landed, floor = json.loads(process.stdout)
    return [
        Figure(
            "events landed by one core",
            done.events / landed,
            done.events / floor,
            "/s",
            "only fetched and decoded",
            at_least=0.5,
        )
    ]


def main() -> None:
    """Times landing and the baseline; reads the services from standard input."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    bucket, run = sys.argv[1:]
    running = msgspec.json.decode(sys.stdin.read(), type=Services)
    lake = Lake(Bucket(running.aws.client("s3"), bucket))
    logging.basicConfig(level=logging.INFO, format="           %(message)s", stream=sys.stderr)
    landing, floor = [], []
    for _ in range(ROUNDS):
        floor.append(_seconds(lambda: _fetch_and_decode(lake, run)))
        landing.append(_seconds(lambda: land(EVENTS, lake, run, SETTINGS, again=True)))
    json.dump([statistics.median(landing), statistics.median(floor)], sys.stdout)


def _fetch_and_decode(lake: Lake, run: str) -> None:
    prefix = f"raw/events/{run}/"
    for page in lake.bucket.s3.get_paginator("list_objects_v2").paginate(
        Bucket=lake.bucket.name, Prefix=prefix
    ):
        for entry in page["Contents"]:
            body = lake.bucket.get(entry["Key"])
            msgspec.json.decode(gzip.decompress(body) if entry["Key"].endswith(".gz") else body)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
