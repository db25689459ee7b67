"""When the calls of an API key are counted from zero again, by a clock that the test moves."""

from datetime import UTC, date, datetime, timedelta

import pytest

from include.errors import QuotaSpent
from include.ingestion import fetch
from include.lake.lake import Lake
from include.sources.client.connection import SourceConnection
from include.sources.client.http import Client
from include.sources.client.messages import Request
from include.sources.client.quota import Quota, Spent
from include.sources.ticketmaster import search
from sandbox.world.catalog import Catalog
from tests.support.stand_ins import api

CONNECTION = SourceConnection("ticketmaster", "https://example.org", "key", 5, daily_quota=100)


@pytest.mark.parametrize(
    "first_call",
    [datetime(2026, 12, 31, 23, 59, 50, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)],
    ids=str,
)
async def test_calls_are_allowed_again_24_hours_after_the_first(first_call: datetime) -> None:
    now, saved = first_call, list[Spent]()

    async def save(spent: Spent) -> None:
        saved.append(spent)

    quota = Quota("ticketmaster", 2, None, save, now=lambda: now)
    await quota.spend()
    now += timedelta(hours=23, minutes=59, seconds=59)
    await quota.spend()
    with pytest.raises(QuotaSpent) as stopped:
        await quota.spend()
    assert stopped.value.not_before == first_call + timedelta(hours=24)
    now += timedelta(seconds=1)
    await quota.spend()
    assert saved[-1].resets_at == first_call + timedelta(hours=48)


@pytest.mark.parametrize("ahead", [-86_400, 0, 86_400])
async def test_the_next_period_begins_by_the_clock_of_the_source(ahead: int) -> None:
    """Whether its clock is a day behind or ahead: otherwise the next period would seem over, or too far off."""

    async def save(_: Spent) -> None:
        pass

    catalog = Catalog(concerts=10, countries=("US",), today=date(2026, 11, 22))
    async with api("ticketmaster", catalog, clock_offset=ahead, quota_period=3_600.0) as source:
        where, quota = source.connection, Quota("ticketmaster", 2, None, save)
        begun = datetime.now(UTC)
        async with Client(where.id, where.base_url, "apikey", where.key, 1_000, quota=quota) as client:
            async with client.get(Request("page", "/discovery/v2/events.json", {}), search.read):
                pass
            await quota.spend()
            with pytest.raises(QuotaSpent) as stopped:
                await quota.spend()
    assert stopped.value.not_before is not None
    assert timedelta(minutes=50) < stopped.value.not_before - begun < timedelta(minutes=70)


@pytest.mark.parametrize("reset", ["253402300799000", "1" + "0" * 20, "soon", "-1", ""])
async def test_a_reset_that_is_no_instant_of_the_next_day_is_ignored(reset: str) -> None:
    async def save(_: Spent) -> None:
        pass

    now = datetime(2026, 11, 22, 6, tzinfo=UTC)
    quota = Quota("ticketmaster", 1, None, save, now=lambda: now)
    await quota.spend()
    quota.update_from({"Rate-Limit-Reset": reset, "Date": "Sun, 22 Nov 2026 06:00:00 GMT"})
    with pytest.raises(QuotaSpent) as stopped:
        await quota.spend()
    assert stopped.value.not_before == now + timedelta(hours=24)


@pytest.mark.parametrize(
    "kept",
    [b"", b"{", b"null", b"[]", b'{"calls": -1, "resets_at": "2026-11-22T06:00:00Z"}',
     b'{"calls": "many"}', b'{"calls": 1, "resets_at": "2026-11-22"}', b"\xff\xfe{"],
)  # fmt: skip
async def test_a_malformed_count_heals_with_the_next_call(lake: Lake, kept: bytes) -> None:
    key = "quota/ticketmaster.json"
    lake.bucket.put(key, kept)
    counted = fetch.quota(lake, CONNECTION)
    assert counted is not None
    await counted.spend()
    await counted.close()
    found = lake.bucket.get_json(key, Spent, "")
    assert found is not None
    assert found.calls == 1
