"""When the calls of an API key are counted from zero again, by a clock that the test moves."""

from datetime import UTC, datetime, timedelta

import pytest

from include.errors import QuotaSpent
from include.sources.client.quota import Quota, Spent


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
