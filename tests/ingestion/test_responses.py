"""What the crawl accepts is kept so that landing can read it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from include.ingestion.responses import Responses
from include.lake.lake import Lake
from include.sources.client.messages import Request, Response

RUN = "2026-11-22T060000Z"


class OneBody:
    """A client whose source sends the same body to every request."""

    def __init__(self, body: bytes) -> None:
        self.response = Response(200, {}, body, datetime(2026, 11, 22, 6, tzinfo=UTC))

    @asynccontextmanager
    async def get(
        self, request: Request, read: Callable[[Response], Any]
    ) -> AsyncIterator[tuple[Response, Any]]:
        yield self.response, read(self.response)


async def test_half_of_a_surrogate_pair_does_not_make_a_kept_response_unreadable(lake: Lake) -> None:
    client: Any = OneBody(rb'{"name": "a \ud83d b"}')
    await Responses(lake.raw("events", RUN), client).ask(Request("US-0", "/", {}), lambda response: None)
    assert bytes(lake.raw("events", RUN).get("US-0").body) == rb'{"name": "a \ufffd b"}'
