"""Ingestions killed with SIGKILL at random moments: the next try requests the rest and lands the same bytes."""

import asyncio
import random
import time
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from include.lake.bucket import Bucket
from include.lake.lake import Begun, Lake
from include.settings import Settings
from sandbox.services import Services
from sandbox.world.catalog import Catalog
from tests.support import ingesting
from tests.support.stand_ins import api, objects, table

RUN = "2026-11-22T060000Z"
SETTINGS = Settings(countries=("US", "GB"), artists_per_country=10, tracks_per_artist=10)
SOURCES = {"events": "ticketmaster", "songs": "lastfm"}
OUTCOME = ("lake/", "manifests/", "certificates/", "rejected/")
KILLS = 5
AT_ONCE = 40
"""The most requests in flight at a time: five pages of each stretch, or all artists of the charts."""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=3_000, countries=("US", "GB"), today=date(2026, 11, 22))


@dataclass(frozen=True)
class Undisturbed:
    requests: int
    seconds: float
    lake: Lake
    objects: dict[str, bytes]


_undisturbed: dict[str, Undisturbed] = {}


async def undisturbed(catalog: Catalog, services: Services, s3: Any, dataset: str) -> Undisturbed:
    """A run that is not killed, once per dataset."""
    if dataset not in _undisturbed:
        lake = Lake(Bucket(s3, f"undisturbed-{dataset}"))
        async with api(SOURCES[dataset], catalog, latency=0.02) as source:
            connection = replace(source.connection, requests_per_second=100)
            process, told = ingesting.start(
                dataset, connection, services.aws, lake.bucket.name, SETTINGS, RUN
            )
            await asyncio.to_thread(told.recv)
            begun = time.monotonic()
            assert await asyncio.to_thread(told.recv) == "done"
            seconds = time.monotonic() - begun
            await asyncio.to_thread(process.join)
            requests = len(await source.requests())
            _undisturbed[dataset] = Undisturbed(requests, seconds, lake, objects(lake, *OUTCOME))
    return _undisturbed[dataset]


def rows_of(lake: Lake, dataset: str, run: str) -> set[str]:
    """The rows of a run, without its instant."""
    return {repr({**row, "snapshot_at": None}) for row in table(lake, dataset, run)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dataset", SOURCES)
async def test_a_run_killed_five_times_requests_only_the_rest_and_lands_the_same_bytes(
    catalog: Catalog, services: Services, s3: Any, bucket: str, dataset: str, seed: int
) -> None:
    expected = await undisturbed(catalog, services, s3, dataset)
    lake = Lake(Bucket(s3, bucket))
    moments = random.Random(seed)
    kept = sent = 0
    async with api(SOURCES[dataset], catalog, latency=0.02) as source:
        connection = replace(source.connection, requests_per_second=100)
        for _ in range(KILLS):
            process, told = ingesting.start(dataset, connection, services.aws, bucket, SETTINGS, RUN)
            await asyncio.to_thread(told.recv)
            await asyncio.sleep(moments.uniform(0, expected.seconds / 2))
            process.kill()
            await asyncio.to_thread(process.join)
            lost = sent - kept
            begun = lake.begun(dataset, RUN)
            kept = len(lake.raw(dataset, begun.run).names()) if begun else 0
            sent = len(await source.requests())
            assert (sent - kept) - lost <= AT_ONCE

        process, told = ingesting.start(dataset, connection, services.aws, bucket, SETTINGS, RUN)
        assert [await asyncio.to_thread(told.recv) for _ in range(2)] == ["begun", "done"]
        await asyncio.to_thread(process.join)
        assert len(await source.requests()) - sent == expected.requests - kept
    [landed] = lake.manifests(dataset)
    if landed == RUN:
        assert objects(lake, *OUTCOME) == expected.objects
    else:  # killed before it could note its run: the next try begins one of its own, a second later
        assert lake.begun(dataset, RUN) == Begun(landed)
        assert not lake.raw(dataset, RUN).names()
        assert rows_of(lake, dataset, landed) == rows_of(expected.lake, dataset, RUN)
