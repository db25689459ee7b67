"""The Ticketmaster stand-in behaves like the real API as observed and recorded."""

import asyncio
import functools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from sandbox.faults import Fault
from sandbox.ticketmaster.api import application
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.ticketmaster.search import drifting_ids
from sandbox.world.catalog import Catalog
from sandbox.world.classifications import MUSIC
from tests.support.recordings import PAYLOADS, needs_recordings, recorded, shape

TODAY = date(2026, 11, 22)
PATH = "/discovery/v2/events.json"

recording = functools.partial(recorded, "ticketmaster")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=2_000, countries=("US", "GB", "CA"), today=TODAY)


class Api:
    """Sends requests to the stand-in with its key."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def get(self, **params: str) -> tuple[int, Any, dict[str, str]]:
        response = await self.client.get(PATH, params={"apikey": "sandbox-key", **params})
        return response.status, json.loads(await response.read()), dict(response.headers)

    async def crawl(self, **params: str) -> list[dict[str, Any]]:
        """The events of all pages."""
        events: list[dict[str, Any]] = []
        for page in range(200):
            status, body, _ = await self.get(
                **{"size": "200", "segmentId": MUSIC, **params, "page": str(page)}
            )
            assert status == 200, body
            events += body.get("_embedded", {}).get("events", [])
            if page + 1 >= body["page"]["totalPages"]:
                return events
        raise AssertionError("endless")

    async def ids(self, **params: str) -> list[str]:
        return [event["id"] for event in await self.crawl(**params)]


@asynccontextmanager
async def serving(catalog: Catalog, **options: Any) -> AsyncIterator[Api]:
    chosen = TicketmasterOptions(
        **{"requests_per_second": None, "paging_depth": None, "bulk": "light", **options}
    )
    async with TestClient(TestServer(application(catalog, chosen))) as client:
        yield Api(client)


# Catalogue


def test_same_seed_gives_the_same_world_in_another_process(catalog: Catalog) -> None:
    program = (
        "from datetime import date; from sandbox.world.catalog import Catalog;"
        "from sandbox.ticketmaster.event_json import EventWriter;"
        "c = Catalog(concerts=2000, countries=('US', 'GB', 'CA'), today=date(2026, 11, 22));"
        "import hashlib; w = EventWriter(c, 'full');"
        "print(hashlib.sha256(b''.join(w.event(e) for e in range(0, 2040, 20))).hexdigest())"
    )
    root = Path(__file__).parents[2]
    ran = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert ran[0] == ran[1] != b""


def test_ids_are_unique_and_case_sensitive(catalog: Catalog) -> None:
    ids = catalog.ids_of(range(len(catalog.concerts.ids)))
    assert len(ids) == 2_040
    assert {len(identifier) for identifier in ids} <= {13, 14, 15, 16, 18, 21}


def test_most_of_the_top_fifty_tour() -> None:
    catalog = Catalog(concerts=3_000, countries=("US", "GB", "CA"), today=TODAY)
    for country in ("US", "GB", "CA"):
        headlined = np.bincount(catalog.concerts.headliner[catalog.concerts.headliner >= 0], minlength=5_000)
        dates = [int(headlined[entry.artist]) for entry in catalog.chart(country, 50)]
        assert 25 <= sum(5 <= count <= 70 for count in dates) <= 43


def test_a_large_world_has_more_concerts_at_one_instant_than_can_be_paged() -> None:
    catalog = Catalog(concerts=230_000, countries=("US", "GB", "CA"), today=TODAY)
    starts = catalog.concerts.start[catalog.events(country="US", dated=True)]
    assert np.unique(starts, return_counts=True)[1].max() > 1_000
    shares = [len(catalog.events(country)) / 230_000 for country in ("US", "GB", "CA")]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.02)


# Completeness: every concert can be found


async def test_dated_and_undated_searches_together_find_every_concert(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        dated = await api.ids(sort="date,asc", countryCode="US", startDateTime="2026-11-22T00:00:00Z")
        tba = await api.ids(countryCode="US", includeTBA="only")
        tbd = await api.ids(countryCode="US", includeTBD="only")
    assert len(dated) == len(set(dated)) == len(catalog.concert_ids("US", dated=True))
    assert set(tba) == catalog.tba_ids("US") and set(tbd) == catalog.tbd_ids("US")
    assert set(dated) | set(tba) | set(tbd) == catalog.concert_ids("US")


async def test_both_edges_of_a_window_are_inclusive(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        event = (await api.crawl(sort="date,asc", startDateTime="2026-12-12T20:00:00Z"))[40]
        instant = event["dates"]["start"]["dateTime"]
        for edges in (
            {"startDateTime": instant},
            {"endDateTime": instant},
            {"startDateTime": instant, "endDateTime": instant},
        ):
            assert event["id"] in await api.ids(sort="date,asc", **edges)


async def test_a_concert_without_a_time_is_found_in_its_venue_local_evening(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        events = await api.crawl(sort="date,asc", countryCode="CA", startDateTime="2026-11-22T00:00:00Z")
        untimed = [event for event in events if "dateTime" not in event["dates"]["start"]]
        assert untimed
        for event in untimed[:5]:
            start, venue = event["dates"]["start"], event["_embedded"]["venues"][0]
            assert start["timeTBA"] != start["noSpecificTime"] and "localTime" not in start
            zone = ZoneInfo(venue.get("timezone") or event["dates"]["timezone"])
            midnight = datetime.combine(date.fromisoformat(start["localDate"]), time(), zone)
            found = await api.ids(
                countryCode="CA",
                startDateTime=_text(midnight + timedelta(hours=17)),
                endDateTime=_text(midnight + timedelta(hours=24)),
            )
            before = await api.ids(
                countryCode="CA", endDateTime=_text(midnight + timedelta(hours=16, minutes=59))
            )
            assert event["id"] in found and event["id"] not in before


async def test_dated_searches_never_return_undated_events(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        everything = {"startDateTime": "2026-01-01T00:00:00Z", "includeTBA": "yes", "includeTBD": "yes"}
        assert not set(await api.ids(**everything)) & catalog.concert_ids(dated=False)
        assert set(await api.ids(includeTBA="yes", includeTBD="yes")) == catalog.concert_ids()
        assert await api.ids(includeTBA="only", includeTBD="only") == []
        assert not set(await api.ids()) & catalog.concert_ids(dated=False)


async def test_an_event_without_a_date_has_only_flags(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        events = await api.crawl(includeTBA="only")
    assert all(
        set(event["dates"]["start"]) == {"dateTBD", "dateTBA", "timeTBA", "noSpecificTime"}
        for event in events
    )
    postponed = [event for event in events if event["dates"]["status"]["code"] == "postponed"]
    assert postponed and all("localDate" in event["dates"]["initialStartDate"] for event in postponed)


@pytest.mark.parametrize("sort", ["date,asc", "date,name,asc", "id,asc", "name,asc", "relevance,desc"])
async def test_pages_partition_the_result_in_every_sort_order(catalog: Catalog, sort: str) -> None:
    async with serving(catalog) as api:
        assert sorted(await api.ids(sort=sort, size="177")) == sorted(catalog.concert_ids(dated=True))


async def test_id_order_is_byte_order(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        ids = await api.ids(sort="id,asc")
    assert ids == sorted(ids)


@pytest.mark.parametrize("first", ["name", "date"])
async def test_descending_order_is_ascending_order_reversed(catalog: Catalog, first: str) -> None:
    def key(event: dict[str, Any]) -> tuple[str, ...]:
        at = event["dates"]["start"].get("dateTime", "")
        return (event["name"],) if first == "name" else (at, event["name"])

    window = {"startDateTime": "2026-11-22T00:00:00Z"}
    rest = "" if first == "name" else "name,"
    async with serving(catalog) as api:
        rising = await api.crawl(sort=f"{first},{rest}asc", **window)
        falling = await api.crawl(sort=f"{first},{rest}desc", **window)
    timed = [key(event) for event in falling if "dateTime" in event["dates"]["start"]]
    assert timed == sorted(timed, reverse=True)
    assert timed == [key(event) for event in reversed(rising) if "dateTime" in event["dates"]["start"]]


async def test_events_at_one_instant_may_be_in_a_different_order_each_time(catalog: Catalog) -> None:
    window = {
        "startDateTime": "2026-11-22T00:00:00Z",
        "endDateTime": "2027-01-10T00:00:00Z",
        "sort": "date,asc",
    }
    async with serving(catalog, ties="unstable") as api:
        first, second = await api.ids(**window), await api.ids(**window)
        assert first != second and len(first) == len(second)
    async with serving(catalog) as api:
        assert await api.ids(**window) == await api.ids(**window)


async def test_drifting_events_appear_or_disappear_and_others_stay(catalog: Catalog) -> None:
    async with serving(catalog, drift=0.05, drift_requests=30) as api:
        window = {"startDateTime": "2026-12-01T00:00:00Z", "endDateTime": "2026-12-15T00:00:00Z"}
        responses = [set(await api.ids(**window)) for _ in range(30)]
    drifting = drifting_ids(catalog, 0.05)
    assert responses[0] != responses[-1]
    assert len({frozenset(response - drifting) for response in responses}) == 1


# Filters


async def test_segment_id_excludes_events_that_classification_name_includes(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        music = set(await api.ids())
        loose = set(await api.ids(segmentId="", classificationName="music"))
        assert set(await api.ids(segmentId="", segmentName="Music")) == music
    assert 0.005 < len(loose - music) / len(loose) < 0.05


@pytest.mark.parametrize(
    ("params", "fits"),
    [
        ({"stateCode": "NY,CA"}, lambda e, v: v["state"]["stateCode"] in ("NY", "CA")),
        ({"city": "London"}, lambda e, v: v["city"]["name"] == "London"),
        ({"dmaId": "324"}, lambda e, v: {"id": 324} in v["dmas"]),
        ({"marketId": "27"}, lambda e, v: "27" in {market["id"] for market in v["markets"]}),
        (
            {"genreId": "KnvZfZ7vAeA"},
            lambda e, v: "Rock" in {c.get("genre", {}).get("name") for c in e["classifications"]},
        ),
        ({"countryCode": "GB", "unheardOf": "1"}, lambda e, v: v["country"]["countryCode"] == "GB"),
    ],
)
async def test_filters(catalog: Catalog, params: dict[str, str], fits: Callable[[Any, Any], bool]) -> None:
    async with serving(catalog) as api:
        events = await api.crawl(**params)
    assert events and all(fits(event, event["_embedded"]["venues"][0]) for event in events)


async def test_filters_by_identity(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        event = next(e for e in await api.crawl() if len(e["_embedded"].get("attractions", [])) > 1)
        support, venue = event["_embedded"]["attractions"][1], event["_embedded"]["venues"][0]
        assert event["id"] in await api.ids(attractionId=support["id"])
        assert event["id"] in await api.ids(venueId=venue["id"])
        assert await api.ids(id=event["id"]) == [event["id"]]
        tba = min(catalog.tba_ids())
        assert await api.ids(id=tba) == [] and await api.ids(id=tba, includeTBA="yes") == [tba]


# Paging


async def test_an_empty_result_has_no_embedded(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        status, body, _ = await api.get(countryCode="FR")
        assert status == 200 and set(body) == {"_links", "page"}
        assert body["page"] == {"size": 20, "totalElements": 0, "totalPages": 0, "number": 0}
        _, later, _ = await api.get(countryCode="FR", page="1")
        assert later["page"]["number"] == 1 and set(later["_links"]) == {"first", "prev", "self", "last"}
    async with serving(catalog, empty_as_404=True) as api:
        assert (await api.get(countryCode="FR"))[0] == 404


async def test_links_are_relative_and_contain_no_key(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        _, first, _ = await api.get(size="200")
        assert list(first["_links"]) == ["first", "self", "next", "last"]
        _, last, _ = await api.get(size="200", page=str(first["page"]["totalPages"] - 1))
    assert list(last["_links"]) == ["first", "prev", "self", "last"]
    hrefs = [link["href"] for body in (first, last) for link in body["_links"].values()]
    assert all(href.startswith(PATH) and "apikey" not in href for href in hrefs)


async def test_six_pages_of_two_hundred_are_served_and_the_seventh_is_rejected(catalog: Catalog) -> None:
    async with serving(catalog, paging_depth=1_000) as api:
        statuses = [(await api.get(size="200", page=str(page)))[0] for page in range(7)]
    assert statuses == [200] * 6 + [400]


async def test_large_totals_are_capped_at_ten_thousand_unless_the_cap_is_off() -> None:
    catalog = Catalog(concerts=12_000, today=TODAY)
    async with serving(catalog) as api:
        _, body, _ = await api.get()
        assert body["page"]["totalElements"] == 10_000
        status, body, _ = await api.get(size="20", page="499")
        assert status == 400 and body["errors"][0]["code"] == "DIS1024"
        assert body["errors"][0]["status"] == "400"
    async with serving(catalog, total_cap=None) as api:
        _, body, _ = await api.get(segmentId=MUSIC)
        assert body["page"]["totalElements"] == len(catalog.concert_ids(dated=True))


# Errors and limits


@needs_recordings
@pytest.mark.parametrize(
    ("params", "status", "name"),
    [
        ({"size": "201"}, 400, "error__DIS1036_size-too-large.json"),
        ({"size": "500"}, 400, "error__DIS1036_size-too-large.json"),
        ({"size": "200", "page": "6"}, 400, "error__DIS1035_max-paging-depth.json"),
        ({"startDateTime": "2026-12-01T00:00:00.000Z"}, 400, "error__DIS1015_bad-date-format.json"),
        ({"endDateTime": "2026-12-01T00:00:00"}, 400, "error__DIS1015_bad-date-format.json"),
        ({"startDateTime": "2026-02-30T00:00:00Z"}, 400, "error__DIS1015_bad-date-format.json"),
        ({"apikey": "wrong"}, 401, "error__67e95f.json"),
    ],
)
async def test_errors_match_the_recorded_ones(
    catalog: Catalog, params: dict[str, str], status: int, name: str
) -> None:
    async with serving(catalog, paging_depth=1_000) as api:
        received_status, body, headers = await api.get(**params)
    assert (received_status, body) == (status, recording(name))
    assert "Rate-Limit" not in headers


@needs_recordings
async def test_an_unknown_event_is_the_recorded_404(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        response = await api.client.get("/discovery/v2/events/unknown.json", params={"apikey": "sandbox-key"})
        assert (response.status, await response.json()) == (404, recording("error__aba9a3.json"))
        known = min(catalog.concert_ids())
        response = await api.client.get(
            f"/discovery/v2/events/{known}.json", params={"apikey": "sandbox-key"}
        )
        assert (await response.json())["id"] == known


@needs_recordings
async def test_a_second_request_at_once_triggers_the_spike_arrest(catalog: Catalog) -> None:
    async with serving(catalog, requests_per_second=5.0) as api:
        responses = await asyncio.gather(api.get(), api.get())
        rejected = next(response for response in responses if response[0] == 429)
        assert sorted(response[0] for response in responses) == [200, 429]
        assert (
            rejected[1] == recording("error__429_SpikeArrestViolation.json")
            and "Retry-After" not in rejected[2]
        )
        await asyncio.sleep(0.21)
        assert (await api.get())[0] == 200


@needs_recordings
async def test_the_error_for_a_spent_quota_contains_the_key_in_clear_text(catalog: Catalog) -> None:
    async with serving(catalog, daily_quota=3) as api:
        _, _, headers = await api.get()
        assert (headers["Rate-Limit"], headers["Rate-Limit-Available"]) == ("3", "2")
        assert int(headers["Rate-Limit-Reset"]) > datetime.now(UTC).timestamp() * 1000
        assert (await api.get(size="999"))[0] == 400  # spends quota too
        _, _, headers = await api.get()
        assert headers["Rate-Limit-Available"] == "0"
        status, body, headers = await api.get()
    expected = json.dumps(recording("error__429_QuotaViolation.json")).replace("XXX", "sandbox-key")
    assert (status, body) == (429, json.loads(expected))
    assert "Rate-Limit" not in headers


# Events as recorded


@needs_recordings
async def test_events_have_the_keys_and_types_of_recorded_ones(catalog: Catalog) -> None:
    shapes: dict[str, set[str]] = {}
    for path in (PAYLOADS / "ticketmaster").glob("event*.json"):
        whole = json.loads(path.read_text())
        listed = whole if isinstance(whole, list) else whole.get("_embedded", {}).get("events", [whole])
        for event in listed:
            for place, kind in shape(event):
                shapes.setdefault(place, set()).add(kind)
    async with serving(catalog, bulk="full") as api:
        events = (await api.crawl())[:1_500]
    strange = {
        (place, kind)
        for event in events
        for place, kind in shape(event)
        if kind not in shapes.get(place, set())
    }
    assert not strange


async def test_fields_are_missing_about_as_often_as_in_real_responses(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        events = await api.crawl()
    venues = [event["_embedded"]["venues"][0] for event in events]
    attractions = {a["id"]: a for event in events for a in event["_embedded"].get("attractions", [])}.values()

    def share(of: Any, holds: Callable[[Any], object]) -> float:
        return sum(bool(holds(one)) for one in of) / len(of)

    assert share(events, lambda e: "attractions" not in e["_embedded"]) == pytest.approx(0.11, abs=0.02)
    assert share(events, lambda e: len(e["_embedded"].get("attractions", [])) > 1) == pytest.approx(
        0.37, abs=0.06
    )
    assert share(events, lambda e: "timezone" in e["dates"]) == pytest.approx(0.77, abs=0.03)
    assert share(events, lambda e: len(e["classifications"]) > 1) == pytest.approx(0.3, abs=0.04)
    assert share(events, lambda e: e["sales"]["public"]["startDateTime"] < "1901") == pytest.approx(
        0.2, abs=0.03
    )
    assert share(events, lambda e: "priceRanges" in e) == pytest.approx(0.17, abs=0.03)
    assert share(events, lambda e: "dateTime" not in e["dates"]["start"]) == pytest.approx(0.04, abs=0.02)
    assert share(attractions, lambda a: "musicbrainz" in a.get("externalLinks", {})) == pytest.approx(
        0.62, abs=0.05
    )
    assert all(isinstance(v["location"]["latitude"], str) for v in venues if "location" in v)
    assert {e["dates"]["status"]["code"] for e in events} >= {"onsale", "offsale", "cancelled", "rescheduled"}
    assert any(e["name"].endswith((" - VIP Packages", " | Enhanced Experiences")) for e in events)


async def test_a_full_event_is_as_large_as_a_real_one(catalog: Catalog) -> None:
    async with serving(catalog, bulk="full") as api:
        response = await api.client.get(PATH, params={"apikey": "sandbox-key", "size": "200"})
        assert response.headers["Content-Encoding"] == "gzip" and "Content-Length" not in response.headers
        assert 6_000 < len(await response.read()) / 200 < 12_000


# Faults and control


@pytest.mark.parametrize("kind", ["reset", "truncated"])
async def test_broken_connections(catalog: Catalog, kind: Any) -> None:
    async with serving(catalog, faults=[Fault(kind, at=[1])]) as api:
        with pytest.raises(aiohttp.ClientError):
            await api.get()
        assert (await api.get())[0] == 200


async def test_a_hanging_request_times_out(catalog: Catalog) -> None:
    async with serving(catalog, faults=[Fault("hang", times=1)]) as api:
        with pytest.raises(asyncio.TimeoutError):
            await api.client.get(
                PATH, params={"apikey": "sandbox-key"}, timeout=aiohttp.ClientTimeout(total=0.2)
            )
        assert (await api.get())[0] == 200


async def test_faults_send_the_responses_they_name(catalog: Catalog) -> None:
    faults = [
        Fault("http_503", at=[1], retry_after=2),
        Fault("html", where={"page": "1"}),
        Fault("spike", at=[3], retry_after=1.5),
        Fault("quota", at=[4]),
    ]
    async with serving(catalog, faults=faults) as api:
        responses = [await api.client.get(PATH, params={"apikey": "sandbox-key", "page": p}) for p in "0100"]
        assert [response.status for response in responses] == [503, 200, 429, 429]
        assert [response.headers.get("Retry-After") for response in responses] == ["2", None, "1.5", None]
        assert "html" in responses[1].content_type
        assert "QuotaViolation" in await responses[3].text()


async def test_a_share_of_requests_fails_and_they_are_the_same_each_time(catalog: Catalog) -> None:
    async with serving(catalog, faults=[Fault("http_500", share=0.3)]) as api:

        async def ask(**params: str) -> int:
            return (await api.client.get(PATH, params={"apikey": "sandbox-key", "size": "1"})).status

        first = [await ask() for _ in range(40)]
        await api.client.post("/sandbox/reset")
        assert first == [await ask() for _ in range(40)]
    assert 4 < first.count(500) < 20


async def test_options_can_be_changed_at_run_time_and_a_reset_restores_them(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        changed = await api.client.post(
            "/sandbox/options", json={"latency": 0.01, "faults": [{"kind": "http_500"}]}
        )
        assert (await changed.json())["latency"] == 0.01
        assert (await api.client.get(PATH, params={"apikey": "sandbox-key"})).status == 500
        for wrong in ({"latencie": 1}, {"latency": "slow"}):
            assert (await api.client.post("/sandbox/options", json=wrong)).status == 400
        await api.client.post("/sandbox/reset")
        assert (await api.get())[0] == 200


async def test_the_log_shows_every_request_without_its_key(catalog: Catalog) -> None:
    async with serving(catalog, latency=0.05) as api:
        await asyncio.gather(
            *(api.get(size="1", page=str(page)) for page in range(3)), api.get(apikey="wrong")
        )
        log = await (await api.client.get("/sandbox/requests")).json()
        assert log["count"] == 4 and log["statuses"] == {"200": 3, "401": 1} and log["in_flight_peak"] >= 3
        assert "key" not in json.dumps(log)
        assert [entry["number"] for entry in log["requests"]] == [1, 2, 3, 4]
        later = await (await api.client.get("/sandbox/requests", params={"after": "3"})).json()
        assert len(later["requests"]) == 1


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
