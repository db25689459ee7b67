"""The stand-ins for both APIs, for tests that change their options; and what a run left in the lake."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pyarrow.parquet as pq
from aiohttp.test_utils import TestServer

from include.lake.lake import Lake
from include.lake.parts import opened
from include.sources.client.connection import SourceConnection
from sandbox.lastfm import api as lastfm
from sandbox.lastfm.options import LastfmOptions
from sandbox.ticketmaster import api as ticketmaster
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.world.catalog import Catalog


@dataclass
class Api:
    """A running stand-in."""

    connection: SourceConnection
    server: TestServer

    async def requests(self) -> list[dict[str, Any]]:
        url = self.server.make_url("/sandbox/requests")
        async with aiohttp.ClientSession() as session, session.get(url) as got:
            found: list[dict[str, Any]] = (await got.json())["requests"]
            return found

    async def change(self, **options: Any) -> None:
        """Changes options while it is running; its counters are kept."""
        url = self.server.make_url("/sandbox/options")
        async with aiohttp.ClientSession() as session, session.post(url, json=options) as got:
            assert got.status == 200, await got.text()


@asynccontextmanager
async def api(source: str, catalog: Catalog, **options: Any) -> AsyncIterator[Api]:
    """The stand-in for `ticketmaster` or `lastfm`, without rate limits unless `options` set them."""
    module, kind = {
        "ticketmaster": (ticketmaster, TicketmasterOptions),
        "lastfm": (lastfm, LastfmOptions),
    }[source]
    chosen = kind(**{"requests_per_second": None, **options})  # type: ignore[arg-type]
    server = TestServer(module.application(catalog, chosen))  # type: ignore[arg-type]
    await server.start_server(access_log=None)
    try:
        url = f"http://127.0.0.1:{server.port}"
        yield Api(SourceConnection(source, url, chosen.key, requests_per_second=1_000), server)
    finally:
        await server.close()


def objects(lake: Lake, *prefixes: str) -> dict[str, bytes]:
    """The objects under these prefixes, with the bucket's name removed from their content."""
    return {
        key: lake.bucket.get(key).replace(lake.bucket.name.encode(), b"bucket")
        for prefix in prefixes
        for key, _ in lake.bucket.sizes(prefix)
    }


def table(lake: Lake, dataset: str, run: str) -> list[dict[str, Any]]:
    """The rows of a landed run."""
    rows = []
    for part in lake.manifest(dataset, run).parts:
        with opened(lake, part) as file:
            rows += pq.read_table(file, coerce_int96_timestamp_unit="us").to_pylist()
    return rows
