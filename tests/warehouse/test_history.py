"""What the star remembers: versions of concerts, snapshots of artists, first and last sight of songs."""

import json
import random
from datetime import date, datetime
from typing import Any

import pytest

from include.lake.lake import Lake
from include.warehouse.ledger import retry
from include.warehouse.tables import create_tables
from tests.support.snapshots import Artist, Concert, land_events, land_songs, publish_pending, rows, star


@pytest.fixture
def tables(redshift: Any) -> Any:
    create_tables(redshift)
    return redshift


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


def test_a_rescheduled_concert_can_be_followed_back(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", local_date=WAS)])
    publish(tables, lake, 21, [Concert("e1", local_date=WAS)])
    changes = publish(tables, lake, 22, [Concert("e1", local_date=NOW, status="rescheduled")])
    assert versions(tables) == [
        ("e1", "onsale", WAS, True, instant(20), instant(22), False),
        ("e1", "rescheduled", NOW, True, instant(22), None, True),
    ]
    assert changes["dim_concerts"] == {"added": 0, "changed": 1, "closed": 0, "unchanged": 0}


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


def test_a_concert_that_a_complete_crawl_no_longer_lists_is_marked(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1"), Concert("e2")])
    changes = publish(tables, lake, 21, [Concert("e1")])
    assert changes["dim_concerts"] == {"added": 0, "changed": 0, "closed": 1, "unchanged": 1}
    assert versions(tables)[1:] == [
        ("e2", "onsale", WAS, True, instant(20), instant(21), False),
        ("e2", "onsale", WAS, False, instant(21), None, True),
    ]


def test_a_delisted_concert_is_marked_once_and_comes_back_as_a_version(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1"), Concert("e2")])
    publish(tables, lake, 21, [Concert("e1")])
    assert publish(tables, lake, 22, [Concert("e1")])["dim_concerts"]["closed"] == 0
    publish(tables, lake, 23, [Concert("e1"), Concert("e2")])
    assert [row[3:] for row in versions(tables) if row[0] == "e2"] == [
        (True, instant(20), instant(21), False),
        (False, instant(21), instant(23), False),
        (True, instant(23), None, True),
    ]


def test_an_incomplete_crawl_marks_nothing(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1"), Concert("e2")])
    publish(tables, lake, 21, [Concert("e1")], complete=False)
    assert [row[3] for row in versions(tables)] == [True, True]


def test_concerts_that_a_crawl_did_not_ask_for_are_not_marked(tables: Any, lake: Lake) -> None:
    """Those of today and before, those beyond the horizon, and those of another country."""
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
    land_events(lake, events(21), [Concert("e1")], countries=["GB"])
    land_songs(lake, songs(21), [Artist("Abel")])
    publish_pending(tables, lake)
    assert all(row[3] for row in versions(tables))
    publish(tables, lake, 22, [Concert("e1")])
    assert {row[0] for row in versions(tables) if not row[3]} == {"undated"}


def test_a_concert_that_began_before_the_run_is_not_marked(tables: Any, lake: Lake) -> None:
    """Late in the evening UTC, tomorrow has begun in Auckland; what is over there is no longer found."""
    publish(tables, lake, 20, [Concert("over", local_date=date(2026, 11, 22)), Concert("e2")])
    land_events(lake, "2026-11-21T220000Z", [Concert("e1")])
    publish_pending(tables, lake)
    assert {row[0] for row in versions(tables) if not row[3]} == {"e2"}


def test_a_concert_whose_record_was_refused_is_still_listed(tables: Any, lake: Lake) -> None:
    """The crawl did list it, even though its record could not be read."""
    publish(tables, lake, 20, [Concert("e1"), Concert("e2"), Concert("e3")])
    land_events(lake, events(21), [Concert("e1")], refused=["e2", "too long to be an id" * 9])
    publish_pending(tables, lake)
    assert {row[0] for row in versions(tables) if not row[3]} == {"e3"}


def expected_versions(days: dict[int, list[Concert]]) -> list[tuple[Any, ...]]:
    """The versions that complete runs leave when they come in order."""
    chains: dict[str, list[tuple[str | None, bool, datetime]]] = {}
    for day, concerts in sorted(days.items()):
        seen = {concert.id: concert.status for concert in concerts}
        for concert_id in chains.keys() | seen.keys():
            chain = chains.setdefault(concert_id, [])
            status, is_listed = seen.get(concert_id), concert_id in seen
            if not is_listed:
                status = chain[-1][0]
            if not chain or chain[-1][:2] != (status, is_listed):
                chain.append((status, is_listed, instant(day)))
    return [
        (concert_id, status, WAS, is_listed, begins, ends, ends is None)
        for concert_id, chain in sorted(chains.items())
        for (status, is_listed, begins), ends in zip(
            chain, [*(begins for *_, begins in chain[1:]), None], strict=True
        )
    ]


@pytest.mark.parametrize("seed", range(6))
def test_history_is_the_same_in_whatever_order_the_loads_arrive(tables: Any, lake: Lake, seed: int) -> None:
    """Every day each concert is in one of two states, or not listed; days are published in a random order."""
    draw = random.Random(seed)
    states = ["onsale", "offsale", None]
    days = {
        day: [Concert(f"e{n:02}", status=state) for n in range(40) if (state := draw.choice(states))]
        for day in range(16, 22)
    }
    for day in draw.sample(list(days), len(days)):
        publish(tables, lake, day, days[day])
    assert versions(tables) == expected_versions(days)


def test_a_late_run_brings_no_concert_back_that_newer_ones_do_not_list(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1")])
    publish(tables, lake, 22, [Concert("e1")])
    publish(tables, lake, 21, [Concert("e1"), Concert("e2")])
    assert versions(tables)[1:] == [
        ("e2", "onsale", WAS, True, instant(21), instant(22), False),
        ("e2", "onsale", WAS, False, instant(22), None, True),
    ]
    assert rows(tables, "select concert_id from analytics.upcoming_concerts") == [("e1",)]


def test_a_later_run_tells_nothing_of_countries_it_did_not_ask_for(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Abel"], status="onsale")])
    land_events(lake, events(22), [], countries=["GB"])
    publish_pending(tables, lake)
    publish(tables, lake, 21, [Concert("e1", ["Cain"], status="cancelled"), Concert("e2")])
    assert versions(tables) == [
        ("e1", "onsale", WAS, True, instant(20), instant(21), False),
        ("e1", "cancelled", WAS, True, instant(21), None, True),
        ("e2", "onsale", WAS, True, instant(21), None, True),
    ]
    assert rows(tables, "select artist_name from dwh.bridge_concert_artists") == [("Cain",)]


def test_a_late_snapshot_fills_history_in_and_leaves_newer_state_alone(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Abel"])])
    publish(tables, lake, 22, [Concert("e1", ["Abel", "Cain"])])
    newest = rows(tables, "select * from analytics.artist_events_songs order by artist_key")
    publish(tables, lake, 21, [Concert("e1", ["Seth"])])
    assert rows(tables, "select * from analytics.artist_events_songs order by artist_key") == newest
    assert rows(tables, "select artist_name from dwh.bridge_concert_artists order by 1") == [
        ("Abel",),
        ("Cain",),
    ]
    assert rows(tables, "select billing from dwh.dim_concerts order by valid_from") == [
        ("Abel",),
        ("Seth",),
        ("Abel / Cain",),
    ]
    assert rows(tables, "select distinct snapshot_date from dwh.fact_artists order by 1") == [
        (date(2026, 11, 20),),
        (date(2026, 11, 21),),
        (date(2026, 11, 22),),
    ]
    assert rows(
        tables, "select play_count, first_seen_date, last_seen_date from dwh.dim_songs where song_rank = 1"
    ) == [(22, date(2026, 11, 20), date(2026, 11, 22))]


@pytest.mark.parametrize("late", [0, 1], ids=["in order", "the morning's load late"])
def test_of_two_loads_of_one_day_the_newer_one_holds(tables: Any, lake: Lake, late: int) -> None:
    """A load of the morning that was parked, and is judged again in the evening, changes nothing newer."""
    loads = [("06", "07", "offsale", 10), ("16", "17", "onsale", 20)]
    for events_hour, songs_hour, status, plays in reversed(loads) if late else loads:
        land_events(lake, f"2026-11-20T{events_hour}0000Z", [Concert("e1", ["Abel"], status=status)])
        land_songs(lake, f"2026-11-20T{songs_hour}0000Z", [Artist("Abel", ["Song"], plays=plays)])
        publish_pending(tables, lake)
    assert rows(tables, "select artist_name, play_count from dwh.fact_artists") == [("Abel", 20)]
    assert rows(tables, "select song_name, play_count from dwh.dim_songs") == [("Song", 20)]
    assert rows(tables, "select status, is_current from dwh.dim_concerts order by valid_from") == [
        ("offsale", False),
        ("onsale", True),
    ]


@pytest.mark.parametrize("late", ["2026-11-18T070000Z", "2026-11-20T060000Z"], ids=["days", "an hour"])
def test_songs_that_arrive_late_match_no_artists_anew(tables: Any, lake: Lake, late: str) -> None:
    land_events(lake, events(20), [Concert("e1", ["Abel"])])
    land_songs(lake, songs(20), [Artist("Abel", ["Song"], plays=20)])
    publish_pending(tables, lake)
    before = star(tables)
    land_songs(lake, late, [Artist("Cain", ["Other"], plays=10)])
    publish_pending(tables, lake)
    after = star(tables)
    assert after["bridge_concert_artists"] == before["bridge_concert_artists"]
    assert after["fact_artists"] == before["fact_artists"]
    assert rows(tables, "select song_name, play_count from dwh.dim_songs order by 1") == [
        ("Other", 10),
        ("Song", 20),
    ]


def test_songs_keep_when_they_were_first_and_last_seen(tables: Any, lake: Lake) -> None:
    for day, titles in ((21, ["Old", "Both"]), (22, ["Both", "New"]), (20, ["Both"])):
        land_events(lake, events(day), [Concert("e1")])
        land_songs(lake, songs(day), [Artist("Abel", songs=titles)])
        publish_pending(tables, lake)
    assert rows(
        tables, "select song_name, first_seen_date, last_seen_date from dwh.dim_songs order by song_name"
    ) == [
        ("Both", date(2026, 11, 20), date(2026, 11, 22)),
        ("New", date(2026, 11, 22), date(2026, 11, 22)),
        ("Old", date(2026, 11, 21), date(2026, 11, 21)),
    ]


def test_a_run_landed_again_by_a_corrected_parser_replaces_what_it_saw(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", status="offsale")])
    publish(tables, lake, 21, [Concert("e1", status="offsale")])
    land_events(lake, events(20), [Concert("e1", status="onsale")])
    retry(tables, "events", events(20))
    publish_pending(tables, lake)
    assert versions(tables) == [
        ("e1", "onsale", WAS, True, instant(20), instant(21), False),
        ("e1", "offsale", WAS, True, instant(21), None, True),
    ]


def test_the_ledger_says_what_each_publish_changed(tables: Any, lake: Lake) -> None:
    changes = publish(tables, lake, 20, [Concert("e1", ["Abel"])])
    recorded = rows(tables, "select changes from dwh.load_ledger where dataset = 'events'")[0][0]
    assert json.loads(recorded) == changes
    assert changes["bridge_concert_artists"]["added"] == 1


def test_a_late_run_bills_nobody_where_the_newest_bills_nobody(tables: Any, lake: Lake) -> None:
    for day, artists in ((20, ["Abel"]), (22, []), (21, ["Cain"])):
        publish(tables, lake, day, [Concert("e1", artists)])
    assert rows(tables, "select artist_name from dwh.bridge_concert_artists") == []


def test_a_late_run_bills_a_concert_that_is_no_longer_listed(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Abel"]), Concert("e2")])
    publish(tables, lake, 22, [Concert("e2")])
    publish(tables, lake, 21, [Concert("e1", ["Cain"]), Concert("e2")])
    assert rows(tables, "select billing from dwh.dim_concerts where is_current and concert_id = 'e1'") == [
        ("Cain",)
    ]
    assert rows(tables, "select artist_name from dwh.bridge_concert_artists") == [("Cain",)]


def test_a_run_that_refused_a_concert_tells_nothing_of_it(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1"), Concert("e2")])
    land_events(lake, events(22), [Concert("e2")], refused=["e1"])
    publish_pending(tables, lake)
    publish(tables, lake, 21, [Concert("e1", status="cancelled"), Concert("e2")])
    assert [row[1:] for row in versions(tables) if row[0] == "e1"] == [
        ("onsale", WAS, True, instant(20), instant(21), False),
        ("cancelled", WAS, True, instant(21), None, True),
    ]


def test_a_late_run_leaves_what_the_newest_saw_of_a_concert_of_its_day(tables: Any, lake: Lake) -> None:
    today = date(2026, 11, 22)
    for day, artist, status in ((20, "Abel", "onsale"), (22, "Abel", "onsale"), (21, "Cain", "cancelled")):
        publish(tables, lake, day, [Concert("e1", [artist], status=status, local_date=today)])
    assert rows(tables, "select status from dwh.dim_concerts where is_current") == [("onsale",)]
    assert rows(tables, "select artist_name from dwh.bridge_concert_artists") == [("Abel",)]


def test_a_run_for_fewer_countries_leaves_the_artists_of_the_day(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Seth"])])
    before = rows(tables, "select * from dwh.fact_artists order by artist_key")
    land_events(lake, "2026-11-20T120000Z", [], countries=["GB"])
    publish_pending(tables, lake)
    assert rows(tables, "select * from dwh.fact_artists order by artist_key") == before


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
