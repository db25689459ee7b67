"""An ingestion plans from what earlier runs left in the lake. Whatever is wrong with that, it collects its own run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from include.errors import ManifestInvalid, SourceUnavailable
from include.ingestion.events import EVENTS, EventsPlan
from include.ingestion.fetch import fetch as fetch_at
from include.ingestion.land import land
from include.ingestion.songs import SONGS, SongsPlan
from include.lake.certificate import Scope
from include.lake.lake import Lake
from include.lake.manifests import Manifest
from include.lake.parts import read_batches
from include.lake.runs import run_id, run_instant
from include.settings import Settings
from sandbox.faults import Fault
from sandbox.world.catalog import Catalog
from tests.support import damage
from tests.support.ingesting import fetch
from tests.support.snapshots import Artist, Concert, land_events, land_songs
from tests.support.stand_ins import api

SOUND, DAMAGED, RUN = "2026-11-20T060000Z", "2026-11-21T060000Z", "2026-11-22T060000Z"
AT = run_instant(RUN)
SETTINGS = Settings(countries=("US",), artists_per_country=2, tracks_per_artist=2, touring_artists=2)
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(concerts=60, countries=("US",), today=date(2026, 11, 22))


def land_before(catalog: Catalog, lake: Lake, run: str) -> None:
    one, other, *_ = sorted(catalog.concert_ids())
    land_events(lake, run, [Concert(one, ["Abel", "Cain"]), Concert(other, ["Abel"])])
    land_songs(lake, run, [Artist("Abel")])


@pytest.mark.parametrize("kind", {**damage.ANY, **damage.EVENTS})
async def test_a_damaged_run_of_events_costs_no_later_run(catalog: Catalog, lake: Lake, kind: str) -> None:
    for run in (SOUND, DAMAGED):
        land_before(catalog, lake, run)
    damage.ALL[kind](lake, "events", DAMAGED)
    async with api("ticketmaster", catalog) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    landed = land(EVENTS, lake, RUN, SETTINGS)
    assert (landed.records, landed.complete) == (60, True)
    assert lake.certificate("events", RUN).planned_after in (SOUND, DAMAGED)
    plan = SONGS.plan(lake, SONGS.scope(SETTINGS), AT)
    assert isinstance(plan, SongsPlan)
    assert plan.touring_in in (SOUND, DAMAGED, None)


@pytest.mark.parametrize("sound", [True, False])
async def test_a_run_whose_events_cannot_be_read_is_no_reason_to_compare_with_none(
    catalog: Catalog, lake: Lake, monkeypatch: pytest.MonkeyPatch, sound: bool
) -> None:
    for run in (SOUND, DAMAGED):
        land_before(catalog, lake, run)

    def damaged(lake: Lake, manifest: Manifest, columns: Mapping[str, type]) -> Any:
        if manifest.run == DAMAGED or not sound:
            raise ManifestInvalid(f"{manifest.run} broke after it was planned from")
        return read_batches(lake, manifest, columns)

    monkeypatch.setattr("include.ingestion.events.read_batches", damaged)
    async with api("ticketmaster", catalog) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    landed = land(EVENTS, lake, RUN, SETTINGS)
    assert (landed.records, landed.complete) == (60, sound)
    [*reasons] = lake.certificate("events", RUN).reasons
    assert len(reasons) == (not sound)
    assert all("broke after" in reason for reason in reasons)


def test_events_are_compared_with_the_newest_run_that_covers_them(lake: Lake) -> None:
    concert = [Concert("c1", ["Abel"])]
    land_events(lake, "2026-11-18T060000Z", concert, countries=("US", "GB"))
    land_events(lake, SOUND, concert, countries=("US",))
    land_events(lake, DAMAGED, concert, countries=("US", "GB"), horizon_days=1)
    wanted = Scope(("US", "GB"), horizon_days=365)
    for scope, run in (
        (wanted, "2026-11-18T060000Z"),
        (msgspec.structs.replace(wanted, countries=("US",)), SOUND),
        (msgspec.structs.replace(wanted, horizon_days=1), DAMAGED),
        (msgspec.structs.replace(wanted, horizon_days=400), DAMAGED),  # no run covers it
        (msgspec.structs.replace(wanted, countries=("CA",)), DAMAGED),
    ):
        plan = EVENTS.plan(lake, scope, AT)
        assert isinstance(plan, EventsPlan)
        assert plan.planned_after == run


@pytest.mark.parametrize("future", damage.FUTURE)
async def test_a_run_dated_in_the_future_changes_nothing(catalog: Catalog, lake: Lake, future: str) -> None:
    for run in (SOUND, future):
        land_before(catalog, lake, run)
    async with api("ticketmaster", catalog) as source:
        await fetch(EVENTS, lake, source.connection, SETTINGS, RUN)
    land(EVENTS, lake, RUN, SETTINGS)
    assert lake.certificate("events", RUN).planned_after == SOUND
    plan = SONGS.plan(lake, SONGS.scope(SETTINGS), AT + timedelta(hours=1))
    assert isinstance(plan, SongsPlan)
    assert plan.touring_in == RUN
    async with api("lastfm", catalog, faults=[Fault("http_503", at=list(range(2, 80)))]) as source:
        with pytest.raises(SourceUnavailable):
            slow = replace(source.connection, requests_per_second=50)
            await fetch_at(SONGS, lake, slow, SETTINGS, "scheduled__1", AT)
    async with api("lastfm", catalog) as source:
        later = await fetch_at(
            SONGS, lake, source.connection, SETTINGS, "scheduled__1", AT + timedelta(hours=2)
        )
    assert later.run == RUN
    assert later.requests_sent < later.requests


@pytest.mark.parametrize("document", ["plan.json", "crawl.json"])
async def test_what_an_earlier_try_noted_and_cannot_be_read_begins_a_new_run(
    catalog: Catalog, lake: Lake, document: str
) -> None:
    async with api("lastfm", catalog) as source:
        await fetch_at(SONGS, lake, source.connection, SETTINGS, "scheduled__1", AT)
        for name in {document, "crawl.json"}:
            lake.bucket.delete([f"raw/songs/{RUN}/{name}"])
        lake.bucket.put(f"raw/songs/{RUN}/{document}", b"{")
        later = AT + timedelta(minutes=5)
        fetched = await fetch_at(SONGS, lake, source.connection, SETTINGS, "scheduled__1", later)
    assert fetched.run == run_id(later)
    land(SONGS, lake, fetched.run, SETTINGS)
