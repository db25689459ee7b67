"""Both ingestions against the stand-ins for the APIs and S3: what lands, and what a run survives."""

import gzip
import json
from collections import Counter
from dataclasses import asdict, replace
from datetime import date
from typing import Any

import msgspec
import pytest

from include.__main__ import main as command
from include.errors import ManifestInvalid, SourceRejected, SourceUnavailable, TooManyRejected
from include.ingestion.dataset import Dataset
from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.ingestion.songs import SONGS
from include.lake.lake import Lake
from include.lake.rejected import rejected_ids
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from include.sources.identity import artist_key
from sandbox.faults import Fault
from sandbox.ticketmaster.search import EventSearch, drifting_ids
from sandbox.world.catalog import Catalog
from tests.support.ingesting import fetch
from tests.support.stand_ins import api, objects, table

RUN = "2026-11-22T060000Z"
SETTINGS = Settings(countries=("US", "GB"), artists_per_country=8, tracks_per_artist=10)
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=2_600, countries=("US", "GB"), today=date(2026, 11, 22))


def true_events(catalog: Catalog) -> set[str]:
    """The ids that a search without limits would find."""
    ids: set[str] = set()
    for country in SETTINGS.countries:
        for when in (
            {"startDateTime": "2026-11-22T06:00:00Z", "endDateTime": "2027-11-22T06:00:00Z"},
            {"includeTBA": "only"},
            {"includeTBD": "only"},
        ):
            params = {"countryCode": country, "segmentId": "KZFzniwnSyZfZ7v7nJ", **when}
            ids |= set(catalog.ids_of(EventSearch(catalog).find(params).rows))
    return ids


BOTH = pytest.mark.parametrize(("dataset", "source"), [(EVENTS, "ticketmaster"), (SONGS, "lastfm")])


async def test_every_concert_beyond_the_wall_lands_once(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog) as source:
        summary = await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
        requests = await source.requests()
    landed = land(EVENTS, lake, RUN, SETTINGS)
    rows = table(lake, "events", RUN)
    truth = true_events(catalog)
    assert len(truth) > 2_000
    assert {row["event_id"] for row in rows} == truth
    assert len({(row["event_id"], row["artist_position"]) for row in rows}) == len(rows) == landed.rows
    assert (landed.records, landed.rejected, landed.complete) == (len(truth), 0, True)
    assert len(requests) == summary.requests_sent <= len(truth) / 200 * 1.25 + 4


async def test_every_charting_artist_has_songs_and_is_requested_once(catalog: Catalog, lake: Lake) -> None:
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
        asked = [
            request["params"].get("artist")
            for request in await source.requests()
            if request["params"]["page"] == "1"
        ]
    landed = land(SONGS, lake, RUN, SETTINGS)
    rows = table(lake, "songs", RUN)
    artists = [artist for artist in asked if artist]
    assert len(artists) == len(set(artists)) >= 8
    assert {row["asked_name"] for row in rows} == set(artists)
    assert len({(row["artist_key"], row["song_key"]) for row in rows}) == len(rows) == landed.rows
    assert {row["chart_rank"] for row in rows} == set(range(1, 9))
    assert max(row["song_rank"] for row in rows) == 10
    assert landed.complete


async def test_an_artist_in_two_charts_has_both_countries(catalog: Catalog, lake: Lake) -> None:
    wide = Settings(countries=("US", "GB"), artists_per_country=40, tracks_per_artist=1)
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, wide, RUN)
    land(SONGS, lake, RUN, wide)
    assert "GB,US" in {row["chart_countries"] for row in table(lake, "songs", RUN)}


@BOTH
async def test_the_certificate_says_what_was_requested_and_received(
    catalog: Catalog, lake: Lake, dataset: Dataset[Any], source: str
) -> None:
    async with api(source, catalog) as running:
        await fetch(dataset, lake, running.connection, SETTINGS, RUN)
    landed = land(dataset, lake, RUN, SETTINGS)
    certificate = lake.certificate(dataset.name, RUN)
    raw = objects(lake, f"raw/{dataset.name}/")
    assert (certificate.complete, certificate.reasons) == (True, ())
    assert certificate.scope.countries == ("US", "GB")
    assert certificate.requests == len(raw) - 2  # plan.json and crawl.json are no responses
    assert (certificate.rows, certificate.records) == (landed.rows, landed.records)
    for window in (*certificate.windows, *certificate.lists):
        assert window.requests
        assert window.fetched >= window.distinct
    if dataset.name == "events":
        assert certificate.horizon_date == date(2027, 11, 21)
        assert sum(w.fetched - w.duplicate - w.elsewhere for w in certificate.windows) == landed.records


@BOTH
async def test_a_fetched_run_is_not_fetched_again_nor_a_landed_one_landed_again(
    catalog: Catalog, lake: Lake, dataset: Dataset[Any], source: str
) -> None:
    async with api(source, catalog) as running:
        await fetch(dataset, lake, running.connection, SETTINGS, RUN)
        asked = len(await running.requests())
        assert (await fetch(dataset, lake, running.connection, SETTINGS, RUN)).requests_sent == 0
        assert len(await running.requests()) == asked
    landed = land(dataset, lake, RUN, SETTINGS)
    json.dumps(asdict(landed))
    before = lake.bucket.s3.head_object(Bucket=lake.bucket.name, Key=f"manifests/{dataset.name}/{RUN}.json")[
        "LastModified"
    ]
    assert land(dataset, lake, RUN, SETTINGS) == landed
    after = lake.bucket.s3.head_object(Bucket=lake.bucket.name, Key=f"manifests/{dataset.name}/{RUN}.json")[
        "LastModified"
    ]
    assert (before, lake.manifests(dataset.name)) == (after, [RUN])


@BOTH
async def test_a_wrong_key_names_the_connection_and_stops_at_once(
    catalog: Catalog, lake: Lake, dataset: Dataset[Any], source: str
) -> None:
    async with api(source, catalog) as running:
        wrong = SourceConnection(source, running.connection.base_url, "wr0ng-k3y", 1_000)
        with pytest.raises(SourceRejected, match=f"connection `{source}`") as raised:
            await fetch(dataset, lake, wrong, SETTINGS, RUN)
        assert len(await running.requests()) <= 6  # those under way; none is asked twice
    assert "wr0ng" not in str(raised.value)
    assert objects(lake, "lake/", "manifests/", "certificates/") == {}
    assert lake.raw(dataset.name, RUN).names() == set()


@BOTH
async def test_a_source_that_is_down_is_named_and_the_next_run_proceeds(
    catalog: Catalog, lake: Lake, dataset: Dataset[Any], source: str
) -> None:
    async with api(source, catalog, faults=[Fault("http_503")]) as down:
        with pytest.raises(SourceUnavailable, match=f"{source} gave no usable response in 4 tries"):
            await fetch(dataset, lake, down.connection, SETTINGS, RUN)
    with pytest.raises(ManifestInvalid, match="is not finished"):
        land(dataset, lake, RUN, SETTINGS)
    assert objects(lake, "lake/", "manifests/", "certificates/") == {}
    async with api(source, catalog) as up:
        await fetch(dataset, lake, up.connection, SETTINGS, RUN)
    assert land(dataset, lake, RUN, SETTINGS).complete


@pytest.mark.parametrize("kind", ["http_500", "http_503", "reset", "truncated", "html", "empty", "spike"])
async def test_occasional_failures_of_ticketmaster_are_survived(
    catalog: Catalog, lake: Lake, kind: Any
) -> None:
    async with api("ticketmaster", catalog, faults=[Fault(kind, at=[2, 5, 6])]) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    assert land(EVENTS, lake, RUN, SETTINGS).records == len(true_events(catalog))


@pytest.mark.parametrize(
    "kind", ["http_503", "reset", "truncated", "html", "empty", "error_8", "error_11", "error_16", "error_29"]
)
@pytest.mark.parametrize("status", [None, 200])
async def test_occasional_failures_of_lastfm_are_survived(
    catalog: Catalog, lake: Lake, kind: Any, status: Any
) -> None:
    async with api("lastfm", catalog, faults=[Fault(kind, at=[1, 3, 4], status=status)]) as source:
        await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
    assert land(SONGS, lake, RUN, SETTINGS).complete


async def test_a_later_run_is_planned_after_the_newest_complete_one_and_finds_what_is_new(lake: Lake) -> None:
    wide = Settings(countries=("US", "GB", "CA"))
    world = Catalog(concerts=9_000, countries=wide.countries, today=date(2026, 11, 22))
    async with api("ticketmaster", world) as source:
        cold = await fetch(EVENTS, lake, source.connection, wide, RUN)
        land(EVENTS, lake, RUN, wide)
        warm = await fetch(EVENTS, lake, source.connection, wide, "2026-11-23T060000Z")
    landed = land(EVENTS, lake, "2026-11-23T060000Z", wide)
    certificate = lake.certificate("events", "2026-11-23T060000Z")
    assert certificate.planned_after == RUN
    assert landed.complete
    assert warm.requests_sent <= 1.15 * -(-landed.records // 200)
    assert warm.requests_sent <= cold.requests_sent
    starts = {window.start for window in lake.certificate("events", RUN).windows}
    assert len(starts & {window.start for window in certificate.windows}) >= 2  # a cut, and None


async def test_undated_events_of_other_countries_are_left_out_and_counted(lake: Lake) -> None:
    world = Catalog(concerts=6_000, countries=("US", "GB", "CA"), today=date(2026, 11, 22))
    async with api("ticketmaster", world) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
        asked = [request["params"] for request in await source.requests()]
    assert {params.get("countryCode") for params in asked if "includeTBA" in params} == {None}
    landed = land(EVENTS, lake, RUN, SETTINGS)
    rows = table(lake, "events", RUN)
    assert {row["event_id"] for row in rows} == true_events(world)
    assert {row["country_code"] for row in rows} == {"US", "GB"}
    elsewhere = {w.name: w.elsewhere for w in lake.certificate("events", RUN).windows}
    assert elsewhere["world-includeTBA.only"] == len(world.tba_ids("CA")) > 0
    assert landed.records == len(true_events(world))


async def test_events_that_appear_or_disappear_during_a_crawl_hide_no_others(
    catalog: Catalog, lake: Lake
) -> None:
    async with api("ticketmaster", catalog, drift=0.01, drift_requests=15) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    assert land(EVENTS, lake, RUN, SETTINGS).complete
    met = {row["event_id"] for row in table(lake, "events", RUN)}
    assert true_events(catalog) - drifting_ids(catalog, 0.01) <= met


async def test_events_at_one_instant_may_come_in_any_order(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog, ties="unstable") as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    assert land(EVENTS, lake, RUN, SETTINGS).records >= 0.99 * len(true_events(catalog))


@BOTH
async def test_with_ask_again_a_finished_run_is_fetched_again_as_a_new_run(
    catalog: Catalog, lake: Lake, dataset: Dataset[Any], source: str
) -> None:
    async with api(source, catalog) as running:
        await fetch(dataset, lake, running.connection, SETTINGS, RUN)
        land(dataset, lake, RUN, SETTINGS)
        before, asked = objects(lake, "lake/", "manifests/", "certificates/"), len(await running.requests())
        fetched = await fetch(dataset, lake, running.connection, SETTINGS, RUN, asked_again=1)
        assert len(await running.requests()) >= (fresh := asked + 5)
        assert await fetch(dataset, lake, running.connection, SETTINGS, RUN, asked_again=1) == replace(
            fetched, requests_sent=0
        )  # retried, not cleared
        assert len(await running.requests()) < fresh + asked
        land(dataset, lake, fetched.run, SETTINGS)
    assert lake.manifests(dataset.name) == [RUN, fetched.run]
    assert before.items() <= objects(lake, "lake/", "manifests/", "certificates/").items()


# Touring artists


async def landed_events(
    catalog: Catalog, lake: Lake, run: str = "2026-11-22T050000Z", **options: Any
) -> None:
    async with api("ticketmaster", catalog, **options) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, run)
    land(EVENTS, lake, run, SETTINGS)


def busiest(catalog: Catalog, lake: Lake) -> list[str]:
    """The keys of the touring artists, most upcoming concerts first."""
    rows = table(lake, "events", lake.manifests("events")[-1])
    concerts = Counter(
        row["artist_key"]
        for row in rows
        if row["artist_key"] and row["local_date"] and row["status"] != "cancelled"
    )
    return sorted(concerts, key=lambda key: (-concerts[key], key))


async def test_the_busiest_touring_artists_have_songs_too_and_no_place_in_a_chart(
    catalog: Catalog, lake: Lake
) -> None:
    await landed_events(catalog, lake)
    with_touring = replace(SETTINGS, touring_artists=20)
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, with_touring, RUN)
        asked = [
            request["params"].get("artist")
            for request in await source.requests()
            if request["params"]["page"] == "1"
        ]
    land(SONGS, lake, RUN, with_touring)
    names = [name for name in asked if name]
    assert len(names) == len({artist_key(name) for name in names})  # those who chart too are asked once
    assert set(busiest(catalog, lake)[:20]) <= {artist_key(name) for name in names}
    rows = table(lake, "songs", RUN)
    uncharted = [row for row in rows if row["chart_rank"] is None]
    assert (
        {row["chart_countries"] for row in uncharted}
        == {row["chart_listeners"] for row in uncharted}
        == {None}
    )
    assert len({row["artist_key"] for row in uncharted}) >= 5
    certificate = lake.certificate("songs", RUN)
    assert certificate.touring_in == "2026-11-22T050000Z"
    assert len(names) - certificate.touring == len({row["asked_name"] for row in rows if row["chart_rank"]})


async def test_an_incomplete_events_run_says_nothing_about_who_tours(catalog: Catalog, lake: Lake) -> None:
    await landed_events(catalog, lake, broken_last_page=True)
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
    land(SONGS, lake, RUN, SETTINGS)
    assert lake.certificate("songs", RUN).touring_in is None
    assert lake.certificate("songs", RUN).touring == 0


async def test_every_try_of_a_run_requests_the_same_touring_artists(catalog: Catalog, lake: Lake) -> None:
    async with api("lastfm", catalog, faults=[Fault("http_500", at=list(range(2, 80)))]) as down:
        with pytest.raises(SourceUnavailable):
            await fetch(SONGS, lake, replace(down.connection, requests_per_second=50), SETTINGS, RUN)
    await landed_events(catalog, lake)
    async with api("lastfm", catalog) as up:
        await fetch(SONGS, lake, up.connection, SETTINGS, RUN)
    land(SONGS, lake, RUN, SETTINGS)
    assert lake.certificate("songs", RUN).touring == 0


async def test_billings_unknown_to_lastfm_are_rejected_without_failing_the_run(lake: Lake) -> None:
    small = Catalog(concerts=400, countries=("US", "GB"), today=date(2026, 11, 22))
    await landed_events(small, lake)
    everybody = replace(SETTINGS, touring_artists=5_000, tracks_per_artist=1)
    async with api("lastfm", small) as source:
        await fetch(SONGS, lake, source.connection, everybody, RUN)
    landed = land(SONGS, lake, RUN, everybody)
    reasons = lake.certificate("songs", RUN).rejected_by_reason
    assert set(reasons) <= {"artist_not_found", "unknown_artist", "shadow_artist"}
    assert landed.rejected > 0.05 * landed.records


async def test_a_crawl_that_loses_events_is_not_complete_and_says_where(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog, broken_last_page=True) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    landed = land(EVENTS, lake, RUN, SETTINGS)
    assert not landed.complete
    assert any("reported events" in reason for reason in landed.reasons)
    assert lake.certificate("events", RUN).complete is False


async def test_the_key_is_in_no_object(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog) as source:
        key = source.connection.key.encode()
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    land(EVENTS, lake, RUN, SETTINGS)
    for name, body in objects(lake, "").items():
        assert key not in (gzip.decompress(body) if name.endswith(".gz") else body)


async def fetched_with(catalog: Catalog, lake: Lake, nameless: int) -> None:
    """Fetches a run in which some events have no name."""
    async with api("ticketmaster", catalog) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    raw = lake.raw("events", RUN)
    crawl = raw.crawl()
    assert crawl
    name = crawl.windows[0].responses[0]
    kept = raw.get(name)
    document = msgspec.json.decode(kept.body)
    for event in document["_embedded"]["events"][:nameless]:
        del event["name"]
    body = msgspec.json.encode(document)
    raw.put(name, kept.request, kept.status, kept.received_at, body)


async def test_a_rejected_record_points_to_its_raw_line_and_the_others_are_landed(
    catalog: Catalog, lake: Lake
) -> None:
    await fetched_with(catalog, lake, nameless=3)
    landed = land(EVENTS, lake, RUN, SETTINGS)
    assert (landed.records, landed.rejected) == (len(true_events(catalog)), 3)
    [body] = objects(lake, "rejected/events/").values()
    rejected = [json.loads(line) for line in gzip.decompress(body).splitlines()]
    assert [(record["reason"], record["position"]) for record in rejected] == [
        ("missing_name", n) for n in range(3)
    ]
    for record in rejected:
        raw = lake.raw("events", RUN).get(record["raw"].rpartition("/")[2].removesuffix(".jsonl.gz"))
        event = msgspec.json.decode(raw.body)["_embedded"]["events"][record["position"]]
        assert event["id"] == record["record_id"]
    assert lake.certificate("events", RUN).rejected_by_reason == {"missing_name": 3}
    assert rejected_ids(lake, "events", RUN) == {record["record_id"] for record in rejected}


async def test_too_many_rejected_records_publish_nothing_until_the_run_is_redriven(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fetched_with(catalog, lake, nameless=200)
    with pytest.raises(TooManyRejected, match=r"200 of \d+ .*missing_name 200 times"):
        land(EVENTS, lake, RUN, SETTINGS)
    assert lake.manifests("events") == []
    assert objects(lake, "rejected/events/")
    monkeypatch.setenv("MUSICIAN_BUCKET", lake.bucket.name)
    monkeypatch.setenv("MUSICIAN_MAX_REJECTED_PERCENT", "50")
    command(["redrive", "events", RUN])
    assert lake.manifests("events") == [RUN]


async def test_a_redrive_makes_the_same_manifest_again(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
    land(SONGS, lake, RUN, SETTINGS)
    before = objects(lake, "lake/", "manifests/", "certificates/")
    for key in before:
        lake.bucket.s3.delete_object(Bucket=lake.bucket.name, Key=key)
    monkeypatch.setenv("MUSICIAN_BUCKET", lake.bucket.name)
    command(["redrive", "songs", RUN])
    assert objects(lake, "lake/", "manifests/", "certificates/") == before


async def test_a_country_without_a_chart_is_rejected(catalog: Catalog, lake: Lake) -> None:
    async with api("lastfm", catalog) as source:
        with pytest.raises(SourceRejected, match="MUSICIAN_COUNTRIES"):
            await fetch(SONGS, lake, source.connection, Settings(countries=("AQ",)), RUN)


async def test_events_of_other_countries_do_not_fail_a_run(lake: Lake) -> None:
    """The first crawl of the whole world's undated events may contain many that cannot be read."""
    world = Catalog(concerts=6_000, countries=("US", "GB", "CA"), today=date(2026, 11, 22))
    foreign, settings = set(world.tba_ids("CA")), Settings(countries=("GB", "IE"), horizon_days=1)
    async with api("ticketmaster", world) as source:
        await fetch(EVENTS, lake, source.connection, settings, RUN)
        raw = lake.raw("events", RUN)
        kept = raw.get("world-includeTBA.only-0")
        document = msgspec.json.decode(kept.body)
        for event in document["_embedded"]["events"]:
            if event["id"] in foreign:
                del event["_embedded"]["venues"]
        lake.bucket.delete([f"raw/events/{RUN}/crawl.json"])
        body = msgspec.json.encode(document)
        raw.put("world-includeTBA.only-0", kept.request, kept.status, kept.received_at, body)
        await fetch(EVENTS, lake, source.connection, settings, RUN)
    assert land(EVENTS, lake, RUN, settings).rejected == 0


async def test_dates_that_a_crawl_covers_only_partly_are_beyond_its_horizon(lake: Lake) -> None:
    """An evening in America begins after midnight UTC; the warehouse must not count it as delisted."""
    america = Catalog(concerts=4_000, countries=("US",), today=date(2026, 11, 22))
    later, settings = "2026-11-23T010000Z", Settings(countries=("US",))
    async with api("ticketmaster", america) as source:
        await fetch(EVENTS, lake, source.connection, settings, RUN)
        await fetch(EVENTS, lake, source.connection, replace(settings, horizon_days=30), later)
    land(EVENTS, lake, RUN, settings)
    land(EVENTS, lake, later, settings)
    horizon = lake.certificate("events", later).horizon_date
    seen = {row["event_id"] for row in table(lake, "events", later)}
    expected = {
        row["event_id"]
        for row in table(lake, "events", RUN)
        if row["local_date"] and date(2026, 11, 23) < row["local_date"] < horizon
    }
    assert len(expected) > 100
    assert expected <= seen


async def test_a_page_beyond_the_last_that_is_not_found_ends_a_list_and_can_be_landed(
    catalog: Catalog, lake: Lake
) -> None:
    settings = replace(SETTINGS, tracks_per_artist=300)  # more than anybody has
    beyond = [Fault("error_6", where={"method": "artist.getTopTracks", "page": page}) for page in ("2", "3")]
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, settings, RUN)
        land(SONGS, lake, RUN, settings)
        whole = table(lake, "songs", RUN)
        await source.change(faults=[asdict(fault) for fault in beyond])
        other = "2026-11-22T070000Z"
        await fetch(SONGS, lake, source.connection, settings, other)
        landed = land(SONGS, lake, other, settings)
    assert landed.complete
    assert len(table(lake, "songs", other)) == len(whole)
