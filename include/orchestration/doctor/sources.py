"""Checks both API keys with one call each, which counts like any other."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from include.ingestion.fetch import quota
from include.lake.lake import Lake
from include.orchestration import connections
from include.orchestration.doctor import Finding, bad, examined, good
from include.settings import Settings
from include.sources.client.http import Client
from include.sources.client.messages import Backoff, Request
from include.sources.lastfm import lists
from include.sources.ticketmaster import search


def examine(settings: Settings) -> Iterator[Finding]:
    """One finding per key."""
    country = settings.countries[0]
    events = Request(
        "doctor", "/discovery/v2/events.json", {"countryCode": country, "size": "1", "locale": "*"}
    )
    asked: tuple[tuple[str, str, Callable[[], Request], Callable[..., Any]], ...] = (
        (search.CONNECTION, search.KEY_PARAMETER, lambda: events, search.read),
        (lists.CONNECTION, lists.KEY_PARAMETER, lambda: lists.chart_request(country, 1, 1), lists.read),
    )
    for connection_id, key_parameter, request, read in asked:
        findings: list[Finding] = []
        with examined(findings, f"key of {connection_id}"):
            findings.append(asyncio.run(_asked(settings, connection_id, key_parameter, request(), read)))
        yield from findings


async def _asked(
    settings: Settings, connection_id: str, key_parameter: str, request: Request, read: Callable[..., Any]
) -> Finding:
    connection = await connections.source_connection(connection_id)
    lake = await asyncio.to_thread(_reachable, settings)
    async with (
        Client(
            connection.id,
            connection.base_url,
            key_parameter,
            connection.key,
            connection.requests_per_second,
            Backoff(tries=1),
            timeout=15,
            allow_http=connection.allow_http,
            quota=quota(lake, connection) if lake else None,
        ) as client,
        client.get(request, read) as (response, _),
    ):
        headers = response.headers
    said = f"accepted; 1 call made, at most {connection.requests_per_second:g} per second"
    left, limit = headers.get("Rate-Limit-Available", ""), headers.get("Rate-Limit", "")
    if left.isdigit() and limit.isdigit():
        said += f"; {int(left):,} of today's {int(limit):,} calls are left"
        if connection.daily_quota is not None and connection.daily_quota > int(limit):
            return bad(
                f"key of {connection_id}",
                said,
                f"`daily_quota` in its extra is {connection.daily_quota:,}: set it to {int(limit)}",
            )
    return good(f"key of {connection_id}", said)


def _reachable(settings: Settings) -> Lake | None:
    """The lake, if the count can be kept in it."""
    lake = connections.lake(settings)
    try:
        lake.bucket.s3.head_bucket(**lake.bucket.of_bucket)
    except Exception:  # another finding says why
        return None
    return lake
