"""How old the star is, and what is reported when no new data arrives."""

from datetime import timedelta
from typing import Any

from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.warehouse.freshness import freshness
from tests.support.snapshots import Artist, Concert, land_events, land_songs, publish_pending

EVENTS, SONGS = "2026-11-22T060000Z", "2026-11-22T070000Z"
NOW = run_instant(SONGS) + timedelta(hours=5)


def test_an_empty_bucket_is_reported_with_the_dags_that_should_fill_it(tables: Any, lake: Lake) -> None:
    age = freshness(tables, lake, NOW)
    assert age.text == "The star is empty: nothing has been published."
    events, songs = age.overdue(48)
    assert events.startswith("No run of events has landed yet. Look at ingest_events")
    assert songs.startswith("No run of songs has landed yet. Look at ingest_songs")


def test_the_age_of_the_star_is_reported_and_a_paused_ingestion_after_its_deadline(
    tables: Any, lake: Lake
) -> None:
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    land_songs(lake, SONGS, [Artist("Abel")])
    publish_pending(tables, lake)
    age = freshness(tables, lake, NOW)
    assert age.text == f"The star is 5 hours old: its newest runs are events {EVENTS} and songs {SONGS}."
    assert age.overdue(5) == [
        f"No run of events has landed since {EVENTS}, 6 hours ago. Look at ingest_events: it may be paused, "
        "failing, or still running."
    ]
    assert age.overdue(6) == []


def test_one_hour_is_one_hour(tables: Any, lake: Lake) -> None:
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    land_songs(lake, SONGS, [Artist("Abel")])
    publish_pending(tables, lake)
    age = freshness(tables, lake, run_instant(SONGS) + timedelta(hours=1))
    assert age.text.startswith("The star is 1 hour old: ")
    assert [line for line in age.overdue(0) if "1 hour ago" in line]


def test_what_lands_but_is_never_published_is_reported_unless_it_is_being_loaded(
    tables: Any, lake: Lake
) -> None:
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    land_songs(lake, SONGS, [Artist("Abel")])
    publish_pending(tables, lake)
    later = "2026-11-26T060000Z"
    land_events(lake, later, [Concert("e1", ["Abel"])])
    land_songs(lake, "2106-11-26T070000Z", [Artist("Abel")])  # by a wrong clock: no news
    age = freshness(tables, lake, run_instant(later) + timedelta(hours=1))
    events, songs = age.overdue(48)
    assert f"although {later} has landed" in events
    assert f"No run of songs has landed since {SONGS}" in songs
    assert age.overdue(48, loading=("events",)) == [songs]
