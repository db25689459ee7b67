"""A separate process that fetches and lands one run, to be killed."""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from include.ingestion import fetch as fetching
from include.ingestion.dataset import Dataset
from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.ingestion.songs import SONGS
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from include.sources.client.messages import Backoff
from sandbox.aws import Aws

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__, "boto3", "pandas"])  # pyarrow imports pandas
DATASETS = {"events": EVENTS, "songs": SONGS}


async def fetch(
    dataset: Dataset[Any],
    lake: Lake,
    connection: SourceConnection,
    settings: Settings,
    run: str,
    asked_again: int = 0,
) -> fetching.Fetched:
    """One try of a DAG run with the run's name, at the run's instant."""
    now = run_instant(run)
    return await fetching.fetch(dataset, lake, connection, settings, run, now, asked_again)


def start(
    dataset: str, connection: SourceConnection, aws: Aws, bucket: str, settings: Settings, run: str
) -> tuple[BaseProcess, Connection]:
    """The process, and a connection that reports when it begins and when it has finished."""
    ours, theirs = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(
        target=_ingest, args=(theirs, dataset, connection, aws, bucket, settings, run), daemon=True
    )
    process.start()
    theirs.close()
    return process, ours


def _ingest(
    told: Connection,
    dataset: str,
    connection: SourceConnection,
    aws: Aws,
    bucket: str,
    settings: Settings,
    run: str,
) -> None:
    lake = Lake(Bucket(aws.client("s3"), bucket))
    fetching.BACKOFF = Backoff(tries=4, first=0.01, longest=0.1)
    told.send("begun")
    fetched = asyncio.run(fetch(DATASETS[dataset], lake, connection, settings, run))
    land(DATASETS[dataset], lake, fetched.run, settings)
    told.send("done")
