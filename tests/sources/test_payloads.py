"""Recorded responses of both real APIs through the pipeline's own code: all become rows or rejections.

Without the recordings these tests are skipped.
"""

import gzip
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from include.errors import QuotaSpent, SourceRejected, UnexpectedPayload
from include.ingestion.events import EVENTS
from include.ingestion.land import Landed, land
from include.ingestion.songs import SONGS
from include.lake.bucket import Bucket
from include.lake.certificate import Crawl, List, Scope, Window
from include.lake.lake import Lake
from include.lake.parts import verify
from include.quality import audit as quality
from include.settings import Settings
from include.sources.client.messages import Response, Retry
from include.sources.lastfm import lists as lastfm_lists
from include.sources.lastfm import rows as lastfm
from include.sources.rows import Noticed, Rejection
from include.sources.ticketmaster import rows as ticketmaster
from include.sources.ticketmaster import search as ticketmaster_search
from include.warehouse.tables import create_tables
from tests.support.recordings import PAYLOADS, needs_recordings
from tests.support.snapshots import build_load, engine, judged_at, pending_loads, rows

pytestmark = needs_recordings

RUN = "2026-11-22T060000Z"
SNAPSHOT = datetime(2026, 11, 22, 6, tzinfo=UTC)


def files(source: str, *prefixes: str) -> list[Any]:
    """The recordings of a source whose names begin so."""
    found = sorted(path for path in (PAYLOADS / source).glob("*.json") if path.name.startswith(prefixes))
    return [pytest.param(path, id=path.stem) for path in found]


def paths(source: str, *prefixes: str) -> list[Path]:
    return [parameter.values[0] for parameter in files(source, *prefixes)]


def response(path: Path, status: int = 200) -> Response:
    return Response(status, {}, path.read_bytes(), SNAPSHOT)


def recorded_events(path: Path) -> list[Any]:
    document = msgspec.json.decode(path.read_bytes())
    if isinstance(document, list):
        return document
    if "events" in document.get("_embedded", {}):
        events: list[Any] = document["_embedded"]["events"]
        return events
    return [document] if "id" in document else []


EVENT_FILES = ("event__", "events_page__", "events_list__", "empty__")


@pytest.mark.parametrize("path", files("ticketmaster", *EVENT_FILES))
def test_every_recorded_event_has_rows_or_a_reason(path: Path) -> None:
    found = list(ticketmaster.rows(path.read_bytes(), SNAPSHOT, "US", Noticed()))
    events = recorded_events(path)
    assert len(found) == len(events)
    for event, made in zip(events, found, strict=True):
        if isinstance(made, Rejection):
            assert made.reason
            continue
        billed = event.get("_embedded", {}).get("attractions", [])
        assert {row.event_id for row in made} == {event["id"]}
        assert len(made) == max(1, len({(a.get("id"), a["name"].strip()) for a in billed}))


def test_the_recorded_events_hardly_ever_need_to_be_rejected() -> None:
    outcomes: Counter[str] = Counter()
    for path in paths("ticketmaster", *EVENT_FILES):
        for made in ticketmaster.rows(path.read_bytes(), SNAPSHOT, "US", Noticed()):
            outcomes[made.reason if isinstance(made, Rejection) else "rows"] += 1
    assert outcomes == {"rows": 626}


@pytest.mark.parametrize("path", files("ticketmaster", "events_page__", "empty__"))
def test_a_recorded_page_is_understood_by_the_crawl(path: Path) -> None:
    document = msgspec.json.decode(path.read_bytes())
    if "page" not in document:  # cut by hand: such a response is requested again
        with pytest.raises(Retry):
            ticketmaster_search.read(response(path))
        return
    page = ticketmaster_search.read(response(path))
    assert page.total == document["page"]["totalElements"]
    assert [seen.id for seen in page.sightings] == [event["id"] for event in recorded_events(path)]


@pytest.mark.parametrize("path", files("ticketmaster", "attractions_page__", "venues_page__", "error__"))
def test_a_document_without_events_is_not_mistaken_for_an_empty_page(path: Path) -> None:
    with pytest.raises(UnexpectedPayload):
        list(ticketmaster.rows(path.read_bytes(), SNAPSHOT, "US", Noticed()))


@pytest.mark.parametrize(
    ("name", "status", "meaning"),
    [
        ("error__67e95f", 401, SourceRejected),
        ("error__429_QuotaViolation", 429, QuotaSpent),
        ("error__429_SpikeArrestViolation", 429, Retry),
        ("error__DIS1015_bad-date-format", 400, SourceRejected),
        ("error__DIS1036_size-too-large", 400, SourceRejected),
    ],
)
def test_recorded_errors_of_ticketmaster_are_understood(
    name: str, status: int, meaning: type[Exception]
) -> None:
    with pytest.raises(meaning):
        ticketmaster_search.read(response(PAYLOADS / "ticketmaster" / f"{name}.json", status))


def test_the_recorded_wall_of_ticketmaster_is_not_an_error() -> None:
    assert ticketmaster_search.read(
        response(PAYLOADS / "ticketmaster" / "error__DIS1035_max-paging-depth.json", 400)
    ).too_deep


def test_a_recorded_404_of_ticketmaster_is_an_empty_search() -> None:
    assert (
        ticketmaster_search.read(response(PAYLOADS / "ticketmaster" / "error__aba9a3.json", 404)).total == 0
    )


# chart.getTopArtists and tag.getTopArtists are not asked, but have the shape of geo.getTopArtists.
CHART_FILES = ("geo.gettopartists__", "chart.gettopartists__", "tag.gettopartists__")
# What the pipeline asks neither for nor understands: other roots (tracks, topalbums, artist).
OTHER_FILES = (
    "artist.getinfo__",
    "chart.gettoptracks__",
    "geo.gettoptracks__",
    "tag.gettoptracks__",
    "tag.gettopalbums__",
)


@pytest.mark.parametrize("path", files("lastfm", *CHART_FILES))
def test_every_artist_of_a_recorded_chart_is_charted_or_rejected(path: Path) -> None:
    [root] = msgspec.json.decode(path.read_bytes()).values()
    found = list(lastfm.chart(path.read_bytes(), "US", Noticed()))
    assert len(found) == len(root["artist"])
    assert [a.name for a in found if isinstance(a, lastfm.Charted)] == [a["name"] for a in root["artist"]]
    page = lastfm_lists.read(response(path))
    assert list(page.names) == [a["name"] for a in root["artist"]]
    assert page.total == int(root["@attr"]["total"])


@pytest.mark.parametrize("path", files("lastfm", "artist.gettoptracks__"))
def test_every_recorded_track_is_a_row_a_duplicate_or_rejected(path: Path) -> None:
    root = msgspec.json.decode(path.read_bytes())["toptracks"]
    found = lastfm.songs([path.read_bytes()], SNAPSHOT, "asked", lastfm.Charted("asked"), 1_000, Noticed())
    if root["@attr"]["artist"] == "[unknown]":
        assert [rejection.reason for rejection in found.rejections] == ["unknown_artist"]
        return
    assert len(found.rows) + len(found.rejections) + found.duplicates == len(root["track"]) == found.fetched
    assert {row.artist_name for row in found.rows} == {root["@attr"]["artist"]}
    assert [row.play_count for row in found.rows] == [int(track["playcount"]) for track in root["track"]]


@pytest.mark.parametrize("path", files("lastfm", *OTHER_FILES))
def test_lists_that_we_never_request_are_not_mistaken_for_ours(path: Path) -> None:
    with pytest.raises(Retry) as raised:
        lastfm_lists.read(response(path))
    assert raised.value.finally_raise is UnexpectedPayload


@pytest.mark.parametrize("path", files("lastfm", "error__"))
@pytest.mark.parametrize("status", [200, 400])
def test_recorded_errors_of_lastfm_are_understood(path: Path, status: int) -> None:
    error = msgspec.json.decode(path.read_bytes())
    if error["error"] == 6 and "out of bounds" not in error["message"]:
        assert lastfm_lists.read(response(path, status)).not_found == error["message"]
        return
    meaning = Retry if error["error"] in (8, 11, 16, 29) else SourceRejected
    with pytest.raises(meaning):
        lastfm_lists.read(response(path, status))


def test_every_recording_belongs_to_a_test_above() -> None:
    known = {
        "ticketmaster": (*EVENT_FILES, "attractions_page__", "venues_page__", "error__"),
        "lastfm": (*CHART_FILES, *OTHER_FILES, "artist.gettoptracks__", "error__"),
    }
    for source, prefixes in known.items():
        assert set(paths(source, *prefixes)) == set(paths(source, ""))


# All of them as one run


def keep(lake: Lake, dataset: str, name: str, path: Path, request: dict[str, str]) -> None:
    lake.raw(dataset, RUN).put(name, request, 200, SNAPSHOT, path.read_bytes())


def land_recorded_events(lake: Lake) -> Landed:
    """Lands the recorded events as if one crawl had brought them."""
    recordings = paths("ticketmaster", *EVENT_FILES)
    for path in recordings:
        keep(lake, "events", path.stem, path, {"countryCode": "US"})
    window = Window(name="US", country="US", responses=tuple(path.stem for path in recordings))
    countries = {
        venue.get("country", {}).get("countryCode", "US")
        for path in recordings
        for event in recorded_events(path)
        for venue in event.get("_embedded", {}).get("venues", [])
    }
    scope, horizon = Scope(tuple(sorted({*countries, "US"})), horizon_days=365), date(2027, 11, 22)
    crawl = Crawl(scope, complete=True, horizon_date=horizon, windows=(window,))
    lake.raw("events", RUN).put_crawl(crawl)
    return land(EVENTS, lake, RUN, Settings())


def land_recorded_songs(lake: Lake) -> Landed:
    """Lands the recorded charts and tracks as if one crawl had brought them."""
    lists = []
    for path in paths("lastfm", "geo.gettopartists__"):
        keep(lake, "songs", path.stem, path, {})
        lists.append(List(country="US", responses=(path.stem,)))
    for path in paths("lastfm", "artist.gettoptracks__"):
        keep(lake, "songs", path.stem, path, {})
        artist = msgspec.json.decode(path.read_bytes())["toptracks"]["@attr"]["artist"]
        lists.append(List(artist=artist, returned=artist, responses=(path.stem,)))
    scope = Scope(("US",), artists_per_country=50, touring_artists=0, tracks_per_artist=50)
    lake.raw("songs", RUN).put_crawl(Crawl(scope, complete=True, lists=tuple(lists)))
    return land(SONGS, lake, RUN, Settings(max_rejected_percent=50))


def test_the_recorded_events_land_as_parquet_each_once(s3: Any, bucket: str) -> None:
    lake = Lake(Bucket(s3, bucket))
    landed = land_recorded_events(lake)
    ids = {event["id"] for path in paths("ticketmaster", *EVENT_FILES) for event in recorded_events(path)}
    assert (landed.records, landed.rejected) == (len(ids), 0)
    assert landed.rows > landed.records
    verify(lake, lake.manifest("events", RUN))


def test_the_recorded_songs_land_as_parquet_and_the_rejected_with_their_raw_line(
    s3: Any, bucket: str
) -> None:
    lake = Lake(Bucket(s3, bucket))
    landed = land_recorded_songs(lake)
    assert landed.rows > 60
    assert lake.certificate("songs", RUN).unknown_fields == {}
    rejected = lake.bucket.get(f"rejected/songs/{RUN}/rejected.jsonl.gz")
    reasons = [msgspec.json.decode(line) for line in gzip.decompress(rejected).splitlines()]
    assert [rejected["reason"] for rejected in reasons] == ["unknown_artist"] * landed.rejected
    assert all(rejected["raw"].startswith(f"s3://{bucket}/raw/songs/{RUN}/") for rejected in reasons)


# What two recordings lack because somebody cut them by hand for a test of their own (payloads/INDEX.md).
TRIMMED = {
    ("dim_concerts", "status"): "events_list__1f8b4c",
    ("bridge_concert_artists", "attraction_id"): "event__422642",
}


def test_every_recorded_event_and_song_is_a_row_of_the_star_and_passes_its_audit(
    redshift: Any, s3: Any, bucket: str
) -> None:
    lake = Lake(Bucket(s3, bucket))
    events, songs = land_recorded_events(lake), land_recorded_songs(lake)
    create_tables(redshift)
    [load] = pending_loads(redshift, lake)
    build_load(redshift, lake, load)
    recorded = {
        event["id"] for path in paths("ticketmaster", *EVENT_FILES) for event in recorded_events(path)
    }
    concerts = {concert for (concert,) in rows(redshift, "select concert_id from audit.dim_concerts")}
    assert (concerts, events.rejected) == (recorded, 0)
    assert rows(redshift, "select count(*) from audit.dim_songs") == [(songs.records - songs.rejected,)]

    outcome = quality.audit(lake, load, engine(), kept_runs=1, judged_at=judged_at(load))
    assert outcome.verdict.failures == ()
    assert [warning.rpartition(": ")[0] for warning in outcome.warnings] == [
        f"{table}: expect_column_values_to_not_be_null {column}" for table, column in TRIMMED
    ]
    for (table, column), recording in TRIMMED.items():
        [path] = paths("ticketmaster", recording)
        lacking = rows(redshift, f"select concert_id from audit.{table} where {column} is null")
        assert {concert for (concert,) in lacking} == {event["id"] for event in recorded_events(path)}
