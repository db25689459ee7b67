"""The Last.fm stand-in behaves like the real API as observed and recorded."""

import functools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from sandbox.faults import Fault
from sandbox.lastfm.api import application
from sandbox.lastfm.artists import UNKNOWN_MBID
from sandbox.lastfm.options import LastfmOptions
from sandbox.world.catalog import Catalog
from sandbox.world.names import UNUSUAL, billed_as, fold
from tests.support.recordings import needs_recordings, recorded, shape

recording = functools.partial(recorded, "lastfm")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=1_000, tracks_per_artist=220, today=date(2026, 11, 22))


class Api:
    """Sends requests to the stand-in with its key."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    async def get(self, method: str, **params: str) -> tuple[int, Any]:
        asked = {"api_key": "sandbox-key", "format": "json", "method": method, **params}
        response = await self.client.get("/2.0/", params=asked)
        return response.status, json.loads(await response.read())

    async def tracks(self, **params: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
        status, body = await self.get("artist.getTopTracks", **params)
        assert status == 200 and "error" not in body, body
        return body["toptracks"]["track"], body["toptracks"]["@attr"]


@asynccontextmanager
async def serving(catalog: Catalog, **options: Any) -> AsyncIterator[Api]:
    async with TestClient(TestServer(application(catalog, LastfmOptions(**options)))) as client:
        yield Api(client)


def misspelt(catalog: Catalog) -> tuple[int, str]:
    """An artist, and Ticketmaster's spelling, which differs from Last.fm's in accents, punctuation or "The"."""
    for artist in range(400):
        name = catalog.music.names[artist]
        spelt = billed_as(catalog.seeded, artist, name)
        if catalog.music.artist_named(spelt) is None and catalog.music.artist_like(spelt) == artist:
            return artist, spelt
    raise AssertionError


# Charts


async def test_a_country_chart_matches_the_catalogue(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        _, body = await api.get("geo.getTopArtists", country="united states", limit="50")
        chart = body["topartists"]
        expected = catalog.chart("US", 50)
        assert [artist["name"] for artist in chart["artist"]] == [entry.name for entry in expected]
        assert [int(artist["listeners"]) for artist in chart["artist"]] == [
            entry.listeners for entry in expected
        ]
        assert [artist["@attr"]["rank"] for artist in chart["artist"]] == [str(rank) for rank in range(1, 51)]
        assert chart["@attr"]["country"] == "United States"
        assert 2_200 <= int(chart["@attr"]["total"]) <= 2_505
        _, second = await api.get("geo.getTopArtists", country="United States", limit="50", page="2")
        assert second["topartists"]["artist"][0]["@attr"]["rank"] == "51"
        _, british = await api.get("geo.getTopArtists", country="United Kingdom", limit="50")
    names = {artist["name"] for artist in british["topartists"]["artist"]}
    assert 10 <= len(names & {entry.name for entry in expected}) <= 49


async def test_country_listeners_fall_with_rank(catalog: Catalog) -> None:
    listeners = [entry.listeners for entry in catalog.chart("US")]
    assert listeners == sorted(listeners, reverse=True)
    assert 100_000 < listeners[0] < 400_000


async def test_the_world_chart_claims_more_artists_than_it_returns(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        _, body = await api.get("chart.getTopArtists", limit="1000", page="900")
    assert body["artists"]["artist"] == []
    assert int(body["artists"]["@attr"]["totalPages"]) > 100_000


# Songs


async def test_pages_of_top_tracks_match_the_catalogue(catalog: Catalog) -> None:
    artist = next(index for index in range(100) if catalog.music.track_count(index) > 120)
    async with serving(catalog) as api:
        found: list[dict[str, Any]] = []
        for page in range(1, 4):
            tracks, paging = await api.tracks(artist=catalog.music.names[artist], limit="50", page=str(page))
            found += tracks
            assert paging["perPage"] == "50" and paging["total"] == str(catalog.music.track_count(artist))
    expected = catalog.top_tracks(artist, len(found))
    assert [track["name"] for track in found] == [track.name for track in expected]
    assert [track["@attr"]["rank"] for track in found] == [str(rank) for rank in range(1, len(found) + 1)]
    plays = [int(track["playcount"]) for track in found]
    assert plays == sorted(plays, reverse=True) and plays[-1] > 0
    assert 0.4 < sum("mbid" in track for track in found) / len(found) < 0.8
    assert all(track["mbid"] for track in found if "mbid" in track)


async def test_case_does_not_matter_even_without_autocorrect(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        _, paging = await api.tracks(artist=catalog.music.names[0].swapcase(), autocorrect="0")
    assert paging["artist"] == catalog.music.names[0]


async def test_autocorrect_returns_the_canonical_name_and_without_it_a_shadow_artist_is_returned(
    catalog: Catalog,
) -> None:
    artist, spelt = misspelt(catalog)
    async with serving(catalog) as api:
        corrected, paging = await api.tracks(artist=spelt, autocorrect="1")
        assert paging["artist"] == catalog.music.names[artist]
        assert [track["name"] for track in corrected] == [t.name for t in catalog.top_tracks(artist, 50)]
        shadow, paging = await api.tracks(artist=spelt, autocorrect="0")
        assert paging["artist"] == spelt and int(paging["total"]) <= 15
        assert all(int(track["listeners"]) <= 2 and "mbid" not in track["artist"] for track in shadow)
        _, body = await api.get("artist.getCorrection", artist=spelt)
        assert body["corrections"]["correction"]["artist"]["name"] == catalog.music.names[artist]
        _, body = await api.get("artist.getInfo", artist=spelt)
        assert "/+noredirect/" in body["artist"]["url"]


@pytest.mark.parametrize("name", UNUSUAL)
async def test_unusual_names_are_found(catalog: Catalog, name: str) -> None:
    artist = catalog.music.artist_named(name)
    async with serving(catalog) as api:
        status, body = await api.get("artist.getTopTracks", artist=name, autocorrect="1")
    if artist is None:
        assert body["error"] == 6  # one of the few artists missing from Last.fm
    else:
        assert (status, body["toptracks"]["@attr"]["artist"]) == (200, name)


@pytest.mark.parametrize(
    "params", [{"artist": " "}, {"mbid": UNKNOWN_MBID}, {"artist": "Unknown Artist", "autocorrect": "1"}]
)
async def test_names_that_are_not_artists_lead_to_the_unknown_artist(
    catalog: Catalog, params: dict[str, str]
) -> None:
    async with serving(catalog) as api:
        tracks, paging = await api.tracks(**params)
    assert (paging["artist"], paging["total"]) == ("[unknown]", "13508587")
    assert tracks[0]["artist"]["mbid"] == UNKNOWN_MBID


async def test_a_lookup_by_mbid_finds_most_artists(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        found = 0
        for artist in range(40):
            _, body = await api.get("artist.getTopTracks", mbid=catalog.music.artist(artist).mbid, limit="1")
            found += body.get("toptracks", {}).get("@attr", {}).get("artist") == catalog.music.names[artist]
    assert 20 <= found <= 36


async def test_billings_that_are_not_artists_are_shadows_or_not_found(catalog: Catalog) -> None:
    cast = catalog.cast
    billings = [catalog.attractions.name_of(cast.co_bills + a) for a in range(20)]
    async with serving(catalog) as api:
        totals = []
        for name in billings:
            _, body = await api.get("artist.getTopTracks", artist=name, autocorrect="1")
            totals.append(int(body["toptracks"]["@attr"]["total"]) if "toptracks" in body else body["error"])
    assert 6 in totals and max(totals) <= 15


# Wrong sizes, repeats, endless totals


async def test_a_limit_of_a_hundred_may_yield_fifty(catalog: Catalog) -> None:
    artist = catalog.music.names[
        next(index for index in range(100) if catalog.music.track_count(index) > 120)
    ]
    async with serving(catalog, halved_hundreds=1.0) as api:
        assert len((await api.tracks(artist=artist, limit="100"))[0]) == 50
        assert len((await api.tracks(artist=artist, limit="99"))[0]) == 99


async def test_the_second_page_may_repeat_the_first(catalog: Catalog) -> None:
    async with serving(catalog, doubled_pages=True) as api:
        tracks, _ = await api.tracks(artist=catalog.music.names[0], limit="10", page="2")
    assert [track["name"] for track in tracks] == [track.name for track in catalog.top_tracks(0, 20)]


async def test_songs_may_repeat_and_totals_may_be_far_too_high(catalog: Catalog) -> None:
    async with serving(catalog, repeat_after=30, total_factor=1_000.0) as api:
        tracks, paging = await api.tracks(artist=catalog.music.names[0], limit="60", page="900")
    assert len(tracks) == 60 and len({track["name"] for track in tracks}) == 30
    assert int(paging["totalPages"]) > 900
    async with serving(catalog, total_factor=1_000.0) as api:
        tracks, _ = await api.tracks(artist=catalog.music.names[0], limit="50", page="900")
    assert tracks == []


async def test_a_list_of_one_may_be_an_object(catalog: Catalog) -> None:
    async with serving(catalog, single_as_object=True) as api:
        tracks, _ = await api.tracks(artist=catalog.music.names[0], limit="1")
    assert isinstance(tracks, dict)


async def test_a_limit_of_zero_is_fifty_for_top_tracks(catalog: Catalog) -> None:
    artist = catalog.music.names[next(index for index in range(100) if catalog.music.track_count(index) > 50)]
    async with serving(catalog) as api:
        assert len((await api.tracks(artist=artist, limit="0"))[0]) == 50


# Errors


@needs_recordings
@pytest.mark.parametrize(
    ("method", "params", "status", "name"),
    [
        ("artist.getTopTracks", {"artist": "zz qq xx"}, 200, "error__a4fad2.json"),
        ("artist.getInfo", {"mbid": "00000000-0000-4000-8000-000000000000"}, 200, "error__a4fad2.json"),
        ("artist.getTopTracks", {}, 400, "error__25495f.json"),
        ("artist.getTopTracks", {"artist": "{0}", "limit": "1001"}, 400, "error__6_limit-out-of-bounds.json"),
        ("geo.getTopArtists", {"country": "France", "limit": "0"}, 400, "error__6_limit-out-of-bounds.json"),
        ("artist.getTopTracks", {"artist": "{0}", "page": "0"}, 400, "error__20b50c.json"),
        ("artist.getTopTracks", {"artist": "{0}", "page": "1000001"}, 400, "error__20b50c.json"),
        ("geo.getTopArtists", {}, 200, "error__4f7402.json"),
        ("geo.getTopArtists", {"country": "US"}, 200, "error__0e6f54.json"),
        ("chart.getTopAlbums", {}, 400, "error__f89290.json"),
        ("chart.getTopArtists", {"api_key": "wrong"}, 403, "error__681d80.json"),
    ],
)
async def test_errors_match_the_recorded_ones(
    catalog: Catalog, method: str, params: dict[str, str], status: int, name: str
) -> None:
    asked = {key: value.replace("{0}", catalog.music.names[0]) for key, value in params.items()}
    async with serving(catalog) as api:
        assert await api.get(method, **asked) == (status, recording(name))


@needs_recordings
async def test_too_many_requests_get_error_29(catalog: Catalog) -> None:
    async with serving(catalog, requests_per_second=0.01, limit_period=300.0) as api:
        responses = [await api.get("chart.getTopArtists", limit="1") for _ in range(5)]
        assert [status for status, _ in responses] == [200, 200, 200, 429, 429]
        assert responses[-1][1] == recording("error__29_rate-limit.json")
        await api.client.post("/sandbox/options", json={"limit_status": 200})
        assert (await api.get("chart.getTopArtists", limit="1"))[0] == 200


async def test_a_suspended_key_gets_error_26(catalog: Catalog) -> None:
    async with serving(catalog, suspended=True) as api:
        status, body = await api.get("chart.getTopArtists")
    assert (status, body["error"]) == (403, 26)


@pytest.mark.parametrize(("code", "status"), [(8, 500), (11, 503), (16, 503), (29, 429)])
async def test_transient_errors_can_be_injected(catalog: Catalog, code: int, status: int) -> None:
    fault = Fault(f"error_{code}", times=1, retry_after=3)  # type: ignore[arg-type]
    async with serving(catalog, faults=[fault]) as api:
        received_status, body = await api.get("chart.getTopArtists", limit="1")
        assert (received_status, body["error"]) == (status, code)
        assert (await api.get("chart.getTopArtists", limit="1"))[0] == 200


# As recorded


@needs_recordings
async def test_responses_have_the_keys_and_types_of_recorded_ones(catalog: Catalog) -> None:
    chart, songs = recording("geo.gettopartists__c05d3d.json"), recording("artist.gettoptracks__8d5e3a.json")
    world, info = recording("chart.gettopartists__e152a3.json"), recording("artist.getinfo__d99e17.json")
    async with serving(catalog) as api:
        _, ours = await api.get("geo.getTopArtists", country="United States", limit="200")
        assert set(shape(ours)) <= set(shape(chart)) and set(shape(chart)) <= set(shape(ours))
        _, ours = await api.get("artist.getTopTracks", artist=catalog.music.names[0], limit="50")
        assert set(shape(ours)) <= set(shape(songs)) and list(ours["toptracks"]["@attr"]) == list(
            songs["toptracks"]["@attr"]
        )
        _, ours = await api.get("chart.getTopArtists", limit="200")
        assert set(shape(ours)) == set(shape(world))
        _, ours = await api.get("artist.getInfo", artist=catalog.music.names[0])
        assert set(ours["artist"]) <= set(info["artist"])


async def test_mbids_are_missing_or_empty_as_often_as_recorded(catalog: Catalog) -> None:
    async with serving(catalog) as api:
        _, geo = await api.get("geo.getTopArtists", country="United States", limit="1000")
        _, world = await api.get("chart.getTopArtists", limit="1000")
    charted, known = geo["topartists"]["artist"], world["artists"]["artist"]
    assert sum("mbid" in artist for artist in charted) / 1_000 == pytest.approx(0.98, abs=0.02)
    assert sum(artist.get("mbid") == "" for artist in known) / 1_000 == pytest.approx(0.11, abs=0.03)
    assert sum("mbid" not in artist for artist in known) / 1_000 == pytest.approx(0.02, abs=0.02)


def test_mbids_agree_between_the_sources_except_for_namesakes(catalog: Catalog) -> None:
    known = [catalog.attractions.mbid_of(artist) for artist in range(1_000)]
    assert all(mbid in (None, catalog.music.artist(artist).mbid) for artist, mbid in enumerate(known))
    assert sum(mbid is not None for mbid in known) / 1_000 == pytest.approx(0.66, abs=0.05)
    namesake = catalog.cast.namesakes + 7
    assert catalog.attractions.name_of(namesake) == catalog.music.names[7]
    assert catalog.attractions.mbid_of(namesake) not in (None, catalog.music.artist(7).mbid)


def test_spellings_differ_between_the_sources(catalog: Catalog) -> None:
    spelt = [(catalog.music.names[artist], catalog.attractions.name_of(artist)) for artist in range(2_000)]
    other = [(name, billed) for name, billed in spelt if name != billed]
    assert 0.05 < len(other) / 2_000 < 0.3
    assert sum(fold(name) == fold(billed) for name, billed in other) / len(other) > 0.5
