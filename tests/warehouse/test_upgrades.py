"""The star, manifests and certificates of an earlier release, de190e1, used by this one."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from include.errors import ManifestsMissing
from include.lake.certificate import Scope
from include.lake.lake import Lake
from include.warehouse import tables
from include.warehouse.parking import Verdict
from include.warehouse.rebuild import Rebuilt, rebuild
from tests.support import older_release
from tests.support.older_release import BILLINGS, CONCERTS, DAYS, SONGS
from tests.support.snapshots import ROLE, Artist, Concert, land_events, land_songs, publish_pending, rows

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRST_EVENTS, FIRST_SONGS = "2026-11-20T060000Z", "2026-11-20T070000Z"


@pytest.fixture
def older(redshift: Any, lake: Lake) -> tuple[Any, Lake]:
    """A warehouse and a lake of that release."""
    older_release.put_lake(lake)
    older_release.create_star(redshift, lake)
    return redshift, lake


def derived(redshift: Any, lake: Lake) -> Rebuilt:
    """Rebuilds the star with a judge that accepts everything."""
    return rebuild(redshift, lake, now=NOW, copy_role_arn=ROLE, judge=lambda connection, load: Verdict())


def held(redshift: Any) -> list[tuple[Any, ...]]:
    counts = ("dim_concerts", "bridge_concert_artists", "dim_songs", "fact_songs")
    queries = [f"(select count(*) from dwh.{table})" for table in counts]
    days = "(select count(distinct snapshot_date) from dwh.fact_artists)"
    return rows(redshift, f"select {', '.join([*queries, days])}")


def test_its_star_is_rebuilt_from_its_manifests(older: tuple[Any, Lake]) -> None:
    redshift, lake = older
    assert tables.ensure_tables(redshift) is False
    done = derived(redshift, lake)
    assert (done.loads, done.parked) == (DAYS, ())
    assert held(redshift) == [(CONCERTS, BILLINGS, SONGS, DAYS * SONGS, DAYS)]
    assert tables.ensure_tables(redshift) is True
    assert rows(
        redshift, "select distinct load_number, loaded_with, scope from dwh.load_ledger order by 1, 2"
    ) == [
        (1, FIRST_EVENTS, "US; 3 artists, 3 tracks"),
        (1, FIRST_SONGS, "US; 365 days"),
        (2, "2026-11-21T060000Z", "US; 3 artists, 3 tracks"),
        (2, "2026-11-21T070000Z", "US; 365 days"),
    ]
    for view in tables.VIEWS:
        rows(redshift, f"select * from analytics.{view}")


def test_runs_of_this_release_continue_it(older: tuple[Any, Lake]) -> None:
    redshift, lake = older
    derived(redshift, lake)
    land_events(lake, "2026-11-22T060000Z", [Concert("e1", ["Abel"])])
    land_songs(lake, "2026-11-22T070000Z", [Artist("Abel")])
    [changes] = publish_pending(redshift, lake)
    assert changes["dim_concerts"]["added"] == 1
    assert changes["dim_concerts"]["removed"] == 0  # missing once
    assert changes["dim_concerts"]["unchanged"] > 0
    assert derived(redshift, lake).differences == {}


def test_if_one_of_its_manifests_is_missing_the_rebuild_says_what_to_do(older: tuple[Any, Lake]) -> None:
    redshift, lake = older
    lake.remove_manifest("songs", FIRST_SONGS)
    before = rows(redshift, "select * from dwh.load_ledger order by dataset, run")
    with pytest.raises(ManifestsMissing, match=r"land them again .*--allow-missing") as stopped:
        derived(redshift, lake)
    assert lake.manifest_url("songs", FIRST_SONGS) in str(stopped.value)
    assert rows(redshift, "select * from dwh.load_ledger order by dataset, run") == before


def test_its_parked_runs_stay_parked(older: tuple[Any, Lake]) -> None:
    redshift, lake = older
    with redshift.cursor() as cursor:
        cursor.execute(
            "update dwh.load_ledger set state = 'parked', reason = 'too few' where run > '2026-11-21'"
        )
    redshift.commit()
    assert derived(redshift, lake).loads == 1
    parked = "select dataset, state, reason from dwh.load_ledger where run > '2026-11-21' order by dataset"
    assert rows(redshift, parked) == [("events", "parked", "too few"), ("songs", "parked", "too few")]


def test_its_certificates_say_what_was_requested(lake: Lake) -> None:
    older_release.put_lake(lake)
    events, songs = lake.certificate("events", FIRST_EVENTS), lake.certificate("songs", FIRST_SONGS)
    assert (events.scope, events.complete) == (Scope(("US",), horizon_days=365), True)
    assert events.horizon_date == date(2027, 11, 19)
    assert [(window.country, window.reported) for window in events.windows] == [
        ("US", 29),
        ("US", 0),
        ("US", 1),
    ]
    assert songs.scope == Scope(("US",), artists_per_country=3, tracks_per_artist=3)
    assert (songs.touring, songs.touring_in, songs.rows) == (1, FIRST_EVENTS, 12)
