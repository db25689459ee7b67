"""One crawl, fetched and landed in a process of its own, so that its peak memory can be measured.

    python -m benchmarks.crawl_process BUCKET RUN     reads the services from standard input, as JSON

Prints requests, events and peak memory in bytes, as JSON.
"""

import json
import logging
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from benchmarks.timed_crawl import SETTINGS, crawl
from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from sandbox.services import Services


@dataclass(frozen=True, slots=True)
class OneCrawl:
    """What the process reports."""

    requests: int
    pages: int
    events: int
    peak_bytes: int


def in_own_process(running: Services, bucket: str, run: str) -> OneCrawl:
    """Fetches and lands a run as fast as the stand-in responds. Its log goes to standard error."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.crawl_process", bucket, run],
        input=json.dumps(asdict(running)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return OneCrawl(**json.loads(process.stdout))


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="           %(message)s", stream=sys.stderr)
    bucket, run = sys.argv[1:]
    running = msgspec.json.decode(sys.stdin.read(), type=Services)
    lake = Lake(Bucket(running.aws.client("s3"), bucket))
    done = crawl(running, lake, run, requests_per_second=1_000)
    landed = land(EVENTS, lake, run, SETTINGS)
    json.dump(asdict(OneCrawl(done.requests, done.pages, landed.records, _peak_bytes())), sys.stdout)


def _peak_bytes() -> int:
    """The peak memory of this program; getrusage would include the parent's memory before the exec."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes where there is no /proc
    [line] = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
