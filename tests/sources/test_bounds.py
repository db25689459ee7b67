"""How much memory a response can cost, measured in a process of its own."""

import asyncio
import sys
from datetime import date
from typing import Any

import pytest

from sandbox.gateway import Fault
from sandbox.world.catalog import Catalog
from tests.support.stand_ins import api

MOST = 400_000_000
ASK = """
import asyncio, resource, sys
from include.errors import UnexpectedPayload
from include.sources.client.http import Backoff, Client, Request
from include.sources.ticketmaster.search import read

async def ask(url, key):
    client = Client("ticketmaster", url, "apikey", key, 1_000, Backoff(2, 0.001, 0.001))
    async with client, client.get(Request("page", "/discovery/v2/events.json", {"size": "1"}), read):
        pass

try:
    asyncio.run(ask(*sys.argv[1:]))
except UnexpectedPayload as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.parametrize(
    ("kind", "message"),
    [("endless", "more than 32 MB"), ("gzip_bomb", "more than 32 MB"), ("nested", "JSON nested more than")],
)
async def test_a_response_beyond_all_bounds_is_an_error_and_costs_little_memory(
    kind: Any, message: str
) -> None:
    catalog = Catalog(concerts=10, countries=("US",), today=date(2026, 11, 22))
    async with api("ticketmaster", catalog, faults=[Fault(kind)]) as source:
        # A process inherits its peak from the one that starts it: the shell between them has hardly any.
        asking = await asyncio.create_subprocess_exec(
            "sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", ASK,
            source.connection.base_url, source.connection.key,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        written, _ = await asking.communicate()
        requests = await source.requests()
    error, peak = written.decode().splitlines()
    assert message in error
    assert int(peak) < MOST, f"{int(peak) >> 20} MB"
    assert [request["fault"] for request in requests] == [kind, kind]
