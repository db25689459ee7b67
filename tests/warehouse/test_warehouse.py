"""Staging, building and publishing with the sandbox's Redshift and S3."""

import threading
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest

from include.errors import LoadSuperseded, ManifestInvalid
from include.lake.lake import Lake
from include.sources.identity import artist_key, namesake_key
from include.sources.lastfm.rows import SongRow
from include.sources.ticketmaster.rows import EventRow
from include.warehouse import load as warehouse
from include.warehouse import next_load, parking
from include.warehouse.ledger import accept, retry
from include.warehouse.pairing import Load
from include.warehouse.tables import BUILT, DATASETS, create_tables, ensure_tables, send_definitions
from include.warehouse.transactions import Joined, transaction
from tests.support.snapshots import (
    ROLE,
    Artist,
    Concert,
    build_load,
    judged_at,
    land_events,
    land_songs,
    pending_loads,
    publish_pending,
    rows,
    star,
)

EVENTS, SONGS = "2026-11-22T060000Z", "2026-11-22T070000Z"
LOAD = Load(EVENTS, SONGS, ("events", "songs"))
ONE, OTHER = "a181595e-5b84-4439-a5f4-f548ddfb64df", "f6beac20-5dfe-4d1f-ae02-0b0a740aafd6"


@pytest.fixture
def landed(lake: Lake) -> Lake:
    """One events run and one songs run."""
    land_events(lake, EVENTS, [Concert("e1", ["Abel", "Cain"]), Concert("e2", ["Abel"]), Concert("e3")])
    land_songs(lake, SONGS, [Artist("Abel"), Artist("Enoch", songs=["Only"], rank=2)])
    return lake


@pytest.mark.parametrize(("dataset", "row_type"), [("events", EventRow), ("songs", SongRow)])
def test_staging_has_the_columns_of_the_parquet_rows_in_the_same_order(
    tables: Any, dataset: str, row_type: type[msgspec.Struct]
) -> None:
    columns = rows(
        tables,
        "select column_name, character_maximum_length from information_schema.columns "
        f"where table_schema = 'staging' and table_name = '{dataset}' order by ordinal_position",
    )
    assert [name for name, _ in columns] == [field.name for field in msgspec.structs.fields(row_type)]
    widths = {
        field.name: note.extra["bytes"]
        for field in msgspec.structs.fields(row_type)
        for part in (field.type, *getattr(field.type, "__args__", ()))
        for note in getattr(part, "__metadata__", ())
    }
    assert {name: width for name, width in columns if width} == widths


def test_creating_the_tables_again_keeps_their_rows(tables: Any, landed: Lake) -> None:
    publish_pending(tables, landed)
    before = star(tables)
    create_tables(tables)
    assert star(tables) == before


def test_tables_are_created_again_only_when_their_definitions_have_changed(tables: Any) -> None:
    table = "select oid from pg_class where relname = 'load_summary'"
    created = rows(tables, table)
    ensure_tables(tables)
    assert rows(tables, table) == created
    with transaction(tables) as cursor:
        cursor.execute("update audit.definitions set other_hash = 'older'")
    ensure_tables(tables)
    assert rows(tables, table) != created


@pytest.mark.parametrize(
    "statement",
    [
        "drop view analytics.artist_events_songs",
        "drop table audit.load_summary",
        "drop table staging.songs cascade",
        "alter table staging.events add column fashion varchar(8)",
        "alter table audit.current_runs drop column scope",
        "alter table audit.failed_rows drop column row_key",
        "alter table audit.changes alter column star_table type varchar(128)",
        "drop view analytics.song_popularity; create view analytics.song_popularity as select 1 as songs",
    ],
)
def test_what_was_dropped_or_altered_by_hand_is_created_again_and_the_star_is_kept(
    tables: Any, landed: Lake, statement: str
) -> None:
    publish_pending(tables, landed)
    before, state = star(tables), columns(tables)
    for part in statement.split("; "):
        with transaction(tables) as cursor:
            cursor.execute(part)
    assert columns(tables) != state
    assert ensure_tables(tables) is True
    assert columns(tables) == state
    assert star(tables) == before


def test_columns_not_recorded_at_creation_are_recorded_by_the_next_run(tables: Any) -> None:
    """Whoever creates the tables over the Data API reads nothing."""
    with transaction(tables) as cursor:
        send_definitions(cursor)
    assert ensure_tables(tables) is True
    with transaction(tables) as cursor:
        cursor.execute("alter table dwh.dim_songs add column fashion varchar(8)")
    assert ensure_tables(tables) is False


def columns(redshift: Any) -> list[tuple[Any, ...]]:
    """The columns of all tables and views that have a definition."""
    return rows(
        redshift,
        "select table_schema, table_name, column_name, data_type, character_maximum_length, is_nullable "
        "from information_schema.columns where table_schema in ('staging', 'audit', 'dwh', 'analytics') "
        "and table_name not like '%\\_changes' and table_name not like 'known\\_%' "
        "and table_name <> 'delisted_versions' order by table_schema, table_name, ordinal_position",
    )


def test_a_load_becomes_the_star(tables: Any, landed: Lake) -> None:
    [changes] = publish_pending(tables, landed)
    assert {table: counts["added"] for table, counts in changes.items()} == {
        "dim_songs": 3,
        "fact_songs": 3,
        "dim_concerts": 3,
        "bridge_concert_artists": 3,
        "fact_artists": 3,
    }
    facts = rows(
        tables,
        "select artist_name, chart_rank, songs_charted, upcoming_concerts, headlined_concerts, "
        "next_concert_date from dwh.fact_artists order by artist_name",
    )
    assert facts == [
        ("Abel", 1, 2, 2, 2, date(2027, 1, 15)),
        ("Cain", None, 0, 1, 0, date(2027, 1, 15)),
        ("Enoch", 2, 1, 0, 0, None),
    ]


def test_the_ledger_and_the_data_commit_together_and_nothing_is_left_to_do(tables: Any, landed: Lake) -> None:
    publish_pending(tables, landed)
    assert rows(tables, "select dataset, run, state, record_count from dwh.load_ledger order by dataset") == [
        ("events", EVENTS, "published", 4),
        ("songs", SONGS, "published", 3),
    ]
    assert pending_loads(tables, landed) == []


def test_publishing_a_load_again_changes_nothing(tables: Any, landed: Lake) -> None:
    [first] = publish_pending(tables, landed)
    before = star(tables), rows(tables, "select * from dwh.load_ledger")
    assert warehouse.publish(tables, LOAD) == first
    assert (star(tables), rows(tables, "select * from dwh.load_ledger")) == before


def test_both_runs_of_a_load_are_read_at_the_same_time(
    tables: Any, landed: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, both = landed.bucket.find, threading.Barrier(2, timeout=120)

    def together(key: str) -> bytes | None:
        if key.startswith("certificates/"):
            both.wait()  # an error unless the other comes
        return find(key)

    monkeypatch.setattr(landed.bucket, "find", together)
    next_load.begin(tables, landed, LOAD, judged_at(LOAD))
    assert rows(tables, "select dataset, run from audit.current_runs order by dataset") == [
        ("events", EVENTS),
        ("songs", SONGS),
    ]


def test_what_a_load_fills_is_analysed_then(tables: Any, landed: Lake) -> None:
    """In one transaction, as in a rebuild: PostgreSQL itself cannot analyse in between."""
    later = Load("2026-11-23T060000Z", "2026-11-23T070000Z", LOAD.pending)
    land_events(landed, later.events, [Concert(f"f{number}", ["Abel"]) for number in range(9)])
    land_songs(landed, later.songs, [Artist("Abel"), Artist("Enoch", songs=list("abcdefghi"))])
    filled = [*(f"staging.{dataset}" for dataset in DATASETS), *(f"audit.{table}" for table in BUILT)]
    joined = Joined(tables)
    create_tables(joined)
    for load in (LOAD, later):
        build_load(joined, landed, load)
        for table in filled:
            [(filled_with,)] = rows(joined, f"select count(*) from {table}")
            [(believed,)] = rows(joined, f"select reltuples from pg_class where oid = '{table}'::regclass")
            assert (table, believed) == (table, filled_with)
    tables.rollback()


def test_an_object_no_manifest_names_does_not_exist(tables: Any, landed: Lake) -> None:
    [part] = landed.manifest("songs", SONGS).parts
    body = landed.bucket.get(part.url.split("/", 3)[3])
    landed.bucket.put(f"lake/songs/{SONGS}/part-00001.parquet", body)
    next_load.begin(tables, landed, LOAD, judged_at(LOAD))
    assert warehouse.stage(tables, landed, LOAD, "songs", ROLE) == 3


def test_staging_has_the_rows_of_one_load_only(tables: Any, landed: Lake) -> None:
    land_events(landed, "2026-11-23T060000Z", [Concert("e9")])
    for load in (LOAD, Load("2026-11-23T060000Z", SONGS, ("events",))):
        next_load.begin(tables, landed, load, judged_at(load))
        warehouse.stage(tables, landed, load, "events", ROLE)
    assert rows(tables, "select event_id from staging.events") == [("e9",)]


@pytest.mark.parametrize(
    "change", ["missing", "longer", "altered", "fewer rows", "no rows", "no certificate"]
)
def test_a_run_that_cannot_be_read_in_full_is_parked_alone_and_the_other_is_loaded_with_the_next(
    tables: Any, landed: Lake, change: str
) -> None:
    [part] = landed.manifest("songs", SONGS).parts
    key = part.url.split("/", 3)[3]
    if change == "missing":
        landed.bucket.delete([key])
    elif change == "longer":
        landed.bucket.put(key, landed.bucket.get(key) + b"\0")
    elif change == "altered":
        landed.bucket.put(key, b"\0" * part.content_length)
    elif change == "fewer rows":
        landed.put_manifest("songs", SONGS, SongRow, [replace(part, record_count=part.record_count + 1)])
    elif change == "no rows":
        land_songs(landed, SONGS, [])
    else:
        landed.bucket.delete([f"certificates/events/{EVENTS}.json"])
    with pytest.raises(ManifestInvalid) as invalid:
        build_load(tables, landed, LOAD)
    at_fault = "events" if change == "no certificate" else "songs"
    assert rows(tables, "select dataset, state, reason from dwh.load_ledger") == [
        (at_fault, "parked", str(invalid.value))
    ]
    assert rows(tables, "select count(*) from staging.songs") == [(0,)]
    land_events(landed, "2026-11-23T060000Z", [Concert("e9", ["Abel"])])
    land_songs(landed, "2026-11-23T070000Z", [Artist("Abel")])
    publish_pending(tables, landed)
    assert rows(tables, "select dataset, state from dwh.load_ledger where run < '2026-11-23' order by 1") == [
        ("events", "parked" if at_fault == "events" else "published"),
        ("songs", "parked" if at_fault == "songs" else "published"),
    ]


def test_a_parked_manifest_is_judged_again_on_request(tables: Any, landed: Lake) -> None:
    build_load(tables, landed, LOAD)
    parking.park(tables, LOAD, "too loud")
    assert [retry(tables, "events", EVENTS), retry(tables, "songs", SONGS)] == [1, 1]
    assert len(publish_pending(tables, landed)) == 1


def test_what_is_published_is_not_retried(tables: Any, landed: Lake) -> None:
    publish_pending(tables, landed)
    assert [retry(tables, "events", EVENTS), accept(tables, "songs", SONGS)] == [0, 0]
    assert pending_loads(tables, landed) == []


def test_only_the_dataset_at_fault_is_parked(tables: Any, landed: Lake) -> None:
    land_songs(landed, "2026-11-21T070000Z", [Artist("Abel")])
    land_events(landed, "2026-11-21T060000Z", [Concert("e1", ["Abel"])])
    build_load(tables, landed, pending_loads(tables, landed)[0])
    warehouse.publish(tables, pending_loads(tables, landed)[0])
    build_load(tables, landed, LOAD)
    parking.park(tables, LOAD, "dim_songs: too loud", datasets=("songs",))
    assert pending_loads(tables, landed) == [Load(EVENTS, "2026-11-21T070000Z", ("events",))]
    publish_pending(tables, landed)
    assert rows(tables, "select dataset, state from dwh.load_ledger where run > '2026-11-22' order by 1") == [
        ("events", "published"),
        ("songs", "parked"),
    ]


def test_a_manifest_of_an_older_release_loads_and_missing_columns_are_null(tables: Any, landed: Lake) -> None:
    with transaction(tables) as cursor:
        cursor.execute("alter table staging.songs add column mood varchar(8)")
        cursor.execute("alter table staging.events add column mood varchar(8)")
    publish_pending(tables, landed)
    assert rows(tables, "select distinct mood from staging.songs") == [(None,)]


def test_a_manifest_of_a_newer_release_is_parked_and_says_so(tables: Any, landed: Lake) -> None:
    with transaction(tables) as cursor:
        cursor.execute("alter table staging.songs drop column song_url")
    next_load.begin(tables, landed, LOAD, judged_at(LOAD))
    with pytest.raises(ManifestInvalid, match=r"does not know: song_url\. It was written by a newer release"):
        warehouse.stage(tables, landed, LOAD, "songs", ROLE)


def test_a_published_load_is_never_called_parked(tables: Any, landed: Lake) -> None:
    """Not even by a task that is cleared after its objects have gone."""
    publish_pending(tables, landed)
    [part] = landed.manifest("songs", SONGS).parts
    landed.bucket.delete([part.url.split("/", 3)[3]])
    before = rows(tables, "select * from dwh.load_ledger order by dataset")
    with pytest.raises(ManifestInvalid):
        warehouse.stage(tables, landed, LOAD, "songs", ROLE)
    assert rows(tables, "select * from dwh.load_ledger order by dataset") == before


def test_a_billing_longer_than_its_column_is_truncated(tables: Any, landed: Lake) -> None:
    land_events(landed, EVENTS, [Concert("e1", [f"{n:04} " + "x" * 200 for n in range(400)])])
    publish_pending(tables, landed)
    assert rows(tables, "select length(billing), billed_artists from dwh.dim_concerts") == [(4_096, 400)]


@pytest.mark.parametrize("pending", [("events", "songs"), ("songs",)], ids=["pending", "context"])
def test_rows_landed_again_after_the_load_began_are_not_published_under_the_digest_of_the_old(
    tables: Any, landed: Lake, pending: tuple[str, ...]
) -> None:
    load, before = LOAD, {}
    if pending == ("songs",):
        publish_pending(tables, landed)
        load = Load(EVENTS, "2026-11-23T070000Z", pending)
        land_songs(landed, load.songs, [Artist("Abel")])
        before = star(tables)
    next_load.begin(tables, landed, load, judged_at(load))
    land_events(landed, EVENTS, [Concert("e1", ["Abel", "Eve"]), Concert("e2", ["Abel"]), Concert("e3")])
    ledger_before = rows(tables, "select * from dwh.load_ledger order by dataset, run")
    with pytest.raises(LoadSuperseded, match=f"events {EVENTS} was landed again .* from its first task"):
        warehouse.stage(tables, landed, load, "events", ROLE)
    assert rows(tables, "select * from dwh.load_ledger order by dataset, run") == ledger_before
    if before:
        assert star(tables) == before
    else:
        publish_pending(tables, landed)
        [(billing,)] = rows(tables, "select billing from dwh.dim_concerts where concert_id = 'e1'")
        assert "Eve" in billing


@pytest.mark.parametrize("task", ["stage", "build", "publish"])
def test_a_slow_task_cannot_write_into_a_later_load(tables: Any, landed: Lake, task: str) -> None:
    later = Load("2026-11-23T060000Z", SONGS, ("events",))
    land_events(landed, later.events, [Concert("e9")])
    build_load(tables, landed, LOAD)
    build_load(tables, landed, later)
    with pytest.raises(LoadSuperseded, match="not the load in progress"):
        if task == "stage":
            warehouse.stage(tables, landed, LOAD, "events", ROLE)
        elif task == "build":
            warehouse.build(tables, LOAD, "dim_concerts")
        else:
            warehouse.publish(tables, LOAD)
    assert rows(tables, "select event_id from staging.events") == [("e9",)]
    assert rows(tables, "select concert_id from audit.dim_concerts") == [("e9",)]


def test_a_parked_load_does_not_change_the_star_or_block_the_next_load(tables: Any, landed: Lake) -> None:
    build_load(tables, landed, LOAD)
    parking.park(tables, LOAD, "dim_songs: too loud")
    assert all(content == [] for content in star(tables).values())
    assert rows(tables, "select distinct state, reason from dwh.load_ledger") == [
        ("parked", "dim_songs: too loud")
    ]
    land_events(landed, "2026-11-23T060000Z", [Concert("e9", ["Abel"])])
    land_songs(landed, "2026-11-23T070000Z", [Artist("Abel")])
    assert len(publish_pending(tables, landed)) == 1
    assert rows(tables, "select concert_id from dwh.dim_concerts") == [("e9",)]


def test_a_publish_that_fails_half_way_changes_nothing(tables: Any, landed: Lake) -> None:
    build_load(tables, landed, LOAD)
    with transaction(tables) as cursor:
        cursor.execute("drop table audit.fact_artists")  # the last table published
    with pytest.raises(Exception, match="fact_artists"):
        warehouse.publish(tables, LOAD)
    assert all(content == [] for content in star(tables).values())
    assert rows(tables, "select * from dwh.load_ledger") == []


def test_readers_never_see_half_a_load(tables: Any, landed: Lake, services: Any) -> None:
    import redshift_connector

    publish_pending(tables, landed)
    seen, done = set(), threading.Event()

    def read() -> None:
        with redshift_connector.connect(**services.redshift, ssl=False) as connection:
            while not done.is_set():
                seen.add(
                    rows(
                        connection,
                        "select (select count(*) from dwh.dim_songs where play_count >= 0), "
                        "(select count(*) from dwh.dim_concerts where is_current), "
                        "(select count(*) from dwh.bridge_concert_artists), "
                        "(select count(*) from analytics.artist_events_songs)",
                    )[0]
                )

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    complete = {(3, 3, 3, 3)}
    for day in range(23, 28):
        count = day - 20
        land_events(
            landed, f"2026-11-{day}T060000Z", [Concert(f"e{n}", ["Abel", "Cain"]) for n in range(count)]
        )
        land_songs(landed, f"2026-11-{day}T070000Z", [Artist("Abel")])
        publish_pending(tables, landed)
        complete |= set(
            rows(
                tables,
                "select (select count(*) from dwh.dim_songs), "
                "(select count(*) from dwh.dim_concerts where is_current), "
                "(select count(*) from dwh.bridge_concert_artists), "
                "(select count(*) from analytics.artist_events_songs)",
            )
        )
    done.set()
    reader.join()
    assert seen
    assert seen <= complete


@pytest.mark.parametrize(
    ("billed", "mbid", "key", "how"),
    [
        ("Björk", ONE, artist_key("Björk"), "mbid"),
        ("Björk Guðmundsdóttir (Touring)", ONE, artist_key("Björk"), "mbid"),
        ("BJÖRK", None, artist_key("Björk"), "name"),
        ("Bjork", None, artist_key("Björk"), "spelling"),
        ("The Björk", ONE, artist_key("Björk"), "mbid"),
        ("Björk", OTHER, namesake_key("Björk", OTHER), "namesake"),
        ("Bjork", OTHER, namesake_key("Bjork", OTHER), "namesake"),
        ("Yes", None, artist_key("Yes"), "name"),
        ("YES?", None, namesake_key("YES?", None), "ambiguous"),
        ("Utada Hikaru", None, artist_key("宇多田ヒカル"), "corrected"),
        ("Utada Hikaru", OTHER, namesake_key("Utada Hikaru", OTHER), "namesake"),
        ("Björk & Friends", None, artist_key("Björk & Friends"), "unmatched"),
        ("The Björk Tribute", OTHER, artist_key("The Björk Tribute"), "unmatched"),
    ],
)
def test_a_billed_artist_is_matched_by_id_name_correction_or_spelling_or_not_at_all(
    tables: Any, lake: Lake, billed: str, mbid: str | None, key: str, how: str
) -> None:
    land_events(lake, EVENTS, [Concert("e1", [(billed, mbid)])])
    pages = [Artist("Björk", mbid=ONE), Artist("Yes"), Artist("YES!")]
    pages.append(Artist("宇多田ヒカル", mbid=ONE[::-1], asked="Utada Hikaru"))
    land_songs(lake, SONGS, pages)
    publish_pending(tables, lake)
    assert rows(tables, "select artist_key, artist_name, matched_by from dwh.bridge_concert_artists") == [
        (key, billed, how)
    ]
    assert rows(tables, f"select upcoming_concerts from dwh.fact_artists where artist_key = '{key}'") == [
        (1,)
    ]


def test_a_name_without_a_musicbrainz_id_at_last_fm_matches_a_billing_that_has_one(
    tables: Any, lake: Lake
) -> None:
    land_events(lake, EVENTS, [Concert("e1", [("!!!", ONE)])])
    land_songs(lake, SONGS, [Artist("!!!")])
    publish_pending(tables, lake)
    assert rows(tables, "select artist_key, matched_by from dwh.bridge_concert_artists") == [
        (artist_key("!!!"), "name")
    ]


def test_one_artist_billed_twice_is_one_billing(tables: Any, lake: Lake) -> None:
    land_events(lake, EVENTS, [Concert("e1", [("Abel", ONE), ("Abel & Band", ONE)])])
    land_songs(lake, SONGS, [Artist("Abel", mbid=ONE)])
    publish_pending(tables, lake)
    assert rows(tables, "select artist_position, artist_name from dwh.bridge_concert_artists") == [
        (1, "Abel")
    ]
    assert rows(tables, "select billing, billed_artists from dwh.dim_concerts") == [("Abel / Abel & Band", 2)]
