"""The audit: what passes, what fails, what it reports, and what it writes to S3."""

import json
import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redshift_connector

from include.errors import ConnectionMissing, WarehouseUnavailable
from include.lake.bucket import Bucket
from include.lake.certificate import Scope
from include.lake.lake import Lake
from include.quality import audit as quality
from include.quality import validation
from include.quality.literals import with_values
from include.warehouse import ledger, parking
from include.warehouse import load as warehouse
from include.warehouse.pairing import Load
from include.warehouse.tables import STAR, create_tables
from include.warehouse.transactions import transaction
from sandbox.services import Services
from tests.support.snapshots import (
    Artist,
    Concert,
    build_load,
    engine,
    judged_at,
    land_events,
    land_songs,
    pending_loads,
    publish_pending,
    rows,
)

EVENTS, SONGS = "2026-11-22T060000Z", "2026-11-22T070000Z"
LOAD = Load(EVENTS, SONGS, ("events", "songs"))
MBID = "a181595e-5b84-4439-a5f4-f548ddfb64df"

# What the audit must report about a table, and the damage that causes it.
SPOILED = {
    "dim_songs: expect_column_values_to_be_unique song_key": "set song_key = 'same'",
    "dim_songs: expect_column_values_to_not_be_null song_name": "set song_name = null where song_rank = 1",
    "dim_songs: expect_column_values_to_be_between song_rank": "set song_rank = 0 where song_rank = 1",
    "dim_songs: expect_column_values_to_be_between play_count": "set play_count = -1",
    "dim_songs: expect_column_values_to_be_between last_seen_date": "set last_seen_date = '2026-01-01'",
    "dim_songs: unexpected_rows_expectation Every song's artist": (
        "set artist_key = 'nobody' where song_rank = 2"
    ),
    "dim_concerts: expect_column_values_to_be_unique concert_id": (
        "set concert_id = 'e1' where concert_id = 'e3'"
    ),
    "dim_concerts: expect_column_values_to_be_in_set status": "set status = 'sold out'",
    "dim_concerts: expect_column_values_to_be_between venue_latitude": "set venue_latitude = 91",
    "dim_concerts: expect_column_values_to_be_between venue_longitude": "set venue_longitude = -181",
    "dim_concerts: expect_column_values_to_be_between local_date": "set local_date = '1066-10-14'",
    "dim_concerts: expect_column_pair_values_a_to_be_greater_than_b price_max": (
        "set price_min = 5, price_max = 1"
    ),
    "dim_concerts: expect_column_values_to_be_between valid_from": "set valid_from = '2026-11-01'",
    "dim_concerts: expect_column_values_to_not_be_null venue_name": "set venue_name = null",
    "bridge_concert_artists: unexpected_rows_expectation Every billing's concert": (
        "set concert_id = 'nowhere' where artist_name = 'Cain'"
    ),
    "bridge_concert_artists: unexpected_rows_expectation Every billing's artist": (
        "set artist_key = 'nobody' where artist_name = 'Cain'"
    ),
    "bridge_concert_artists: expect_column_values_to_be_between artist_position": "set artist_position = 0",
    "bridge_concert_artists: expect_column_values_to_be_in_set matched_by": "set matched_by = 'guess'",
    "fact_artists: expect_compound_columns_to_be_unique": "set artist_key = 'same'",
    "fact_artists: expect_column_values_to_not_be_null artist_name": "set artist_name = null",
    "fact_artists: expect_column_values_to_be_between snapshot_date": (
        "set snapshot_date = '2026-11-21' where songs_charted = 0"
    ),
    "fact_artists: expect_column_values_to_be_between chart_rank": "set chart_rank = 0",
    "fact_artists: expect_column_values_to_be_between upcoming_concerts": ("set upcoming_concerts = -1"),
    "load_summary: expect_column_values_to_be_between events_rows_ratio": "set events_rows_ratio = 0.4",
    "load_summary: expect_column_values_to_be_between share_delisted": "set share_delisted = 0.06",
}


@pytest.fixture
def built(redshift: Any, s3: Any, bucket: str) -> tuple[Any, Lake]:
    """A load in the schema `audit`, ready to be judged."""
    lake = Lake(Bucket(s3, bucket))
    create_tables(redshift)
    land_events(
        lake, EVENTS, [Concert("e1", [("Abel", MBID), "Cain"]), Concert("e2", ["Abel"]), Concert("e3")]
    )
    land_songs(lake, SONGS, [Artist("Abel", mbid=MBID), Artist("Enoch", songs=["Only"], rank=2)])
    build_load(redshift, lake, LOAD)
    return redshift, lake


def keys(lake: Lake, prefix: str) -> list[str]:
    found = lake.bucket.s3.list_objects_v2(Bucket=lake.bucket.name, Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", [])]


def test_every_star_table_has_a_suite_with_not_null_checks() -> None:
    for table in STAR:
        suite = json.loads(Path(f"great_expectations/expectations/{table}.json").read_text())
        kinds = {expectation["type"] for expectation in suite["expectations"]}
        assert suite["name"] == table
        assert "expect_column_values_to_not_be_null" in kinds
        assert "expect_table_row_count_to_be_between" in kinds


def test_a_sound_load_passes_every_expectation(built: tuple[Any, Lake]) -> None:
    _, lake = built
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    assert outcome.verdict.failures == ()
    assert outcome.passed >= 100


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The statements sent to Redshift, and their parameters."""
    noted: list[tuple[str, Any]] = []
    execute = redshift_connector.Cursor.execute

    def note(cursor: Any, operation: str, args: Any = None, **more: Any) -> Any:
        noted.append((operation, args))
        return execute(cursor, operation, args, **more)

    monkeypatch.setattr(redshift_connector.Cursor, "execute", note)
    return noted


def test_a_passing_audit_sends_few_statements_without_parameters(
    built: tuple[Any, Lake], sent: list[tuple[str, Any]]
) -> None:
    """Redshift plans and compiles each, and binds parameters in fewer places than Great Expectations uses them:
    https://github.com/aws/amazon-redshift-python-driver/issues/24, …/104."""
    redshift, lake = built
    with transaction(redshift) as cursor:
        cursor.execute("update audit.load_summary set share_of_concerts_without_artist = 0")
    sent.clear()
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    assert (outcome.verdict.failures, outcome.warnings) == ((), ())
    assert len(sent) < 60
    assert [operation for operation, args in sent if args] == []
    [page] = keys(lake, f"validations/dim_concerts/{SONGS}/")
    counted = json.loads(lake.bucket.get(page))["results"]
    assert {
        result["result"]["element_count"] for result in counted if "unexpected_count" in result["result"]
    } == {3}


@pytest.mark.parametrize(
    ("table", "spoilt", "examples"),
    [
        ("load_summary", "share_delisted = 0.06", {"snapshot_date", "share_delisted"}),
        ("dim_concerts", "status = 'sold out'", {"concert_id", "status"}),
    ],
)
def test_an_audit_selects_examples_only_of_what_failed(
    built: tuple[Any, Lake], sent: list[tuple[str, Any]], table: str, spoilt: str, examples: set[str]
) -> None:
    redshift, lake = built
    with transaction(redshift) as cursor:
        cursor.execute("update audit.load_summary set share_of_concerts_without_artist = 0")
        cursor.execute(f"update audit.{table} set {spoilt}")
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    [failure] = (*outcome.verdict.failures, *outcome.warnings)
    assert spoilt.rpartition("= ")[2].strip("'") in failure
    selected = [
        found for sql, _ in sent if (found := re.match(r"SELECT (.*?)\sFROM\s.*\sLIMIT 20", sql, re.DOTALL))
    ]
    assert len(selected) == 2
    assert {column.strip() for each in selected for column in re.split(r",| AS \w+", each[1])} - {
        ""
    } == examples


def test_values_become_literals() -> None:
    values = ("it's 5 %", 5, 2.5, True, date(2026, 11, 22), datetime(2026, 11, 22, 6))
    statement = "select %s, %s, %s, %s, %s, %s where x like 'a%%'"
    assert with_values(None, None, statement, values, None, False) == (
        "select 'it''s 5 %', 5, 2.5, true, cast('2026-11-22' as date), cast('2026-11-22 06:00:00' as timestamp) "
        "where x like 'a%%'",
        (),
    )
    assert with_values(None, None, "select %s", ("a\\",), None, False) == ("select %s", ("a\\",))


def test_every_kind_of_damage_is_detected_and_named(built: tuple[Any, Lake]) -> None:
    redshift, lake = built
    with transaction(redshift) as cursor:
        for failure, change in SPOILED.items():
            cursor.execute(f"update audit.{failure.partition(':')[0]} {change}")
    failures = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD)).verdict.failures
    unnoticed = [
        expected for expected in SPOILED if not any(found.startswith(expected) for found in failures)
    ]
    assert unnoticed == []


# What makes one row of each table odd: by values that nobody has, and by values that are missing.
ODD = {
    "dim_concerts": (
        "set local_date = '1066-10-14', starts_at = '9999-12-31', status = 'sold out', venue_latitude = -91, "
        "venue_longitude = 181, price_min = -1, price_max = -2 where concert_id = 'e0'",
        "set local_date = null, status = null, venue_name = null, venue_city = null where concert_id = 'e0'",
    ),
    "dim_songs": (
        "set play_count = -1, listeners = -1 where song_name = 'Song 0'",
        "set play_count = null, listeners = null where song_name = 'Song 0'",
    ),
    "fact_artists": (
        "set chart_rank = 0, listeners = -1, play_count = -1, undated_concerts = -1, cancelled_concerts = -1, "
        "concert_countries = 251, next_concert_date = '1900-01-01' where artist_name = 'Artist 0'",
        "set listeners = null where artist_name = 'Artist 0'",
    ),
    "bridge_concert_artists": (
        "set artist_position = 2000 where concert_id = 'e0'",
        "set attraction_id = null where concert_id = 'e0'",
    ),
}


def build_rows(redshift: Any, lake: Lake, number: int) -> None:
    """A load with so many rows in each table."""
    more = {
        "price_max": 9.0,
        "venue_latitude": 1.0,
        "venue_longitude": 1.0,
        "starts_at": datetime(2027, 1, 15),
    }
    concerts = [Concert(f"e{n}", [f"Artist {n}"], price_min=5.0, more=more) for n in range(number)]
    land_events(lake, EVENTS, concerts)
    artists = [Artist(f"Artist {n}", songs=[f"Song {n}"], rank=n + 1) for n in range(number)]
    land_songs(lake, SONGS, artists)
    build_load(redshift, lake, LOAD)


@pytest.mark.parametrize("number", [1, 2, 5, 19, 30])
@pytest.mark.parametrize("odd", [0, 1], ids=["wrong", "missing"])
def test_one_odd_row_does_not_park_a_load_of_any_size(empty: tuple[Any, Lake], number: int, odd: int) -> None:
    redshift, lake = empty
    build_rows(redshift, lake, number)
    with transaction(redshift) as cursor:
        for table, changes in ODD.items():
            cursor.execute(f"update audit.{table} {changes[odd]}")
            assert cursor.rowcount == 1
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    assert outcome.verdict.failures == ()
    if number <= 5:  # more than every twentieth row, so people are told
        column = ("price_min", "play_count")[odd]
        assert any(
            f"not_be_null {column}" in line or f"between {column}" in line for line in outcome.warnings
        )
        index = lake.bucket.get("data-docs/index.html").decode()
        assert f"{column} (warning only): " in index
        assert "passed, with warnings" in index


def test_an_odd_row_more_parks_a_small_load(empty: tuple[Any, Lake]) -> None:
    redshift, lake = empty
    build_rows(redshift, lake, 5)
    with transaction(redshift) as cursor:
        cursor.execute("update audit.dim_concerts set price_min = -1 where concert_id in ('e0', 'e1')")
        cursor.execute("update audit.dim_songs set play_count = -1 where song_name = 'Song 0'")
    (failure,) = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD)).verdict.failures
    assert failure.startswith("dim_concerts: expect_column_values_to_be_between price_min: ")
    assert "must be between 0 and 1,000,000,000, but 2 of 5 rows are not, such as -1" in failure


@pytest.mark.parametrize(
    "change",
    [
        "dim_songs set song_key = null where song_name = 'Song 0'",
        "dim_concerts set concert_name = null where concert_id = 'e0'",
        "dim_songs set artist_key = 'nobody' where song_name = 'Song 0'",
        "bridge_concert_artists set concert_id = 'nowhere' where concert_id = 'e0'",
    ],
)
def test_grain_keys_and_references_are_absolute(empty: tuple[Any, Lake], change: str) -> None:
    redshift, lake = empty
    build_rows(redshift, lake, 30)
    with transaction(redshift) as cursor:
        cursor.execute(f"update audit.{change}")
        assert cursor.rowcount == 1
    assert not quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD)).success


@pytest.mark.parametrize("cause", ["password", "port", "time-out"])
def test_an_audit_that_cannot_run_gives_no_verdict(
    built: tuple[Any, Lake], services: Services, cause: str
) -> None:
    redshift, lake = built
    reached = engine()
    if cause == "password":
        reached = replace(reached, url=reached.url.replace(services.redshift["password"], "another"))
    elif cause == "port":
        reached = replace(reached, url=reached.url.replace(f":{services.redshift['port']}/", ":1/"))
    else:
        with transaction(redshift) as cursor:
            cursor.execute("drop view audit.fact_songs")
            cursor.execute("create view audit.fact_songs as select pg_catalog.redshift_rejects('time-out')")
    wrong = (ConnectionMissing, "the password is wrong") if cause == "password" else None
    kind, told = wrong or (WarehouseUnavailable, "nothing was judged")
    with pytest.raises(kind, match=told) as raised:
        quality.audit(lake, LOAD, reached, kept_runs=5, judged_at=judged_at(LOAD))
    assert services.redshift["password"] not in str(raised.value)
    assert rows(redshift, "select * from dwh.load_ledger") == []


def test_every_failing_row_is_kept_when_the_load_is_parked(built: tuple[Any, Lake]) -> None:
    redshift, lake = built
    with transaction(redshift) as cursor:
        for failure, change in SPOILED.items():
            cursor.execute(f"update audit.{failure.partition(':')[0]} {change}")
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    kept = parking.park(redshift, LOAD, "; ".join(outcome.verdict.failures), outcome.verdict.failed_rows)
    assert rows(redshift, "select count(*) from audit.failed_rows") == [(kept,)]
    assert rows(
        redshift,
        "select distinct row_key from audit.failed_rows where star_table = 'dim_concerts' "
        "and expectation like '%not_be_null venue_name%' order by 1",
    ) == [("e1",), ("e2",)]
    compound = "select star_table from audit.failed_rows where expectation like '%compound%' order by 1"
    assert rows(redshift, compound) == [("fact_artists",), ("fact_songs",)]  # the latter shows dim_songs
    assert parking.park(redshift, LOAD, "again") == 0
    assert rows(redshift, "select count(*) from audit.failed_rows") == [(0,)]


@pytest.mark.parametrize("price", ["NaN", "Infinity"])
def test_prices_that_are_no_numbers_fail(built: tuple[Any, Lake], price: str) -> None:
    """As a damaged object could have them: the sources cannot send any."""
    redshift, lake = built
    with transaction(redshift) as cursor:
        cursor.execute(f"update audit.dim_concerts set price_min = '{price}', price_max = '{price}'")
    failures = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD)).verdict.failures
    assert [failure.partition(":")[2].split(":")[0].split()[-1] for failure in failures] == [
        "price_min",
        "price_max",
    ]


def test_an_empty_table_fails(built: tuple[Any, Lake]) -> None:
    redshift, lake = built
    with transaction(redshift) as cursor:
        cursor.execute("delete from audit.bridge_concert_artists")
    failures = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD)).verdict.failures
    assert any(failure.startswith("bridge_concert_artists: expect_table_row_count") for failure in failures)


@pytest.fixture
def empty(redshift: Any, s3: Any, bucket: str) -> tuple[Any, Lake]:
    """A warehouse and a lake with nothing in them."""
    create_tables(redshift)
    return redshift, Lake(Bucket(s3, bucket))


ABROAD = {"country_code": "GB", "venue_country_code": "GB"}


def test_the_number_of_events_is_compared_with_that_of_the_same_countries(empty: tuple[Any, Lake]) -> None:
    redshift, lake = empty
    land_songs(lake, SONGS, [Artist("Abel")])
    land_events(lake, EVENTS, [Concert(f"e{n}", ["Abel"]) for n in range(10)])
    publish_pending(redshift, lake)
    abroad = Load("2026-11-23T060000Z", SONGS, ("events",))
    land_events(lake, abroad.events, [Concert("g1", ["Eve"], more=ABROAD)], countries=["GB"])
    build_load(redshift, lake, abroad)
    assert (
        quality.audit(lake, abroad, engine(), kept_runs=5, judged_at=judged_at(abroad)).verdict.failures == ()
    )
    warehouse.publish(redshift, abroad)
    halved = Load("2026-11-24T060000Z", SONGS, ("events",))
    land_events(lake, halved.events, [Concert("e1", ["Abel"]), Concert("e2", ["Abel"])])
    build_load(redshift, lake, halved)
    assert any(
        "events_rows_ratio" in failure
        for failure in quality.audit(
            lake, halved, engine(), kept_runs=5, judged_at=judged_at(halved)
        ).verdict.failures
    )


def test_a_run_that_was_accepted_by_name_may_differ_from_earlier_ones_and_the_data_docs_say_so(
    empty: tuple[Any, Lake],
) -> None:
    """Its partner may not."""
    redshift, lake = empty
    land_events(lake, EVENTS, [Concert(f"e{n}", ["Abel"]) for n in range(10)])
    land_songs(lake, SONGS, [Artist("Abel", songs=[f"Song {n}" for n in range(10)])])
    publish_pending(redshift, lake)
    fewer = Load("2026-11-23T060000Z", "2026-11-23T070000Z", ("events", "songs"))
    land_events(lake, fewer.events, [Concert("e1", ["Abel"])])
    land_songs(lake, fewer.songs, [Artist("Abel", songs=["Song 1"])])
    build_load(redshift, lake, fewer)
    verdict = quality.audit(lake, fewer, engine(), kept_runs=5, judged_at=judged_at(fewer)).verdict
    assert verdict.at_fault == ("events", "songs")
    parking.park(redshift, fewer, verdict.reason)
    assert ledger.accept(redshift, "events", fewer.events) == 1
    assert ledger.accepted(redshift, fewer) == ("events",)
    outcome = quality.audit(
        lake, fewer, engine(), kept_runs=5, judged_at=judged_at(fewer), accepted=("events",)
    )
    assert outcome.verdict.at_fault == ("songs",)
    assert "accepted by an operator" in lake.bucket.get("data-docs/index.html").decode()


@pytest.mark.parametrize("accepted", ["events", "songs"])
def test_a_run_loaded_with_an_accepted_one_is_not_parked_for_what_was_accepted(
    empty: tuple[Any, Lake], accepted: str
) -> None:
    """The accepted run is published, and is context now."""
    redshift, lake = empty
    titles = [f"Song {n}" for n in range(10)]
    concerts = [Concert(f"e{n}", ["Abel"]) for n in range(10)]
    land_events(lake, EVENTS, concerts)
    land_songs(lake, SONGS, [Artist("Abel", songs=titles)])
    publish_pending(redshift, lake)
    land_events(lake, "2026-11-23T060000Z", concerts[:1] if accepted == "events" else concerts)
    land_songs(lake, "2026-11-23T070000Z", [Artist("Abel", titles[:1] if accepted == "songs" else titles)])
    publish_pending(redshift, lake)
    if accepted == "events":
        land_songs(lake, "2026-11-23T080000Z", [Artist("Abel", songs=titles)])
    else:
        land_events(lake, "2026-11-23T080000Z", concerts)
    [load] = pending_loads(redshift, lake)
    assert len(load.pending) == 1
    build_load(redshift, lake, load)
    outcome = quality.audit(lake, load, engine(), kept_runs=5, judged_at=judged_at(load))
    assert outcome.verdict.failures == ()


def test_lowering_a_setting_parks_nothing(empty: tuple[Any, Lake]) -> None:
    """Counts are compared with the newest published run of the same scope."""
    redshift, lake = empty
    land_events(lake, EVENTS, [Concert("e1", ["Abel"])])
    wide = Scope(("US",), artists_per_country=50, touring_artists=200, tracks_per_artist=50)
    land_songs(lake, SONGS, [Artist("Abel", songs=[f"Song {n}" for n in range(10)])], scope=wide)
    publish_pending(redshift, lake)
    lowered = Load(EVENTS, "2026-11-22T080000Z", ("songs",))
    narrow = msgspec.structs.replace(wide, tracks_per_artist=2)
    land_songs(lake, lowered.songs, [Artist("Abel", songs=["Song 1", "Song 2"])], scope=narrow)
    build_load(redshift, lake, lowered)
    assert (
        quality.audit(lake, lowered, engine(), kept_runs=5, judged_at=judged_at(lowered)).verdict.failures
        == ()
    )


def test_oddities_that_the_sources_document_do_not_park(empty: tuple[Any, Lake]) -> None:
    """An attraction without an id, one undated concert in nine, an artist without songs or billings."""
    redshift, lake = empty
    concerts = [Concert(f"e{n}", ["Abel"]) for n in range(7)]
    concerts.append(Concert("no id", ["Abel"], more={"attraction_id": None}))
    concerts.append(Concert("undated", ["Abel"], "postponed", None))
    land_events(lake, EVENTS, concerts)
    artists = [Artist("Abel"), Artist("Seth", songs=(), rank=None)]
    land_songs(lake, SONGS, artists)
    build_load(redshift, lake, LOAD)
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    assert outcome.verdict.failures == ()
    assert len(outcome.warnings) == 2


def test_a_smaller_change_is_a_warning_and_passes(built: tuple[Any, Lake]) -> None:
    redshift, lake = built
    with transaction(redshift) as cursor:
        cursor.execute("update audit.load_summary set events_rows_ratio = 0.7")
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    assert outcome.success
    assert any("events_rows_ratio" in warning for warning in outcome.warnings)


def test_the_data_docs_show_passing_and_failing_audits(built: tuple[Any, Lake]) -> None:
    redshift, lake = built
    quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    later = Load("2026-11-23T060000Z", SONGS, ("events",))
    with transaction(redshift) as cursor:
        cursor.execute("update audit.dim_concerts set status = 'sold out' where concert_id = 'e2'")
    outcome = quality.audit(lake, later, engine(), kept_runs=5, judged_at=judged_at(later))
    index = lake.bucket.get("data-docs/index.html").decode()
    assert outcome.data_docs.startswith(f"s3://{lake.bucket.name}/data-docs/index.html")
    assert SONGS in index
    assert "2026-11-23T060000Z" in index
    [page] = keys(lake, "data-docs/validations/dim_concerts/2026-11-23T060000Z/")
    assert "sold out" in lake.bucket.get(page).decode()


def test_the_page_of_a_load_tells_warnings_apart_and_rounds_values(built: tuple[Any, Lake]) -> None:
    redshift, lake = built
    with transaction(redshift) as cursor:
        cursor.execute("alter table audit.load_summary alter column events_rows_ratio type double precision")
        cursor.execute(
            "update audit.load_summary set events_rows_ratio = 0.123456789012, "
            "share_of_concerts_without_artist = 0"
        )
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    assert (len(outcome.verdict.failures), len(outcome.warnings)) == (1, 1)
    [page] = keys(lake, f"data-docs/validations/load_summary/{SONGS}/")
    text = lake.bucket.get(page).decode()
    assert len(re.findall(r">\s*warning\s*<", text)) == 1
    assert "0.1235" in text
    assert "1 unexpected value found" in text
    assert re.findall(r"(?<!T\d{5})\d\.\d{6,}", text) == []  # but for an instant


HOSTILE = {
    "an unexpected value": ["update audit.dim_concerts set status = '<svg onload=x>'"],
    "a row that refers to nothing": ["update audit.bridge_concert_artists set concert_id = '<svg onload=x>'"],
    "an error": [
        "update audit.fact_songs set song_key = '<svg onload=x>'",
        "alter table audit.fact_songs rename to kept",
        "create view audit.fact_songs as select * from audit.kept where cast(song_key as integer) = 1",
    ],
}
"""Where text from outside, which would run, comes into a page."""


@pytest.mark.parametrize("where", HOSTILE)
def test_text_from_outside_is_escaped_in_the_docs_and_unescaped_in_messages(
    built: tuple[Any, Lake], where: str
) -> None:
    redshift, lake = built
    with transaction(redshift) as cursor:
        for statement in HOSTILE[where]:
            cursor.execute(statement)
    outcome = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    pages = [lake.bucket.get(key).decode() for key in keys(lake, "data-docs/") if key.endswith(".html")]
    assert any("&lt;svg onload" in page for page in pages)
    assert not any("<svg" in page for page in pages)
    if where in ("an unexpected value", "an error"):
        assert any("<svg onload=x>" in failure for failure in outcome.verdict.failures)


def test_a_load_that_is_judged_again_leaves_the_page_of_the_audit_that_failed(
    built: tuple[Any, Lake],
) -> None:
    redshift, lake = built
    again = judged_at(LOAD) + timedelta(hours=1)
    with transaction(redshift) as cursor:
        cursor.execute("update audit.dim_concerts set status = 'sold out'")
    failed = quality.audit(
        lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD), dag_run="manual__1+00:00"
    )
    with transaction(redshift) as cursor:
        cursor.execute("update audit.dim_concerts set status = 'onsale'")
    passed = quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=again, dag_run="manual__2")
    index = lake.bucket.get("data-docs/index.html").decode()
    sections = {
        name: text.partition("</section>")[0]
        for name, text in re.findall(r"<section id='([^']+)'>(.*?)(?=<section|$)", index, re.DOTALL)
    }
    red = sections[failed.data_docs.partition("#")[2]]
    green = sections[passed.data_docs.partition("#")[2]]
    assert "22 November 2026 <span class='failed'>" in red
    assert "sold out" in red
    assert "href='../dags/musician_warehouse/runs/manual__1%2B00%3A00'" in red
    assert "22 November 2026 <span class='warned'>" in green
    assert "runs/manual__2'" in green


def test_the_pages_name_parameters_and_whole_numbers_as_people_do(built: tuple[Any, Lake]) -> None:
    _, lake = built
    quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    pages = {key: lake.bucket.get(key).decode() for key in keys(lake, "data-docs/") if key.endswith(".html")}
    for page in pages.values():
        assert "$PARAMETER" not in page
        assert not re.findall(r">-?\d+\.0\s*<", page)
        assert not re.findall(r">1\s*</span> rows", page)
    assert "the load's snapshot_date" in pages["data-docs/expectations/fact_artists.html"]


def test_pages_of_old_audits_are_pruned(built: tuple[Any, Lake]) -> None:
    _, lake = built
    for day in (22, 23, 24):
        load = Load(f"2026-11-{day}T060000Z", f"2026-11-{day}T050000Z", ("events",))
        quality.audit(lake, load, engine(), kept_runs=2, judged_at=judged_at(load))
    kept = {key.split("/")[2] for key in keys(lake, "validations/fact_artists/")}
    assert kept == {"2026-11-23T060000Z", "2026-11-24T060000Z"}
    assert {key.split("/")[3] for key in keys(lake, "data-docs/validations/fact_artists/")} == kept


def counted(lake: Lake) -> list[str]:
    """Records the requests to S3 from now on."""
    sent: list[str] = []
    lake.bucket.s3.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    return sent


def test_an_audit_transfers_the_same_amount_however_many_are_kept(
    built: tuple[Any, Lake], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lake = built
    lake = Lake(Bucket(services.aws.client("s3"), lake.bucket.name))
    monkeypatch.setattr(validation, "JUDGED", ("dim_songs", "load_summary"))
    sent, counts = counted(lake), []
    for day in (22, 23, 24, 25):
        sent.clear()
        load = Load(f"2026-11-{day}T060000Z", SONGS, ("events",))
        quality.audit(lake, load, engine(), kept_runs=3, judged_at=judged_at(load))
        counts.append(len(sent))
    index = lake.bucket.get("data-docs/index.html").decode()
    assert counts[1] == counts[2] < counts[0]
    assert counts[3] - counts[2] == 4  # the pages and the results of the oldest audit go
    assert [f"run 2026-11-{day}T060000Z" in index for day in (22, 23, 24, 25)] == [False, True, True, True]


def test_data_docs_of_an_older_release_are_continued(
    built: tuple[Any, Lake], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lake = built
    monkeypatch.setattr(validation, "JUDGED", ("dim_songs",))
    quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    lake.bucket.delete(["validations/audits.json"])
    later = Load("2026-11-23T060000Z", SONGS, ("events",))
    quality.audit(lake, later, engine(), kept_runs=5, judged_at=judged_at(later))
    index = lake.bucket.get("data-docs/index.html").decode()
    assert f"run {SONGS}" in index and "run 2026-11-23T060000Z" in index


def entry(**changed: Any) -> bytes:
    """`audits.json` with one entry."""
    of_audit = {
        "run": "2026-11-20T060000Z", "judged_at": "2026-11-20T08:00:00Z", "dag_run": "", "table": "dim_songs",
        "page": "validations/dim_songs/2026-11-20T060000Z/x/y.html", "evaluated": 1, "failed": 0, "failures": [],
        "critical": False,
    }  # fmt: skip
    return json.dumps({"validations": [of_audit | changed], "files": {}}).encode()


@pytest.mark.parametrize(
    "remembered",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        entry(run="yesterday"),
        entry(run="2026-13-45T000000Z"),
        entry(judged_at="2026-11-20T08:00:00"),
        entry(page=f"manifests/events/{EVENTS}.html"),
        entry(page=""),
    ],
)
def test_damaged_notes_of_earlier_audits_cost_no_verdict(
    built: tuple[Any, Lake], monkeypatch: pytest.MonkeyPatch, remembered: bytes
) -> None:
    _, lake = built
    monkeypatch.setattr(validation, "JUDGED", ("dim_songs",))
    lake.bucket.put("validations/audits.json", remembered)
    lake.bucket.put("validations/dim_songs/2026-11-20T060000Z/x/damaged.json", remembered)
    for kept_runs in (5, 1):
        outcome = quality.audit(lake, LOAD, engine(), kept_runs=kept_runs, judged_at=judged_at(LOAD))
        assert outcome.success
    assert f"run {SONGS}" in lake.bucket.get("data-docs/index.html").decode()
    assert lake.has_manifest("events", EVENTS)


def test_no_credentials_reach_the_project_folder_or_s3(built: tuple[Any, Lake], services: Services) -> None:
    _, lake = built
    quality.audit(lake, LOAD, engine(), kept_runs=5, judged_at=judged_at(LOAD))
    password = services.redshift["password"].encode()
    for file in Path("great_expectations").rglob("*"):
        assert file.is_dir() or password not in file.read_bytes()
    for key in [*keys(lake, "validations/"), *keys(lake, "data-docs/")]:
        assert password not in lake.bucket.get(key)


def test_column_reflection_works_over_the_redshift_dialect(built: tuple[Any, Lake]) -> None:
    """With SQLAlchemy 2.1, sqlalchemy-redshift 1.0.0 raises here, and every column expectation would fail."""
    from sqlalchemy import create_engine, inspect

    from include.orchestration.connections import redshift_engine_arguments

    url, connect_args = redshift_engine_arguments()
    reached = create_engine(url, connect_args=connect_args)
    names = [column["name"] for column in inspect(reached).get_columns("dim_songs", schema="audit")]
    reached.dispose()
    assert names == [
        name
        for (name,) in rows(
            built[0],
            "select column_name from information_schema.columns "
            "where table_schema = 'audit' and table_name = 'dim_songs' order by ordinal_position",
        )
    ]
