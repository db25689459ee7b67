"""Ingestions killed with SIGKILL at random moments: the next try asks for the rest and lands the same."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from include.connections import SourceConnection
from include.lake import Lake
from include.settings import Settings
from sandbox import lastfm, ticketmaster
from sandbox.catalog import Catalog
from sandbox.services import Services
from tests import ingesting

RUN = "2026-11-22T060000Z"
SETTINGS = Settings(countries=("US", "GB"), artists_per_country=10, tracks_per_artist=10)
SOURCES = {"events": "ticketmaster", "songs": "lastfm"}
OUTCOME = ("lake/", "manifests/", "certificates/", "rejected/")
AT_ONCE = 40
"""More requests are never under way: five pages of each stretch, or all artists of the charts."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=3_000, countries=("US", "GB"), today=date(2026, 11, 22))


@asynccontextmanager
async def serving(catalog: Catalog, dataset: str) -> AsyncIterator[tuple[SourceConnection, str]]:
    """The stand-in of a dataset's source without limits: the connection, and the URL of its log."""
    if dataset == "events":
        application = ticketmaster.application(
            catalog, ticketmaster.TicketmasterOptions(requests_per_second=None, latency=0.02)
        )
    else:
        application = lastfm.application(
            catalog, lastfm.LastfmOptions(requests_per_second=None, latency=0.02)
        )
    server = TestServer(application)
    await server.start_server(access_log=None)
    try:
        url = f"http://127.0.0.1:{server.port}"
        yield SourceConnection(SOURCES[dataset], url, "sandbox-key", 100), f"{url}/sandbox/requests"
    finally:
        await server.close()


async def asked(log_url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(log_url) as answer:
        count: int = (await answer.json())["count"]
        return count


def outcome(lake: Lake) -> dict[str, bytes]:
    """What a run leaves for others, the bucket's name taken out."""
    return {
        key: lake.objects.get(key).replace(lake.bucket.encode(), b"bucket")
        for prefix in OUTCOME
        for key, _ in lake.objects.sizes(prefix)
    }


@dataclass(frozen=True)
class Undisturbed:
    requests: int
    seconds: float
    outcome: dict[str, bytes]


_undisturbed: dict[str, Undisturbed] = {}


async def undisturbed(catalog: Catalog, services: Services, s3: Any, dataset: str) -> Undisturbed:
    """A run that nobody kills, once per dataset."""
    if dataset not in _undisturbed:
        lake = Lake(s3, f"undisturbed-{dataset}")
        async with serving(catalog, dataset) as (connection, log_url):
            process, told = ingesting.start(dataset, connection, services.aws, lake.bucket, SETTINGS, RUN)
            await asyncio.to_thread(told.recv)
            begun = time.monotonic()
            assert await asyncio.to_thread(told.recv) == "done"
            seconds = time.monotonic() - begun
            await asyncio.to_thread(process.join)
            _undisturbed[dataset] = Undisturbed(await asked(log_url), seconds, outcome(lake))
    return _undisturbed[dataset]


@pytest.mark.parametrize(
    ("dataset", "seed"), [*(("events", seed) for seed in range(20)), *(("songs", seed) for seed in range(5))]
)
async def test_a_killed_run_asks_only_for_the_rest_and_lands_the_same_bytes(
    catalog: Catalog, services: Services, s3: Any, bucket: str, dataset: str, seed: int
) -> None:
    expected = await undisturbed(catalog, services, s3, dataset)
    lake = Lake(s3, bucket)
    async with serving(catalog, dataset) as (connection, log_url):
        process, told = ingesting.start(dataset, connection, services.aws, bucket, SETTINGS, RUN)
        await asyncio.to_thread(told.recv)
        await asyncio.sleep(random.Random(seed).uniform(0, expected.seconds))
        process.kill()
        await asyncio.to_thread(process.join)
        kept, before = len(lake.raw(dataset, RUN).names()), await asked(log_url)
        assert before - kept <= AT_ONCE

        process, told = ingesting.start(dataset, connection, services.aws, bucket, SETTINGS, RUN)
        assert [await asyncio.to_thread(told.recv) for _ in range(2)] == ["begun", "done"]
        await asyncio.to_thread(process.join)
        assert await asked(log_url) - before == expected.requests - kept
    assert outcome(lake) == expected.outcome
