"""What the star remembers: versions of concerts, snapshots of artists, when songs were first and last seen."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from include.lake.certificate import Scope
from include.lake.lake import Lake
from include.warehouse.pairing import Load
from include.warehouse.parking import Verdict
from tests.support.snapshots import (
    Artist,
    Concert,
    build_load,
    land_events,
    land_songs,
    pending_loads,
    publish_pending,
    rows,
    star,
)
from tests.support.warehouse_runs import warehouse_run

NOON_21 = datetime(2026, 11, 21, 12, tzinfo=UTC)


def events(day: int) -> str:
    return f"2026-11-{day}T060000Z"


def songs(day: int) -> str:
    return f"2026-11-{day}T070000Z"


def instant(day: int) -> datetime:
    return datetime(2026, 11, day, 6)


def publish(
    tables: Any, lake: Lake, day: int, concerts: list[Concert], complete: bool = True
) -> dict[str, Any]:
    """Lands and publishes one day's events with one artist's songs."""
    land_events(lake, events(day), concerts, complete)
    land_songs(lake, songs(day), [Artist("Abel", plays=day)])
    [changes] = publish_pending(tables, lake)
    return changes


def versions(tables: Any) -> list[tuple[Any, ...]]:
    return rows(
        tables,
        "select concert_id, status, local_date, is_listed, valid_from, valid_to, is_current "
        "from dwh.dim_concerts order by concert_id, valid_from",
    )


WAS, NOW = date(2027, 1, 15), date(2027, 3, 1)


def test_the_history_of_a_rescheduled_concert_can_be_queried(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", local_date=WAS)])
    publish(tables, lake, 21, [Concert("e1", local_date=WAS)])
    changes = publish(tables, lake, 22, [Concert("e1", local_date=NOW, status="rescheduled")])
    assert versions(tables) == [
        ("e1", "onsale", WAS, True, instant(20), instant(22), False),
        ("e1", "rescheduled", NOW, True, instant(22), None, True),
    ]
    assert changes["dim_concerts"] == {"added": 0, "changed": 1, "removed": 0, "unchanged": 0}


@pytest.mark.parametrize(
    "later",
    [
        Concert("e1", status="cancelled"),
        Concert("e1", local_date=None, status="postponed"),
        Concert("e1", price_min=20.0),
        Concert("e1", ["Abel"]),
        Concert("e1", name="A night in"),
    ],
    ids=["status", "date", "price", "billing", "name"],
)
def test_a_change_of_status_date_price_billing_or_name_makes_a_version(
    tables: Any, lake: Lake, later: Concert
) -> None:
    publish(tables, lake, 20, [Concert("e1")])
    publish(tables, lake, 21, [later])
    assert rows(tables, "select is_current from dwh.dim_concerts order by valid_from") == [(False,), (True,)]


def delisted(tables: Any) -> set[str]:
    return {
        name
        for (name,) in rows(
            tables, "select concert_id from dwh.dim_concerts where not is_listed and is_current"
        )
    }


def missing(tables: Any) -> list[tuple[Any, ...]]:
    return rows(
        tables,
        "select concert_id, missing_since from dwh.dim_concerts where missing_since is not null order by 1",
    )


def test_a_concert_that_two_complete_crawls_in_a_row_do_not_list_is_delisted(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1"), Concert("e2")])
    once = publish(tables, lake, 21, [Concert("e1")])
    assert once["dim_concerts"] == {"added": 0, "changed": 0, "removed": 0, "unchanged": 2}
    assert missing(tables) == [("e2", instant(21))]
    assert delisted(tables) == set()
    twice = publish(tables, lake, 22, [Concert("e1")])
    assert twice["dim_concerts"] == {"added": 0, "changed": 0, "removed": 1, "unchanged": 1}
    assert versions(tables)[1:] == [
        ("e2", "onsale", WAS, True, instant(20), instant(22), False),
        ("e2", "onsale", WAS, False, instant(22), None, True),
    ]
    assert missing(tables) == [("e2", instant(21))]


def test_a_concert_that_is_missing_once_and_listed_again_counts_as_listed_throughout(
    tables: Any, lake: Lake
) -> None:
    for day, listed in ((20, True), (21, False), (22, True), (23, False)):
        publish(tables, lake, day, [Concert("e1"), *([Concert("e2")] if listed else [])])
    assert [row[3] for row in versions(tables)] == [True, True]
    assert missing(tables) == [("e2", instant(23))]


def test_a_delisted_concert_is_marked_once_and_returns_as_a_new_version(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1"), Concert("e2")])
    publish(tables, lake, 21, [Concert("e1")])
    publish(tables, lake, 22, [Concert("e1")])
    assert publish(tables, lake, 23, [Concert("e1")])["dim_concerts"]["removed"] == 0
    publish(tables, lake, 24, [Concert("e1"), Concert("e2")])
    assert [row[3:] for row in versions(tables) if row[0] == "e2"] == [
        (True, instant(20), instant(22), False),
        (False, instant(22), instant(24), False),
        (True, instant(24), None, True),
    ]
    assert missing(tables) == []


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [(30, 29, None), (30, 12, 0.6), (30, 5, 25 / 30), (4, 1, None), (5, 1, 0.8), (60, 42, None)],
)
def test_the_share_of_concerts_to_delist_counts_even_if_there_are_few(
    tables: Any, lake: Lake, before: int, after: int, share: float | None
) -> None:
    """A few of many, or three, may always go: concerts are withdrawn, and small countries have few."""
    concerts = [Concert(f"e{number}") for number in range(before)]
    publish(tables, lake, 20, concerts)
    publish(tables, lake, 21, concerts[:after])
    land_events(lake, events(22), concerts[:after])
    land_songs(lake, songs(22), [Artist("Abel")])
    build_load(tables, lake, Load(events(22), songs(22), ("events", "songs")))
    assert rows(tables, "select delisted_concerts, share_delisted from audit.load_summary") == [
        (before - after, None if share is None else pytest.approx(share, abs=1e-4))
    ]


def test_incomplete_crawls_do_not_delist(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1"), Concert("e2")])
    for day in (21, 22):
        publish(tables, lake, day, [Concert("e1")], complete=False)
    assert (delisted(tables), missing(tables)) == (set(), [])
    for day in (23, 25):
        publish(tables, lake, day, [Concert("e1")])
        publish(tables, lake, day + 1, [Concert("e1")], complete=False)
    assert delisted(tables) == {"e2"}


def test_concerts_that_a_crawl_did_not_request_are_not_delisted(tables: Any, lake: Lake) -> None:
    """Concerts today or earlier, beyond the horizon, or in another country."""
    publish(
        tables,
        lake,
        20,
        [
            Concert("past", local_date=date(2026, 11, 20)),
            Concert("far", local_date=date(2028, 1, 1)),
            Concert("undated", local_date=None),
        ],
    )
    for day in (21, 22):
        land_events(lake, events(day), [Concert("e1")], countries=["GB"])
        land_songs(lake, songs(day), [Artist("Abel")])
        publish_pending(tables, lake)
    assert missing(tables) == []
    publish(tables, lake, 23, [Concert("e1")])
    publish(tables, lake, 24, [Concert("e1")])
    assert delisted(tables) == {"undated"}


def test_a_concert_that_began_before_the_run_is_not_missing(tables: Any, lake: Lake) -> None:
    """Late in the evening UTC it is already tomorrow in Auckland, and concerts that are over are no longer found."""
    publish(tables, lake, 20, [Concert("over", local_date=date(2026, 11, 22)), Concert("e2")])
    land_events(lake, "2026-11-21T220000Z", [Concert("e1")])
    publish_pending(tables, lake)
    assert missing(tables) == [("e2", datetime(2026, 11, 21, 22))]


def test_a_concert_whose_record_was_rejected_was_listed(tables: Any, lake: Lake) -> None:
    """The crawl listed it, even though its record could not be read."""
    publish(tables, lake, 20, [Concert("e1"), Concert("e2"), Concert("e3")])
    publish(tables, lake, 21, [Concert("e1")])
    land_events(lake, events(22), [Concert("e1")], rejected=["e2", "too long to be an id" * 9])
    publish_pending(tables, lake)
    assert delisted(tables) == {"e3"}
    publish(tables, lake, 23, [Concert("e1")])
    assert delisted(tables) == {"e3"}
    assert missing(tables) == [("e2", instant(23)), ("e3", instant(21))]


def test_a_festival_under_way_is_upcoming_until_its_last_day(tables: Any, lake: Lake) -> None:
    festival = Concert(
        "f1", ["Abel"], local_date=date(2026, 11, 20), more={"local_end_date": date(2026, 11, 22)}
    )
    for day, upcoming in ((20, 1), (22, 1), (23, 0)):
        publish(tables, lake, day, [festival])
        assert rows(tables, "select count(*) from analytics.upcoming_concerts") == [(upcoming,)]
        assert rows(
            tables, f"select upcoming_concerts from dwh.fact_artists where snapshot_date = '2026-11-{day}'"
        ) == [(upcoming,)]


def test_a_festival_under_way_is_counted_although_the_crawl_no_longer_lists_it(
    tables: Any, lake: Lake
) -> None:
    """A crawl requests what starts after its instant."""
    festival = Concert(
        "f1", ["Abel", "Cain"], local_date=date(2026, 11, 20), more={"local_end_date": date(2026, 11, 22)}
    )
    publish(tables, lake, 20, [festival, Concert("e1", ["Cain"])])
    for day in (21, 22, 23):
        publish(tables, lake, day, [Concert("e1", ["Cain"])])
    assert rows(
        tables,
        "select extract(day from snapshot_date), artist_name, upcoming_concerts, headlined_concerts, "
        "next_concert_date from dwh.fact_artists order by snapshot_date, artist_name",
    ) == [
        *(
            row
            for day in (20, 21, 22)
            for row in ((day, "Abel", 1, 1, date(2026, 11, 20)), (day, "Cain", 2, 1, date(2026, 11, 20)))
        ),
        (23, "Abel", 0, 0, None),
        (23, "Cain", 1, 1, date(2027, 1, 15)),
    ]
    # Under way elsewhere, it does not count in the facts of a run of other countries.
    publish(
        tables,
        lake,
        24,
        [Concert("f2", ["Abel"], local_date=date(2026, 11, 24), more={"local_end_date": date(2026, 11, 29)})],
    )
    land_events(lake, events(25), [Concert("g1", ["Seth"])], countries=["GB"])
    publish_pending(tables, lake)
    assert rows(
        tables,
        "select artist_name, upcoming_concerts from dwh.fact_artists where snapshot_date = '2026-11-25' order by 1",
    ) == [("Abel", 0), ("Seth", 1)]


@pytest.mark.parametrize(("withdrawn", "counted"), [(21, 0), (22, 1)])
def test_a_concert_is_under_way_only_if_it_has_begun_and_was_listed_to_the_end(
    tables: Any, lake: Lake, withdrawn: int, counted: int
) -> None:
    """Of two concerts on the 22nd, one begins before the run of that day, the other after it."""
    started, later = (
        Concert(name, [artist], local_date=date(2026, 11, 22), more={"starts_at": starts_at})
        for name, artist, starts_at in (
            ("c1", "Abel", datetime(2026, 11, 22, 1, tzinfo=UTC)),
            ("c2", "Cain", datetime(2026, 11, 23, 1, tzinfo=UTC)),
        )
    )
    for day in (19, 20, 21, 22):
        publish(tables, lake, day, [Concert("e1", ["Seth"]), *([started, later] if day < withdrawn else [])])
    upcoming = dict(
        rows(
            tables,
            "select artist_name, upcoming_concerts from dwh.fact_artists where snapshot_date = '2026-11-22'",
        )
    )
    assert (upcoming.get("Abel", 0), upcoming.get("Cain", 0)) == (counted, 0)


def test_a_concert_with_an_end_but_no_date_is_undated(tables: Any, lake: Lake) -> None:
    """As in parts that an earlier release landed; an upcoming concert without a next date fails the audit."""
    odd = Concert("o1", ["Abel"], local_date=None, more={"local_end_date": date(2027, 1, 17)})
    publish(tables, lake, 20, [odd])
    assert rows(
        tables,
        "select upcoming_concerts, undated_concerts, next_concert_date from dwh.fact_artists "
        "where artist_name = 'Abel'",
    ) == [(0, 1, None)]


def test_plays_over_time_have_a_row_per_song_and_day(tables: Any, lake: Lake) -> None:
    for day in (20, 22):
        publish(tables, lake, day, [Concert("e1")])
    assert rows(
        tables,
        "select song_name, snapshot_date, play_count, plays_gained, plays_gained_per_day "
        "from analytics.song_popularity where song_rank = 1 order by snapshot_date",
    ) == [
        ("First", date(2026, 11, 20), 20, None, None),
        ("First", date(2026, 11, 22), 22, 2, 1.0),
    ]


def test_plays_of_a_new_day_are_added_and_those_of_a_repeated_day_changed(tables: Any, lake: Lake) -> None:
    changes = []
    for run, plays in (("2026-11-20T07", 10), ("2026-11-21T07", 20), ("2026-11-21T09", 30)):
        land_events(lake, events(20), [Concert("e1")])
        land_songs(lake, f"{run}0000Z", [Artist("Abel", ["First", "Second"], plays=plays)])
        changes += publish_pending(tables, lake)
    assert [change["fact_songs"] for change in changes] == [
        {"added": 2, "changed": 0, "removed": 0, "unchanged": 0},
        {"added": 2, "changed": 0, "removed": 0, "unchanged": 0},
        {"added": 0, "changed": 2, "removed": 0, "unchanged": 0},
    ]


def test_songs_record_when_they_were_first_and_last_seen(tables: Any, lake: Lake) -> None:
    for day, titles in ((20, ["Old", "Both"]), (21, ["Both"]), (22, ["Both", "New"])):
        land_events(lake, events(day), [Concert("e1")])
        land_songs(lake, songs(day), [Artist("Abel", songs=titles)])
        publish_pending(tables, lake)
    assert rows(
        tables, "select song_name, first_seen_date, last_seen_date from dwh.dim_songs order by song_name"
    ) == [
        ("Both", date(2026, 11, 20), date(2026, 11, 22)),
        ("New", date(2026, 11, 22), date(2026, 11, 22)),
        ("Old", date(2026, 11, 20), date(2026, 11, 20)),
    ]


def test_the_ledger_says_what_each_publish_changed(tables: Any, lake: Lake) -> None:
    changes = publish(tables, lake, 20, [Concert("e1", ["Abel"])])
    recorded = rows(tables, "select changes from dwh.load_ledger where dataset = 'events'")[0][0]
    assert json.loads(recorded) == changes
    assert changes["bridge_concert_artists"]["added"] == 1


@pytest.mark.parametrize("lesser", ["other countries", "incomplete"])
def test_a_narrower_or_incomplete_run_adds_and_leaves_the_artists_of_the_day(
    tables: Any, lake: Lake, lesser: str
) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Seth"]), Concert("e2")])
    before = rows(tables, "select * from dwh.fact_artists order by artist_key")
    countries = ["GB"] if lesser == "other countries" else ["US"]
    later = "2026-11-20T120000Z"
    land_events(lake, later, [Concert("g1", ["Eve"])], lesser != "incomplete", countries)
    publish_pending(tables, lake)
    assert rows(tables, "select * from dwh.fact_artists order by artist_key") == before
    assert rows(tables, "select artist_name from dwh.bridge_concert_artists order by 1") == [
        ("Eve",),
        ("Seth",),
    ]
    assert rows(tables, f"select is_addition from dwh.load_ledger where run = '{later}'") == [(True,)]
    # New songs of the day are paired with the run that the facts rest on.
    land_songs(lake, "2026-11-20T130000Z", [Artist("Seth", plays=77)])
    publish_pending(tables, lake)
    assert rows(tables, "select artist_name, play_count, upcoming_concerts from dwh.fact_artists") == [
        ("Seth", 77 + 38, 1)
    ]


def test_facts_stay_if_the_certificate_of_the_run_that_they_rest_on_is_lost(tables: Any, lake: Lake) -> None:
    """Nobody can tell then whether a later run of the day saw as much."""
    publish(tables, lake, 20, [Concert("e1", ["Seth"])])
    before = rows(tables, "select * from dwh.fact_artists order by artist_key")
    lake.bucket.delete([f"certificates/events/{events(20)}.json"])
    land_events(lake, "2026-11-20T120000Z", [Concert("g1", ["Eve"])], complete=False)
    publish_pending(tables, lake)
    assert rows(tables, "select * from dwh.fact_artists order by artist_key") == before


def test_new_songs_do_not_revert_billings_to_those_before_an_addition(tables: Any, lake: Lake) -> None:
    """The songs are paired with the day's whole events run, which is older than the addition."""
    publish(tables, lake, 20, [Concert("e1", ["Seth"]), Concert("e2", ["Abel"])])
    land_events(lake, "2026-11-20T120000Z", [Concert("e1", ["Eve"])], complete=False)
    publish_pending(tables, lake)
    land_songs(lake, "2026-11-20T130000Z", [Artist("Enoch", asked="Abel")])
    publish_pending(tables, lake)
    assert rows(
        tables,
        "select concert_id, artist_name, matched_by from dwh.bridge_concert_artists order by concert_id",
    ) == [("e1", "Eve", "unmatched"), ("e2", "Abel", "corrected")]


def test_an_addition_and_a_whole_run_that_are_pending_together_are_loaded_one_by_one(
    tables: Any, lake: Lake
) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Seth"])])
    land_events(lake, "2026-11-20T120000Z", [Concert("g1", ["Eve"])], countries=["GB"])
    land_songs(lake, "2026-11-20T130000Z", [Artist("Seth", plays=77)])
    assert len(pending_loads(tables, lake)) == 2  # so the run after the first is triggered
    assert len(publish_pending(tables, lake)) == 2
    assert rows(tables, "select artist_name from dwh.fact_artists") == [("Seth",)]


def test_songs_of_fewer_countries_add_songs_and_leave_the_matches(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Abel"])])
    before = star(tables)
    land_songs(lake, "2026-11-20T120000Z", [Artist("Enoch", ["Other"])], countries=["GB"])
    publish_pending(tables, lake)
    after = star(tables)
    for table in ("bridge_concert_artists", "fact_artists", "dim_concerts"):
        assert after[table] == before[table]
    assert rows(tables, "select artist_name, song_name from dwh.dim_songs order by song_name") == [
        ("Abel", "First"),
        ("Enoch", "Other"),
        ("Abel", "Second"),
    ]


@pytest.mark.parametrize("lesser", ["fewer tracks", "incomplete"])
def test_a_narrower_or_incomplete_run_leaves_the_plays_that_the_day_has(
    tables: Any, lake: Lake, lesser: str
) -> None:
    """It adds those of other artists; dim_songs has what was seen last."""
    tracks, fewer = (Scope(("US",), tracks_per_artist=number) for number in (3, 1))
    land_events(lake, events(20), [Concert("e1")])
    land_songs(lake, songs(20), [Artist("Abel", ["First", "Second", "Third"], plays=60)], scope=tracks)
    publish_pending(tables, lake)
    artists = [Artist("Abel", ["First"], plays=90), Artist("Enoch", ["Other"], plays=30)]
    is_narrower = lesser == "fewer tracks"
    land_songs(lake, "2026-11-20T120000Z", artists, is_narrower, scope=fewer if is_narrower else tracks)
    [changes] = publish_pending(tables, lake)
    assert rows(
        tables,
        "select song_name, songs.play_count, facts.play_count from dwh.dim_songs as songs "
        "join dwh.fact_songs as facts on songs.song_key = facts.song_key order by facts.play_count desc, 1",
    ) == [("First", 90, 60), ("Other", 30, 30), ("Second", 30, 30), ("Third", 20, 20)]
    assert changes["fact_songs"] == {"added": 1, "changed": 0, "removed": 0, "unchanged": 0}


def test_songs_are_compared_with_those_of_their_own_day_and_not_only_with_those_of_their_load(
    tables: Any, lake: Lake
) -> None:
    """Events of the next day were loaded with older songs, because the newer ones could not be read."""
    tracks, fewer = (Scope(("US",), tracks_per_artist=number) for number in (3, 1))
    land_events(lake, events(19), [Concert("e1")])
    land_songs(lake, songs(19), [Artist("Abel", ["First"], plays=10)], scope=fewer)
    land_events(lake, events(20), [Concert("e1")])
    land_songs(lake, songs(20), [Artist("Abel", ["First", "Second", "Third"], plays=60)], scope=tracks)
    publish_pending(tables, lake)
    [part] = lake.manifest("songs", songs(20)).parts
    lake.bucket.delete([part.url.removeprefix(lake.bucket.url(""))])
    land_events(lake, events(21), [Concert("e1")])
    assert warehouse_run(tables, lake, NOON_21, judge=lambda *_: Verdict())
    land_songs(lake, "2026-11-20T120000Z", [Artist("Abel", ["First"], plays=90)], scope=fewer)
    assert warehouse_run(tables, lake, NOON_21, judge=lambda *_: Verdict())
    assert rows(
        tables,
        "select song_rank, play_count from dwh.fact_songs where snapshot_date = '2026-11-20' order by 1",
    ) == [(1, 60), (2, 30), (3, 20)]


def test_a_second_run_of_a_day_replaces_its_artists_and_songs(tables: Any, lake: Lake) -> None:
    for hour, status, plays in (("06", "offsale", 10), ("16", "onsale", 20)):
        land_events(lake, f"2026-11-20T{hour}0000Z", [Concert("e1", ["Abel"], status=status)])
        land_songs(lake, f"2026-11-20T{hour}3000Z", [Artist("Abel", ["Song"], plays=plays)])
        publish_pending(tables, lake)
    assert rows(tables, "select artist_name, play_count from dwh.fact_artists") == [("Abel", 20)]
    assert rows(tables, "select play_count from dwh.fact_songs") == [(20,)]
    assert rows(tables, "select status, is_current from dwh.dim_concerts order by valid_from") == [
        ("offsale", False),
        ("onsale", True),
    ]


@pytest.mark.parametrize(
    "later",
    [
        {"date_tbd": True},
        {"starts_at": datetime(2027, 1, 16, 1)},
        {"venue_city": "Shelbyville"},
        {"venue_country_code": "CA"},
    ],
    ids=lambda later: next(iter(later)),
)
def test_a_change_of_any_part_of_date_or_venue_makes_a_version(
    tables: Any, lake: Lake, later: dict[str, Any]
) -> None:
    [column] = later
    publish(tables, lake, 20, [Concert("e1")])
    publish(tables, lake, 21, [Concert("e1", more=later)])
    column = {"venue_country_code": "country_code"}.get(column, column)
    assert rows(tables, f"select {column} from dwh.dim_concerts where is_current") == [tuple(later.values())]
