"""How much memory responses can cost, measured in a process of its own."""

import asyncio
import sys
from datetime import date
from typing import Any

import pytest

from sandbox.faults import Fault
from sandbox.world.catalog import Catalog
from tests.support.stand_ins import api

MOST = 400_000_000
ASK = """
import asyncio, resource, sys
from include.errors import UnexpectedPayload
from include.sources.client.http import Client
from include.sources.client.messages import Backoff, Request
from include.sources.lastfm import lists
from include.sources.ticketmaster import search

async def ask_all(source, url, key, times):
    module = {"ticketmaster": search, "lastfm": lists}[source]
    client = Client(source, url, module.KEY_PARAMETER, key, 1_000, Backoff(2, 0.001, 0.001))

    async def ask(number):
        try:
            async with client.get(Request("page", "/any", {"number": str(number)}), module.read):
                pass
        except UnexpectedPayload as error:
            return error

    async with client:
        print(set(await asyncio.gather(*map(ask, range(int(times))))).pop())

asyncio.run(ask_all(*sys.argv[1:]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


TOO_LONG, TOO_DEEP = "more than 32 MB", "JSON nested more than"


@pytest.mark.parametrize("source_name", ["ticketmaster", "lastfm"])
@pytest.mark.parametrize(
    ("kind", "times", "message"),
    [
        ("endless", 1, TOO_LONG),
        ("endless", 25, TOO_LONG),
        ("gzip_bomb", 1, TOO_LONG),
        ("nested", 1, TOO_DEEP),
        ("nested_objects", 1, TOO_DEEP),
        ("nested_mixed", 1, TOO_DEEP),
        ("nested_unclosed", 1, TOO_DEEP),
    ],
)
async def test_responses_beyond_all_bounds_are_errors_and_cost_little_memory(
    source_name: str, kind: Any, times: int, message: str
) -> None:
    catalog = Catalog(concerts=10, countries=("US",), today=date(2026, 11, 22))
    async with api(source_name, catalog, faults=[Fault(kind)]) as source:
        # A process inherits its peak from the one that starts it: the shell between them has hardly any.
        asking = await asyncio.create_subprocess_exec(
            "sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", ASK,
            source_name, source.connection.base_url, source.connection.key, str(times),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        written, _ = await asking.communicate()
        requests = await source.requests()
    error, peak = written.decode().splitlines()
    assert message in error
    assert int(peak) < MOST, f"{int(peak) >> 20} MB"
    assert [request["fault"] for request in requests] == [kind] * 2 * times
