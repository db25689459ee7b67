"""A process of its own that fetches and lands one run, to be killed."""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from include.ingestion import fetch as fetching
from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.ingestion.songs import SONGS
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from include.sources.client.http import Backoff

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__, "boto3", "pandas"])  # pyarrow imports pandas
DATASETS = {"events": EVENTS, "songs": SONGS}


def start(
    dataset: str, connection: SourceConnection, aws: dict[str, Any], bucket: str, settings: Settings, run: str
) -> tuple[BaseProcess, Connection]:
    """The process, and a connection that tells when it begins and when it is done."""
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
    aws: dict[str, Any],
    bucket: str,
    settings: Settings,
    run: str,
) -> None:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=aws["endpoint_url"],
        region_name=aws["region_name"],
        aws_access_key_id=aws["access_key_id"],
        aws_secret_access_key=aws["secret_access_key"],
    )
    lake = Lake(Bucket(client, bucket))
    fetching.BACKOFF = Backoff(tries=4, first=0.01, longest=0.1)
    told.send("begun")
    asyncio.run(fetching.fetch(DATASETS[dataset], lake, connection, settings, run))
    land(DATASETS[dataset], lake, run, settings)
    told.send("done")
