"""When the calls of an API key are counted from zero again, by a clock that the test moves."""

from datetime import UTC, datetime, timedelta

import pytest

from include.errors import QuotaSpent
from include.ingestion import fetch
from include.lake.lake import Lake
from include.sources.client.connection import SourceConnection
from include.sources.client.quota import Quota, Spent

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
