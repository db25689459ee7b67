"""The sandbox's services for one benchmark, and the pipeline's connections to them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import say
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from sandbox import services
from sandbox.connections import connection_environment
from sandbox.services import Services


@contextmanager
def sandbox(*options: str) -> Iterator[Services]:
    """Starts services of its own, and points this process's Airflow connections to them until the context ends."""
    with tempfile.TemporaryDirectory(prefix="musician-benchmark-") as folder:
        say(f"starting the sandbox {' '.join(options)}")
        with services.start(Path(folder) / "services", *options) as running, connected(running, Path(folder)):
            yield running


@contextmanager
def connected(running: Services, folder: Path) -> Iterator[None]:
    """Points this process's Airflow connections to the services until the context ends."""
    before = dict(os.environ)
    os.environ |= connection_environment(running) | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "GX_ANALYTICS_ENABLED": "false",
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def lake(running: Services, bucket: str) -> Lake:
    """A new, empty bucket of that name."""
    client = running.aws.client("s3")
    client.create_bucket(Bucket=bucket)
    return Lake(Bucket(client, bucket))
