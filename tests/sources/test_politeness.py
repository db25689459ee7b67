"""How the ingestion treats the sources: their limits, their errors, their wishes. Against the stand-ins."""

import json
import logging
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from include.errors import QuotaSpent, SourceRejected, SourceUnavailable
from include.ingestion import fetch as fetching
from include.ingestion import responses
from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.ingestion.songs import SONGS
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.settings import Settings
from include.sources.client.http import Client
from include.sources.client.messages import Backoff
from include.sources.client.quota import Quota, Spent
from include.sources.lastfm import lists as lastfm_lists
from include.sources.ticketmaster import search as ticketmaster_search
from include.sources.ticketmaster.windows import Window
from sandbox.faults import Fault
from sandbox.world.catalog import Catalog
from tests.support.ingesting import fetch
from tests.support.stand_ins import api, objects

RUN = "2026-11-22T060000Z"
SETTINGS = Settings(countries=("US", "GB"), artists_per_country=6, tracks_per_artist=5)
OUTCOME = ("lake/", "manifests/", "certificates/", "rejected/")
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=2_600, countries=("US", "GB"), today=date(2026, 11, 22))


# The day's calls


async def test_a_source_that_counts_the_calls_of_the_day_gets_the_rest_of_the_run_later(
    catalog: Catalog, lake: Lake, s3: Any
) -> None:
    undisturbed = Lake(Bucket(s3, f"{lake.bucket.name}-2"))
    async with api("ticketmaster", catalog) as source:
        await fetch(EVENTS, undisturbed, source.connection, SETTINGS, RUN)
        needed = len(await source.requests())
    async with api("ticketmaster", catalog, daily_quota=5, latency=0.05) as source:
        connection = replace(source.connection, daily_quota=5_000)
        with pytest.raises(QuotaSpent, match=r"The run is partial, resumes after 20.* UTC") as stopped:
            await fetch(EVENTS, lake, connection, SETTINGS, RUN)
        assert len(lake.raw("events", RUN).names()) == 5  # every response is kept
        assert "sandbox-key" not in str(stopped.value)
        rejected = sum(request["status"] == 429 for request in await source.requests())
        with pytest.raises(QuotaSpent, match="All 5000 calls"):
            await fetch(EVENTS, lake, connection, SETTINGS, RUN)
        await source.change(daily_quota=None)
        lake.bucket.delete(["quota/ticketmaster.json"])
        await fetch(EVENTS, lake, connection, SETTINGS, RUN)
        assert len(await source.requests()) - rejected == needed
    for each in (undisturbed, lake):
        land(EVENTS, each, RUN, SETTINGS)
    expected = {k: v.replace(b"bucket-2", b"bucket") for k, v in objects(undisturbed, *OUTCOME).items()}
    assert objects(lake, *OUTCOME) == expected


async def test_our_own_count_ends_a_run_before_the_source_does_and_is_shared_by_all_runs_of_the_day(
    catalog: Catalog, lake: Lake
) -> None:
    async with api("ticketmaster", catalog) as source:
        counted = replace(source.connection, daily_quota=6)
        with pytest.raises(QuotaSpent, match=r"All 6 calls of the day are spent.*`daily_quota`") as stopped:
            await fetch(EVENTS, lake, counted, SETTINGS, RUN)
        assert len(await source.requests()) == len(lake.raw("events", RUN).names()) == 6
        for run in (RUN, "2026-11-22T070000Z"):
            with pytest.raises(QuotaSpent):
                await fetch(EVENTS, lake, counted, SETTINGS, run)
        assert len(await source.requests()) == 6
        resets_at = stopped.value.not_before
        assert resets_at is not None
        assert timedelta(hours=23) < resets_at - datetime.now(UTC) <= timedelta(hours=24, seconds=1)

        day_over = {"calls": 6, "resets_at": datetime.now(UTC).isoformat()}
        lake.bucket.put_json("quota/ticketmaster.json", day_over)
        await fetch(EVENTS, lake, replace(counted, daily_quota=100), SETTINGS, RUN)
        requests = await source.requests()
        assert len({str(request["params"]) for request in requests}) == len(requests)


async def test_a_rejected_call_counts_too_and_calls_that_were_booked_but_not_made_do_not(
    catalog: Catalog, lake: Lake
) -> None:
    async with api("ticketmaster", catalog, faults=[Fault("http_503", at=[1, 4])]) as source:
        await fetch(EVENTS, lake, replace(source.connection, daily_quota=5_000), SETTINGS, RUN)
        sent = len(await source.requests())
    spent = json.loads(lake.bucket.get("quota/ticketmaster.json"))
    assert spent["calls"] == sent == len(lake.raw("events", RUN).names()) + 2


async def test_the_source_reports_when_its_day_ends(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog, quota_period=3_600, daily_quota=4, latency=0.05) as source:
        with pytest.raises(QuotaSpent) as stopped:
            await fetch(EVENTS, lake, replace(source.connection, daily_quota=5_000), SETTINGS, RUN)
    assert stopped.value.not_before is not None
    assert (
        timedelta(minutes=59) < stopped.value.not_before - datetime.now(UTC) <= timedelta(hours=1, seconds=1)
    )


async def test_calls_are_counted_from_zero_when_the_source_begins_a_new_day_before_us() -> None:
    saved: list[Spent] = []

    async def save(spent: Spent) -> None:
        saved.append(spent)

    now = datetime.now(UTC)
    quota = Quota("ticketmaster", 100, Spent(90, now + timedelta(seconds=30)), save)
    await quota.spend()
    tomorrow = now + timedelta(hours=24)
    quota.update_from({"Rate-Limit-Reset": str(int(tomorrow.timestamp() * 1000))})
    for _ in range(20):
        await quota.spend()
    await quota.close()
    assert saved[-1].calls == 21


@pytest.mark.parametrize("told", ["", "soon", "²", "9" * 30])
async def test_a_reset_that_is_not_an_instant_is_ignored(told: str) -> None:
    async def save(spent: Spent) -> None:
        pass

    Quota("ticketmaster", 100, None, save).update_from({"Rate-Limit-Reset": told})


# Keys, waits, rates


async def test_a_suspended_key_stops_the_run_at_once(catalog: Catalog, lake: Lake) -> None:
    async with api("lastfm", catalog, suspended=True) as source:
        with pytest.raises(SourceRejected, match="suspended"):
            await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
        assert len(await source.requests()) <= len(SETTINGS.countries)


@pytest.mark.parametrize("source", ["ticketmaster", "lastfm"])
async def test_a_request_without_a_response_times_out_and_is_retried(catalog: Catalog, source: str) -> None:
    async with (
        api(source, catalog, faults=[Fault("hang", at=[1])]) as running,
        Client(
            source,
            running.connection.base_url,
            "apikey" if source == "ticketmaster" else "api_key",
            running.connection.key,
            requests_per_second=100,
            backoff=Backoff(tries=2, first=0.001),
            timeout=2,
        ) as client,
    ):
        if source == "ticketmaster":
            request = ticketmaster_search.request(Window("US", None, None), 0)
            async with client.get(request, ticketmaster_search.read) as (_, page):
                assert page.total > 1_000
        else:
            async with client.get(lastfm_lists.chart_request("US", 5, 1), lastfm_lists.read) as (_, chart):
                assert len(chart.names) == 5
        assert [request["fault"] for request in await running.requests()] == ["hang", None]


@pytest.mark.parametrize(
    ("source", "dataset", "kind"),
    [("ticketmaster", EVENTS, "spike"), ("lastfm", SONGS, "error_29")],
)
async def test_nothing_is_requested_before_retry_after_is_over(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch, source: str, dataset: Any, kind: Any
) -> None:
    monkeypatch.setattr(fetching, "BACKOFF", Backoff(tries=4, first=0.001, longest=5))
    async with api(source, catalog, faults=[Fault(kind, at=[2], retry_after=1)]) as running:
        await fetch(dataset, lake, replace(running.connection, requests_per_second=20), SETTINGS, RUN)
        requests = await running.requests()
    waits = [request["at"] - requests[1]["at"] for request in requests[2:]]
    assert sum(wait < 1 for wait in waits) <= 1  # it may have left when the wish came
    assert len(waits) >= 5


async def test_if_a_source_asks_to_wait_for_hours_the_task_is_retried_after_them(
    catalog: Catalog, lake: Lake
) -> None:
    async with api("ticketmaster", catalog, faults=[Fault("http_503", retry_after=7_200)]) as source:
        with pytest.raises(SourceUnavailable, match="clients to wait 7200 s") as raised:
            await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
        assert len(await source.requests()) <= 4  # those of the first moment
    assert raised.value.not_before is not None
    assert timedelta(minutes=119) < raised.value.not_before - datetime.now(UTC) <= timedelta(hours=2)


async def test_a_gateway_that_allows_no_burst_never_complains(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog, requests_per_second=10, latency=0.3) as source:
        await fetch(EVENTS, lake, replace(source.connection, requests_per_second=10), SETTINGS, RUN)
        requests = await source.requests()
    assert {request["status"] for request in requests} == {200}
    assert all("apikey" not in request["params"] for request in requests)


async def test_the_log_shows_pages_rate_and_the_estimated_end(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No end is estimated once as many events as expected have come, and the totals that lag are being checked."""
    monkeypatch.setattr(responses, "_SECONDS_BETWEEN_REPORTS", 0)
    caplog.set_level(logging.INFO)
    async with api("ticketmaster", catalog, totals="lagging") as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    said = [record.getMessage() for record in caplog.records if record.name == "include.ingestion.responses"]
    pattern = r"events: [\d,]+ responses at [\d.]+ a second, ([\d,]+) of about ([\d,]+) events; (.+)"
    lines = [match.groups() for line in said if (match := re.fullmatch(pattern, line))]
    assert lines[-1][2] == "being checked"
    for done, expected, when in lines:
        received, of = (int(number.replace(",", "")) for number in (done, expected))
        estimated = re.fullmatch(r"done at about \d\d:\d\d:\d\d UTC", when) is not None
        assert estimated == (0 < received < of), when
    # The first responses alone do not tell how many events there will be.
    assert sum(when.startswith("done at") for _, _, when in lines) >= 8


async def test_stored_data_of_lastfm_is_measured_and_a_warning_precedes_the_limit_in_its_terms(
    catalog: Catalog, lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "include.ingestion.storage")
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
    land(SONGS, lake, RUN, SETTINGS)
    metered = [record for record in caplog.records if "MB of the source data of songs" in record.getMessage()]
    assert [record.levelname for record in metered] == ["INFO"]
    lake.bucket.put("raw/songs/2026-11-21T060000Z/chart-US-1.jsonl.gz", bytes(80_000_000))
    land(SONGS, lake, RUN, SETTINGS, again=True)
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "80." in warning
    assert "MUSICIAN_RAW_RETENTION_DAYS" in warning
