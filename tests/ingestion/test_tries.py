"""What happens when a run is retried after something has changed: its settings, or the responses it kept."""

import gzip
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from include.__main__ import main as command
from include.errors import SourceRejected, SourceUnavailable, TooManyRejected
from include.ingestion.dataset import Dataset
from include.ingestion.events import EVENTS
from include.ingestion.fetch import fetch as fetch_at
from include.ingestion.land import land
from include.ingestion.songs import SONGS, SongsPlan
from include.lake.bucket import Bucket
from include.lake.certificate import Crawl, Scope, Window
from include.lake.lake import Lake
from include.lake.raw import RawRun
from include.lake.runs import run_instant
from include.settings import Settings
from include.sources.lastfm import lists as lastfm_lists
from sandbox.faults import Fault
from sandbox.world.catalog import Catalog
from tests.support.ingesting import fetch
from tests.support.stand_ins import api, objects, table

RUN, NEXT = "2026-11-22T060000Z", "2026-11-23T060000Z"
SETTINGS = Settings(countries=("US",), artists_per_country=5, tracks_per_artist=10, touring_artists=0)
OTHER = (
    b'{"request": {"countryCode": "US"}, "status": 200, "received_at": "2026-11-22T06:00:00Z", "body": '
    + b"[%s]}\n" % b", ".join([b'{"id": %d}' % number for number in range(900)])
)
"""A response whose records are all rejected."""
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=4_000, countries=("US",), today=date(2026, 11, 22))


def outage(after: int) -> list[Fault]:
    """The source serves that many requests, and then none for a while."""
    return [Fault("http_503", at=list(range(after, 80)))]


async def test_songs_are_collected_by_the_settings_of_the_first_try(catalog: Catalog, lake: Lake) -> None:
    """Otherwise pages of the first try and of a later one would differ in size, and songs would be skipped."""
    async with api("lastfm", catalog, faults=outage(2)) as source:
        with pytest.raises(SourceUnavailable):
            await fetch(SONGS, lake, replace(source.connection, requests_per_second=50), SETTINGS, RUN)
    changed = replace(SETTINGS, artists_per_country=8, tracks_per_artist=30)
    undisturbed = Lake(Bucket(lake.bucket.s3, f"{lake.bucket.name}-undisturbed"))
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, changed, RUN)
        await fetch(SONGS, undisturbed, source.connection, SETTINGS, RUN)
    assert land(SONGS, lake, RUN, changed).complete
    land(SONGS, undisturbed, RUN, SETTINGS)
    assert table(lake, "songs", RUN) == table(undisturbed, "songs", RUN)


async def test_concerts_are_collected_to_the_horizon_of_the_first_try(catalog: Catalog, lake: Lake) -> None:
    big = Catalog(concerts=9_000, countries=("US",), today=date(2026, 11, 22))
    async with api("ticketmaster", big) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
        land(EVENTS, lake, RUN, SETTINGS)
    async with api("ticketmaster", big, faults=outage(3)) as source:
        with pytest.raises(SourceUnavailable):
            await fetch(EVENTS, lake, replace(source.connection, requests_per_second=50), SETTINGS, NEXT)
    async with api("ticketmaster", big) as source:
        await fetch(EVENTS, lake, source.connection, replace(SETTINGS, horizon_days=20), NEXT)
        asked = [request["params"] for request in await source.requests()]
    assert all(params.get("startDateTime", "") <= params.get("endDateTime", "") for params in asked)
    assert land(EVENTS, lake, NEXT, SETTINGS).complete
    assert max(row["starts_at"] for row in table(lake, "events", NEXT) if row["starts_at"]) > datetime(
        2027, 1, 1
    )


async def test_a_finished_run_requests_nothing_even_when_its_raw_responses_have_expired(
    catalog: Catalog, lake: Lake
) -> None:
    async with api("ticketmaster", catalog) as source:
        first = await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
        landed = land(EVENTS, lake, RUN, SETTINGS)
        lake.bucket.delete([key for key, _ in lake.bucket.sizes("raw/")])
        asked = len(await source.requests())
        again = await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
        assert len(await source.requests()) == asked
    assert again == replace(first, requests_sent=0)
    assert land(EVENTS, lake, RUN, SETTINGS) == landed


async def test_a_redrive_that_lacks_a_response_leaves_what_was_landed(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 expires responses one by one; those of a run that took two days do not expire together."""
    async with api("ticketmaster", catalog) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    land(EVENTS, lake, RUN, SETTINGS)
    crawl = lake.raw("events", RUN).crawl()
    assert crawl
    gone = f"raw/events/{RUN}/{crawl.windows[-1].responses[0]}.jsonl.gz"
    lake.bucket.delete([gone])
    monkeypatch.setenv("MUSICIAN_BUCKET", lake.bucket.name)
    with pytest.raises(SystemExit, match=f"have expired, such as {lake.bucket.url(gone)}, so it cannot"):
        command(["redrive", "events", RUN])
    assert lake.manifests("events") == [RUN]


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"not compressed", "malformed"), (gzip.compress(OTHER, mtime=0), "were rejected")],
    ids=["damaged", "rejected"],
)
async def test_a_redrive_that_cannot_succeed_leaves_what_was_landed(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch, content: bytes, error: str
) -> None:
    async with api("ticketmaster", catalog) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    land(EVENTS, lake, RUN, SETTINGS)
    before = objects(lake, "lake/", "manifests/", "certificates/", "rejected/")
    crawl = lake.raw("events", RUN).crawl()
    assert crawl
    for name in crawl.windows[0].responses:
        lake.bucket.put(f"raw/events/{RUN}/{name}.jsonl.gz", content)
    monkeypatch.setenv("MUSICIAN_BUCKET", lake.bucket.name)
    with pytest.raises(SystemExit, match=error):
        command(["redrive", "events", RUN])
    assert objects(lake, "lake/", "manifests/", "certificates/", "rejected/") == before


def fetched_twice(lake: Lake, nameless_first: int, nameless_last: int, number: int = 20) -> None:
    """A fetched run of so many events that two responses contain, some of them without a name."""
    raw, started = lake.raw("events", RUN), run_instant(RUN)
    for minute, nameless in enumerate((nameless_first, nameless_last)):
        events = [
            {
                "id": f"e{each}",
                **({} if each < nameless else {"name": "A"}),
                "dates": {"start": {"localDate": "2026-12-24"}},
                "_embedded": {"venues": [{"country": {"countryCode": "US"}}]},
            }
            for each in range(number)
        ]
        body = msgspec.json.encode({"page": {"totalElements": number}, "_embedded": {"events": events}})
        at = started + timedelta(minutes=minute)
        raw.put(f"p{minute}", {"countryCode": "US"}, 200, at, body)
    window = Window(name="US", country="US", responses=("p0", "p1"))
    raw.put_crawl(Crawl(Scope(("US",), horizon_days=365), complete=True, windows=(window,)))


def test_a_redrive_is_judged_by_the_responses_that_have_the_last_word(lake: Lake) -> None:
    fetched_twice(lake, nameless_first=0, nameless_last=5)
    land(EVENTS, lake, RUN, replace(SETTINGS, max_rejected_percent=100))
    before = objects(lake, "lake/", "manifests/", "certificates/", "rejected/")
    with pytest.raises(TooManyRejected, match="what was landed before still counts"):
        land(EVENTS, lake, RUN, replace(SETTINGS, max_rejected_percent=5), again=True)
    assert objects(lake, "lake/", "manifests/", "certificates/", "rejected/") == before


def test_a_redrive_whose_last_responses_are_good_is_not_refused(lake: Lake) -> None:
    fetched_twice(lake, nameless_first=5, nameless_last=0)
    strict = replace(SETTINGS, max_rejected_percent=5)
    land(EVENTS, lake, RUN, strict)
    assert land(EVENTS, lake, RUN, strict, again=True).rejected == 0


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_landing_reads_each_response_once(lake: Lake, monkeypatch: pytest.MonkeyPatch, again: bool) -> None:
    fetched_twice(lake, nameless_first=0, nameless_last=0)
    if again:
        land(EVENTS, lake, RUN, SETTINGS)
    read: list[str] = []
    get = RawRun.get
    monkeypatch.setattr(RawRun, "get", lambda raw, name: read.append(name) or get(raw, name))
    land(EVENTS, lake, RUN, SETTINGS, again=again)
    assert sorted(read) == ["p0", "p1"]


@pytest.mark.parametrize("number", [2, 5, 19])
def test_a_single_rejected_record_costs_only_itself_in_a_run_of_any_size(lake: Lake, number: int) -> None:
    fetched_twice(lake, nameless_first=1, nameless_last=1, number=number)
    landed = land(EVENTS, lake, RUN, SETTINGS)
    assert (landed.records, landed.rows, landed.rejected) == (number, number - 1, 1)


@pytest.mark.parametrize(("number", "percent"), [(1, 5), (5, 0)])
def test_a_single_rejected_record_is_too_many_if_there_is_no_other_or_none_is_tolerated(
    lake: Lake, number: int, percent: int
) -> None:
    fetched_twice(lake, nameless_first=1, nameless_last=1, number=number)
    with pytest.raises(TooManyRejected, match=f"1 of {number} "):
        land(EVENTS, lake, RUN, replace(SETTINGS, max_rejected_percent=percent))


async def test_the_certificate_counts_every_request_that_was_spent(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog, faults=[Fault("http_503", at=[2, 5, 6])]) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
        sent = len(await source.requests())
    land(EVENTS, lake, RUN, SETTINGS)
    certificate = lake.certificate("events", RUN)
    assert certificate.requests == sum(window.requests for window in certificate.windows) == sent


async def test_a_chart_that_was_rejected_is_requested_again(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api("lastfm", catalog) as source:
        with monkeypatch.context() as patch:
            patch.setitem(lastfm_lists.COUNTRIES, "US", "Untied States")
            with pytest.raises(SourceRejected, match="no chart for US, requested as 'Untied States'"):
                await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
        await fetch(SONGS, lake, source.connection, SETTINGS, RUN)
    assert land(SONGS, lake, RUN, SETTINGS).complete


AT = run_instant(RUN)


async def test_a_try_a_day_later_begins_a_new_run_with_its_own_date(catalog: Catalog, lake: Lake) -> None:
    """Otherwise it would date today's responses yesterday."""
    async with api("lastfm", catalog, faults=outage(2)) as source:
        with pytest.raises(SourceUnavailable):
            slow = replace(source.connection, requests_per_second=50)
            await fetch_at(SONGS, lake, slow, SETTINGS, "scheduled__1", AT)
    kept = lake.raw("songs", RUN).names()
    async with api("lastfm", catalog) as source:
        late = await fetch_at(
            SONGS, lake, source.connection, SETTINGS, "scheduled__1", AT + timedelta(days=1, hours=2)
        )
        assert late.requests_sent == late.requests
    assert kept
    assert late.run == "2026-11-23T080000Z"
    assert {row["snapshot_at"] for row in landed_rows(SONGS, lake, late.run)} == {datetime(2026, 11, 23, 8)}


async def test_a_try_within_a_day_resumes_the_run(catalog: Catalog, lake: Lake) -> None:
    async with api("lastfm", catalog, faults=outage(2)) as source:
        with pytest.raises(SourceUnavailable):
            slow = replace(source.connection, requests_per_second=50)
            await fetch_at(SONGS, lake, slow, SETTINGS, "scheduled__1", AT)
    async with api("lastfm", catalog) as source:
        later = await fetch_at(
            SONGS, lake, source.connection, SETTINGS, "scheduled__1", AT + timedelta(hours=23)
        )
    assert later.run == RUN
    assert later.requests_sent < later.requests


async def test_a_try_after_a_newer_run_has_landed_begins_a_new_run(catalog: Catalog, lake: Lake) -> None:
    async with api("lastfm", catalog, faults=outage(2)) as source:
        with pytest.raises(SourceUnavailable):
            slow = replace(source.connection, requests_per_second=50)
            await fetch_at(SONGS, lake, slow, SETTINGS, "scheduled__1", AT)
    async with api("lastfm", catalog) as source:
        newer = await fetch_at(SONGS, lake, source.connection, SETTINGS, "manual__2", AT + timedelta(hours=1))
        land(SONGS, lake, newer.run, SETTINGS)
        last = await fetch_at(
            SONGS, lake, source.connection, SETTINGS, "scheduled__1", AT + timedelta(hours=2)
        )
    assert [newer.run, last.run] == ["2026-11-22T070000Z", "2026-11-22T080000Z"]


async def test_two_triggers_within_a_second_are_two_runs(catalog: Catalog, lake: Lake) -> None:
    async with api("lastfm", catalog) as source:
        one = await fetch_at(SONGS, lake, source.connection, SETTINGS, "manual__1", AT)
        two = await fetch_at(
            SONGS, lake, source.connection, replace(SETTINGS, artists_per_country=2), "manual__2", AT
        )
        assert two.requests_sent
    assert [one.run, two.run] == [RUN, "2026-11-22T060001Z"]
    assert len({row["asked_name"] for row in landed_rows(SONGS, lake, two.run)}) == 2


async def test_corrected_settings_take_effect_if_nothing_was_received_yet(
    catalog: Catalog, lake: Lake
) -> None:
    async with api("lastfm", catalog) as source:
        with pytest.raises(SourceRejected, match="MUSICIAN_COUNTRIES"):
            await fetch_at(
                SONGS, lake, source.connection, replace(SETTINGS, countries=("AQ",)), "manual__1", AT
            )
        done = await fetch_at(
            SONGS, lake, source.connection, SETTINGS, "manual__1", AT + timedelta(minutes=9)
        )
    assert done.run == "2026-11-22T060900Z"
    assert lake.raw("songs", RUN).plan(SongsPlan) is None
    landed_rows(SONGS, lake, done.run)
    assert lake.certificate("songs", done.run).scope.countries == ("US",)


async def test_corrected_settings_take_effect_although_a_chart_was_received_before_another_was_rejected(
    catalog: Catalog, lake: Lake
) -> None:
    two = replace(SETTINGS, countries=("US", "AQ"))
    raw = lake.raw("songs", RUN)
    async with api("lastfm", catalog) as source:
        with pytest.raises(SourceRejected, match="MUSICIAN_COUNTRIES"):
            await fetch_at(SONGS, lake, source.connection, two, "manual__1", AT)
        if not raw.names():  # whichever came first
            raw.begin(SongsPlan(scope=SONGS.scope(two), touring_in=None, touring=()))
            raw.put("chart-us", {}, 200, AT, b"{}")
            raw.note_rejection()
        done = await fetch_at(
            SONGS, lake, source.connection, SETTINGS, "manual__1", AT + timedelta(minutes=9)
        )
    assert done.run == "2026-11-22T060900Z"
    landed_rows(SONGS, lake, done.run)
    assert lake.certificate("songs", done.run).scope.countries == ("US",)


async def test_an_unfinished_run_that_is_to_ask_again_begins_anew_when_it_is_cleared_and_resumes_when_it_is_retried(
    catalog: Catalog, lake: Lake
) -> None:
    corrected = replace(SETTINGS, artists_per_country=8)
    async with api("lastfm", catalog, faults=outage(2)) as source:
        with pytest.raises(SourceUnavailable):
            await fetch(SONGS, lake, replace(source.connection, requests_per_second=50), SETTINGS, RUN)
    async with api("lastfm", catalog, faults=outage(3)) as source:
        with pytest.raises(SourceUnavailable):
            await fetch(
                SONGS, lake, replace(source.connection, requests_per_second=50), corrected, RUN, asked_again=1
            )
    async with api("lastfm", catalog) as source:
        fetched = await fetch(SONGS, lake, source.connection, SETTINGS, RUN, asked_again=1)
        asked = {request["params"].get("country") for request in await source.requests()}
    assert fetched.run > RUN
    land(SONGS, lake, fetched.run, SETTINGS)
    assert lake.certificate("songs", fetched.run).scope == SONGS.scope(corrected)
    assert asked == {None}  # the chart was kept


async def test_who_tours_is_read_from_a_run_that_covers_the_countries(catalog: Catalog, lake: Lake) -> None:
    async with api("ticketmaster", catalog) as source:
        for countries, run in ((("US", "GB"), "2026-11-22T040000Z"), (("GB",), "2026-11-22T050000Z")):
            settings = replace(SETTINGS, countries=countries)
            await fetch(EVENTS, lake, source.connection, settings, run)
            land(EVENTS, lake, run, settings)
    async with api("lastfm", catalog) as source:
        await fetch(SONGS, lake, source.connection, replace(SETTINGS, touring_artists=2), RUN)
    land(SONGS, lake, RUN, SETTINGS)
    assert lake.certificate("songs", RUN).touring_in == "2026-11-22T040000Z"


def landed_rows(dataset: Dataset[Any], lake: Lake, run: str) -> list[dict[str, Any]]:
    """Lands a run and returns its rows."""
    land(dataset, lake, run, SETTINGS)
    return table(lake, dataset.name, run)
