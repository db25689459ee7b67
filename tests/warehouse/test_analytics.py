"""What the views of `analytics` show."""

from datetime import date, datetime
from typing import Any

import pytest

from include.lake.lake import Lake
from tests.support.snapshots import Artist, Concert, land_events, land_songs, publish_pending, rows

SOON, LATER = date(2027, 1, 15), date(2027, 3, 1)
CHANGES = {
    "cancelled": (Concert("1"), Concert("1", status="cancelled"), "status"),
    "reinstated": (Concert("2", status="cancelled"), Concert("2"), "status"),
    "postponed": (Concert("3"), Concert("3", status="postponed", local_date=None), "status date"),
    "announced": (Concert("4", local_date=None), Concert("4"), "date"),
    "rescheduled": (Concert("5"), Concert("5", status="rescheduled", local_date=LATER), "status date"),
    "repriced": (Concert("6", price_min=20), Concert("6", price_min=25), "price"),
    "rebilled": (Concert("7", ["Abel"]), Concert("7", ["Abel", "Cain"]), "billing"),
    "renamed": (Concert("8"), Concert("8", name="Another night out"), "name"),
    "on_or_off_sale": (Concert("9"), Concert("9", status="offsale"), "status"),
}


def publish(tables: Any, lake: Lake, day: int, concerts: list[Concert], artists: list[Artist]) -> None:
    """Lands and publishes what one day's complete runs saw."""
    land_events(lake, f"2026-11-{day}T060000Z", concerts)
    land_songs(lake, f"2026-11-{day}T070000Z", artists)
    publish_pending(tables, lake)


def test_a_concert_is_upcoming_while_it_is_listed_dated_ahead_and_not_cancelled(
    tables: Any, lake: Lake
) -> None:
    concerts = [
        Concert("on"),
        Concert("today", local_date=date(2026, 11, 22)),
        Concert("over", local_date=date(2026, 11, 21)),
        Concert("undated", local_date=None),
        Concert("over at some time", local_date=None, more={"local_end_date": SOON}),
        Concert("cancelled", status="cancelled"),
    ]
    publish(tables, lake, 20, [*concerts, Concert("gone")], [Artist("Abel")])
    for day in (21, 22):  # delisting takes two witnesses
        publish(tables, lake, day, concerts, [Artist("Abel")])
    found = rows(tables, "select concert_id, days_ahead from analytics.upcoming_concerts order by concert_id")
    assert found == [("on", 54), ("today", 0)]


def test_an_upcoming_concert_names_its_best_known_artist(tables: Any, lake: Lake) -> None:
    concerts = [Concert("1", ["Cain", "Enoch", "Abel"]), Concert("2", ["Seth"]), Concert("3")]
    publish(tables, lake, 20, concerts, [Artist("Abel", rank=2), Artist("Enoch", rank=5)])
    found = rows(
        tables,
        "select concert_id, best_known_artist, listeners, chart_rank, charting_artists "
        "from analytics.upcoming_concerts order by concert_id",
    )
    assert found == [("1", "Abel", 5_000, 2, 2), ("2", "Seth", None, None, 0), ("3", None, None, None, None)]


def test_the_next_concert_of_an_artist_is_one_that_is_still_listed(tables: Any, lake: Lake) -> None:
    later = Concert("later", ["Abel"], local_date=LATER)
    publish(tables, lake, 20, [Concert("soon", ["Abel"], local_date=SOON), later], [Artist("Abel")])
    for day in (21, 22):  # delisting takes two witnesses
        publish(tables, lake, day, [later], [Artist("Abel")])
    found = rows(
        tables, "select next_concert_id, next_concert_date, top_song from analytics.artist_events_songs"
    )
    assert found == [("later", LATER, "First")]


@pytest.mark.parametrize("complete", [True, False])
def test_all_columns_of_the_next_concert_are_of_the_same_concert(
    tables: Any, lake: Lake, complete: bool
) -> None:
    """Even if the newest run did not list it: it began earlier today, or the run is incomplete."""
    today = Concert("today", ["Abel"], local_date=date(2026, 11, 21))
    later = Concert("later", ["Abel"], local_date=LATER)
    publish(tables, lake, 20, [today, later], [Artist("Abel")])
    land_events(lake, "2026-11-21T060000Z", [later], complete)
    publish_pending(tables, lake)
    found = rows(
        tables,
        "select upcoming_concerts, next_concert_id, next_concert_date from analytics.artist_events_songs",
    )
    assert found == [(2, "today", today.local_date)]


def test_a_run_for_another_country_does_not_hide_the_artists_of_the_others(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("e1", ["Seth"])], [Artist("Abel")])
    abroad = [Concert("g1", ["Eve"], more={"country_code": "GB", "venue_country_code": "GB"})]
    land_events(lake, "2026-11-21T060000Z", abroad, countries=["GB"])
    publish_pending(tables, lake)
    assert rows(
        tables, "select concert_id, best_known_artist from analytics.upcoming_concerts order by 1"
    ) == [("e1", "Seth"), ("g1", "Eve")]


def test_popularity_compares_an_artist_with_the_previous_snapshot(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("1", ["Abel"])], [Artist("Abel", rank=4), Artist("Enoch", rank=1)])
    publish(tables, lake, 22, [Concert("1", ["Abel"])], [Artist("Abel", rank=2), Artist("Seth", rank=1)])
    found = rows(
        tables,
        "select artist_name, snapshot_date, listeners, previous_snapshot_date, listeners_gained, "
        "ranks_gained, upcoming_concerts from analytics.artist_popularity "
        "order by artist_name, snapshot_date",
    )
    first, second = date(2026, 11, 20), date(2026, 11, 22)
    assert found == [
        ("Abel", first, 2_500, None, None, None, 1),
        ("Abel", second, 5_000, first, 2_500, 2, 1),
        ("Enoch", first, 10_000, None, None, None, 0),
        ("Seth", second, 10_000, None, None, None, 0),
    ]


def test_listeners_in_the_charts_of_different_countries_are_not_compared(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("1")], [Artist("Abel", rank=4)])
    publish(tables, lake, 21, [Concert("1")], [Artist("Abel", rank=2)])
    with tables.cursor() as cursor:
        cursor.execute("update dwh.fact_artists set chart_countries = 'GB,US' where chart_rank = 2")
    found = rows(tables, "select listeners_gained, ranks_gained from analytics.artist_popularity")
    assert set(found) == {(None, None)}


def test_every_change_says_what_differs_and_when_it_was_noticed(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [before for before, _, _ in CHANGES.values()], [Artist("Abel")])
    publish(tables, lake, 21, [after for _, after, _ in CHANGES.values()], [Artist("Abel")])
    found = rows(
        tables,
        "select change, changed_fields, noticed_at from analytics.concert_changes order by concert_id",
    )
    assert found == [
        (change, fields, datetime(2026, 11, 21, 6)) for change, (_, _, fields) in CHANGES.items()
    ]


def test_a_change_shows_old_and_new_side_by_side(tables: Any, lake: Lake) -> None:
    publish(tables, lake, 20, [Concert("1", local_date=SOON)], [Artist("Abel")])
    publish(tables, lake, 21, [Concert("1", status="rescheduled", local_date=LATER)], [Artist("Abel")])
    found = rows(
        tables,
        "select old_status, new_status, old_local_date, new_local_date, days_later, is_newest_change "
        "from analytics.concert_changes",
    )
    assert found == [("onsale", "rescheduled", SOON, LATER, 45, True)]


def test_leaving_the_list_and_coming_back_are_changes(tables: Any, lake: Lake) -> None:
    other = Concert("2")
    both = [Concert("1"), other]
    for day, concerts in ((20, both), (21, [other]), (22, [other]), (23, both)):
        publish(tables, lake, day, concerts, [Artist("Abel")])
    found = rows(
        tables,
        "select concert_id, change, changed_fields, is_newest_change from analytics.concert_changes "
        "order by noticed_at",
    )
    assert found == [("1", "delisted", "listing", False), ("1", "relisted", "listing", True)]
