"""One crawl of the Ticketmaster stand-in by the pipeline's own functions, and the stand-in's log of it."""

import asyncio
import json
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.ingestion.events import EVENTS
from include.ingestion.fetch import fetch
from include.lake.lake import Lake
from include.lake.runs import run_id, run_instant
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from sandbox.services import Services

COUNTRIES = ("US", "GB", "CA")
"""Their concerts are in the ratio 70 : 20 : 10."""
SETTINGS = Settings(countries=COUNTRIES)
UNLIMITED = {"requests_per_second": None, "daily_quota": None}
"""Options of a stand-in without request limits."""


@dataclass(frozen=True, slots=True)
class TimedCrawl:
    """What a crawl took."""

    seconds: float
    requests: int
    events: int

    @property
    def pages(self) -> int:
        """Full pages of 200 that the events fill: no crawl can take fewer requests."""
        return -(-self.events // 200)


def run_of(day: int) -> str:
    """The run at 00:00 UTC that many days from today: before the first concert in the stand-in's world."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return run_id(today + timedelta(days=day))


def crawl(running: Services, lake: Lake, run: str, requests_per_second: float) -> TimedCrawl:
    """Fetches a run. Raises `RuntimeError` if it is not complete."""
    where = running.ticketmaster
    connection = SourceConnection(
        "ticketmaster", where["base_url"], where["key"], requests_per_second, daily_quota=1_000_000
    )
    started = time.perf_counter()
    summary = asyncio.run(fetch(EVENTS, lake, connection, SETTINGS, run, run_instant(run)))
    took = time.perf_counter() - started
    if not summary.complete:
        raise RuntimeError(f"the crawl {run} is not complete: {summary}")
    return TimedCrawl(took, summary.requests_sent, summary.distinct)


def reset(running: Services, **options: Any) -> None:
    """Resets the Ticketmaster stand-in to its initial options, except for those given, and empties its log."""
    _post(running, "reset", {})
    _post(running, "options", options)


def request_times(running: Services) -> list[float]:
    """When each request since the last reset arrived, in seconds."""
    with urllib.request.urlopen(f"{running.ticketmaster['base_url']}/sandbox/requests") as response:
        return sorted(request["at"] for request in json.load(response)["requests"])


def _post(running: Services, path: str, body: dict[str, Any]) -> None:
    url = f"{running.ticketmaster['base_url']}/sandbox/{path}"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), method="POST")).close()
