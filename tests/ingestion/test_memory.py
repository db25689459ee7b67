"""Landing needs no more memory for a large run than for a small one."""

import tracemalloc
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.lake.bucket import Bucket
from include.lake.certificate import Crawl, Scope, Window
from include.lake.lake import Lake
from include.settings import Settings
from sandbox.ticketmaster.api import Ticketmaster
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.world.catalog import Catalog

RUNS = {"small": "2026-11-22T060000Z", "large": "2026-11-23T060000Z"}
PAGES = {"small": 10, "large": 40}
"""Both are more than landing reads ahead."""


def keep_pages(lake: Lake, run: str, pages: int) -> None:
    """Writes a fetched run of that many full pages, in which one event in twenty has no name."""
    unlimited = TicketmasterOptions(
        requests_per_second=None, daily_quota=None, paging_depth=None, total_cap=None, bulk="light"
    )
    source = Ticketmaster(Catalog(concerts=pages * 220, today=date(2026, 11, 22)), unlimited)
    raw = lake.raw("events", run)
    for page in range(pages):
        params = {"countryCode": "US", "size": "200", "page": str(page), "sort": "id,asc"}
        document = msgspec.json.decode(source.respond("/discovery/v2/events.json", params, page).body)
        for event in document["_embedded"]["events"][::20]:
            del event["name"]
        body = msgspec.json.encode(document)
        raw.put(f"US-{page}", params, 200, datetime(2026, 11, 22, 6, tzinfo=UTC), body)
    window = Window(name="US", country="US", responses=tuple(f"US-{page}" for page in range(pages)))
    raw.put_crawl(Crawl(Scope(("US",), horizon_days=365), complete=True, windows=(window,)))


def test_landing_four_times_as_many_events_needs_no_more_memory(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.lake.parquet._ROW_GROUP", 300)
    lake = Lake(Bucket(s3, bucket))
    peaks = {}
    for size in ("large", "small", "large"):  # the first time loads libraries and remembers keys
        keep_pages(lake, RUNS[size], PAGES[size])
        tracemalloc.start()
        landed = land(EVENTS, lake, RUNS[size], Settings(max_rejected_percent=100), again=True)
        _, peaks[size] = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert landed.records == PAGES[size] * 200
        assert landed.rejected == PAGES[size] * 10
    # How much is read ahead at once depends on the machine: 1.07 on a quiet one, 1.2 on a busy one.
    assert peaks["large"] <= 1.5 * peaks["small"]
