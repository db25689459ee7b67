"""The star derived again from the lake: by the functions of the daily load, in one transaction."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlparse

from include.errors import DataRejected, ManifestsMissing
from include.lake.lake import Lake
from include.quality.audit import audit
from include.warehouse import ledger, tables
from include.warehouse import load as warehouse
from include.warehouse.load import Verdict
from include.warehouse.loads import Load
from include.warehouse.rebuild import Rebuilt, rebuild
from include.warehouse.transactions import transaction
from tests.support.snapshots import (
    ROLE,
    Artist,
    Concert,
    build_load,
    engine,
    land_events,
    land_songs,
    publish_pending,
    rows,
    star,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)
OLD_RELEASE = Path(__file__).with_name("release_de190e1.sql")


def passed(connection: Any, load: Load) -> Verdict:
    return Verdict()


def rebuilt(
    redshift: Any, lake: Lake, judge: Callable[[Any, Load], Verdict] = passed, **options: Any
) -> Rebuilt:
    return rebuild(redshift, lake, now=NOW, copy_role_arn=ROLE, judge=judge, **options)


def land(lake: Lake, day: int, concerts: list[Concert], plays: int = 0) -> None:
    land_events(lake, f"2026-11-{day}T060000Z", concerts)
    land_songs(lake, f"2026-11-{day}T070000Z", [Artist("Abel", plays=plays or day * 10)])


@pytest.fixture
def three_days(redshift: Any, lake: Lake) -> tuple[Any, Lake]:
    """A star of three days in which concerts came, changed and went."""
    tables.create_tables(redshift)
    land(lake, 20, [Concert("e1", ["Abel"]), Concert("e2")])
    land(lake, 21, [Concert("e1", ["Abel"], status="cancelled")])
    land(lake, 22, [Concert("e1", ["Abel", "Cain"], status="cancelled")])
    publish_pending(redshift, lake)
    return redshift, lake


def test_a_rebuild_without_late_runs_changes_nothing(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    before, judged = star(redshift), rows(redshift, "select dataset, run, changes from dwh.load_ledger")
    done = rebuilt(redshift, lake)
    assert (done.loads, done.parked, done.differences) == (3, (), {})
    assert star(redshift) == before
    assert sorted(rows(redshift, "select dataset, run, changes from dwh.load_ledger")) == sorted(judged)
    assert warehouse.pending_loads(redshift, lake) == []


def test_loads_are_repeated_with_the_partners_they_had(redshift: Any, lake: Lake) -> None:
    """Songs that landed only after the next day's events were published stay the next day's."""
    tables.create_tables(redshift)
    land(lake, 20, [Concert("e1", ["Abel"])])
    publish_pending(redshift, lake)
    for day in (21, 22):
        land_events(lake, f"2026-11-{day}T060000Z", [Concert("e1", ["Abel"])])
        publish_pending(redshift, lake)
    land_songs(lake, "2026-11-21T070000Z", [Artist("Abel", plays=7)])
    publish_pending(redshift, lake)
    before = star(redshift)
    assert rebuilt(redshift, lake).differences == {}
    assert star(redshift) == before


def test_a_late_run_is_noted_merged_by_nothing_but_a_rebuild_and_then_has_its_place(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    land_events(lake, "2026-11-21T120000Z", [Concert("e1", ["Abel"], status="postponed"), Concert("e2")])
    assert ledger.note_late(redshift, lake, NOW) == [("events", "2026-11-21T120000Z")]
    assert publish_pending(redshift, lake) == []
    [(state, reason)] = rows(
        redshift, "select state, reason from dwh.load_ledger where run = '2026-11-21T120000Z'"
    )
    assert state == "late"
    assert "rebuild" in reason
    assert ledger.retry(redshift, "events", "2026-11-21T120000Z") == 0
    assert star(redshift) == before
    done = rebuilt(redshift, lake)
    assert done.differences["dim_concerts"][1] > 0
    assert "dim_songs" not in done.differences
    assert rows(
        redshift,
        "select status, valid_from from dwh.dim_concerts where concert_id = 'e1' order by valid_from",
    )[:3] == [
        ("onsale", datetime(2026, 11, 20, 6)),
        ("cancelled", datetime(2026, 11, 21, 6)),
        ("postponed", datetime(2026, 11, 21, 12)),
    ]
    assert rows(redshift, "select count(*) from dwh.load_ledger where state <> 'published'") == [(0,)]


def test_a_run_that_was_never_published_is_judged_and_parked_if_it_fails(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    late = "2026-11-21T120000Z"
    land_events(lake, late, [Concert("e1", status="postponed")])
    before, asked = star(redshift), []

    def judge(connection: Any, load: Load) -> Verdict:
        asked.append(load)
        return Verdict(("dim_concerts: wrong",), at_fault=("events",)) if load.events == late else Verdict()

    done = rebuilt(redshift, lake, judge)
    assert done.parked == (f"events {late}",)
    assert star(redshift) == before
    assert late in [load.events for load in asked]
    assert asked[-1].events == "2026-11-22T060000Z"
    assert rows(redshift, "select state, reason from dwh.load_ledger where state <> 'published'") == [
        ("parked", "dim_concerts: wrong")
    ]


def test_a_rebuild_whose_result_fails_its_audit_leaves_the_old_star(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    before = star(redshift), rows(redshift, "select * from dwh.load_ledger order by dataset, run")
    with pytest.raises(DataRejected, match="dwh is as it was"):
        rebuilt(redshift, lake, lambda connection, load: Verdict(("wrong",), at_fault=("events",)))
    assert (star(redshift), rows(redshift, "select * from dwh.load_ledger order by dataset, run")) == before


def test_the_suites_judge_the_rows_that_nobody_else_sees_yet(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    outcomes = []

    def judge(connection: Any, load: Load) -> Verdict:
        outcomes.append(audit(lake, load, replace(engine(), connection=connection), kept_runs=2))
        return outcomes[-1].verdict

    land_events(lake, "2026-11-23T060000Z", [Concert("e1", ["Abel"]), Concert("e9", status="sold out")])
    before = star(redshift)
    done = rebuilt(redshift, lake, judge)
    assert done.parked == ("events 2026-11-23T060000Z",)
    assert [outcome.success for outcome in outcomes] == [False]
    assert star(redshift) == before


def test_a_rebuild_until_a_date_rolls_back_and_retried_runs_come_again_in_order(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    done = rebuilt(redshift, lake, until=date(2026, 11, 21))
    assert len(done.parked) == 2
    assert rows(redshift, "select max(snapshot_date) from dwh.fact_artists") == [(date(2026, 11, 21),)]
    assert warehouse.pending_loads(redshift, lake) == []
    assert ledger.retry(redshift, "events", "2026-11-22T060000Z") == 1
    assert ledger.retry(redshift, "songs", "2026-11-22T070000Z") == 1
    assert len(publish_pending(redshift, lake)) == 1
    assert star(redshift) == before


def test_objects_that_are_gone_stop_a_rebuild_with_a_list_unless_it_is_told_to_go_on(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    [part] = lake.manifest("songs", "2026-11-21T070000Z").parts
    lake.bucket.delete([part.url.split("/", 3)[3]])
    lake.bucket.delete(["manifests/events/2026-11-20T060000Z.json"])
    with pytest.raises(ManifestsMissing) as stopped:
        rebuilt(redshift, lake)
    assert "part-00000" in str(stopped.value)
    assert "2026-11-20T060000Z" in str(stopped.value)
    assert star(redshift) == before
    done = rebuilt(redshift, lake, go_on_without_missing=True)
    assert done.parked == ("events 2026-11-20T060000Z", "songs 2026-11-21T070000Z")
    assert rows(redshift, "select min(valid_from) from dwh.dim_concerts") == [(datetime(2026, 11, 21, 6),)]


def test_a_lost_ledger_is_written_again(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    before = star(redshift)
    with transaction(redshift) as cursor:
        cursor.execute("delete from dwh.load_ledger")
    rebuilt(redshift, lake)
    assert star(redshift) == before
    assert warehouse.pending_loads(redshift, lake) == []


def test_a_parked_run_stays_parked_and_an_accepted_one_stays_accepted(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    land(lake, 23, [Concert("e1")])
    load = warehouse.pending_loads(redshift, lake)[0]
    build_load(redshift, lake, load)
    warehouse.park(redshift, load, "too few")
    assert rebuilt(redshift, lake).parked == ()
    assert ledger.accept(redshift, "events", load.events) == 1
    rebuilt(redshift, lake)
    assert rows(
        redshift,
        "select dataset, state, is_accepted from dwh.load_ledger where run > '2026-11-23' order by dataset",
    ) == [("events", "published", True), ("songs", "parked", False)]


def test_a_load_in_progress_is_superseded_by_a_rebuild(three_days: tuple[Any, Lake]) -> None:
    from include.errors import LoadSuperseded

    redshift, lake = three_days
    land(lake, 23, [Concert("e1")])
    load = warehouse.pending_loads(redshift, lake)[0]
    build_load(redshift, lake, load)
    rebuilt(redshift, lake, until=date(2026, 11, 22))
    with pytest.raises(LoadSuperseded):
        warehouse.publish(redshift, load)


def test_readers_see_the_old_star_until_the_new_one_is_there(
    three_days: tuple[Any, Lake], services: Any
) -> None:
    import redshift_connector

    redshift, lake = three_days
    land_events(lake, "2026-11-20T120000Z", [Concert("e7")])
    count = "select count(*) from dwh.dim_concerts where concert_id = 'e7'"
    view = "select count(*) from analytics.upcoming_concerts"
    with redshift_connector.connect(**services.redshift, ssl=False) as reader:
        reader.autocommit = True
        seen = []

        def judge(connection: Any, load: Load) -> Verdict:
            seen.append((rows(reader, count), len(rows(reader, view))))
            return Verdict()

        with transaction(redshift) as cursor:  # also where the tables themselves are replaced
            cursor.execute("update audit.definitions set star_hash = 'older'")
        rebuilt(redshift, lake, judge)
        assert seen
        assert set(map(str, seen)) == {str(([(0,)], 1))}
        assert rows(reader, count)[0][0] > 0


def test_tables_of_another_release_are_replaced_and_their_readers_keep_their_grants(
    three_days: tuple[Any, Lake], services: Any
) -> None:
    from include.warehouse.reader_role import create_reader

    redshift, lake = three_days
    create_reader(redshift)
    before = star(redshift)
    with transaction(redshift) as cursor:
        cursor.execute("alter table dwh.dim_concerts add column fashion varchar(8)")
        cursor.execute("update audit.definitions set star_hash = 'older'")
    assert tables.ensure_tables(redshift) is False
    rebuilt(redshift, lake)
    assert tables.ensure_tables(redshift) is True
    assert star(redshift) == before
    schemas = "select count(*) from information_schema.schemata where schema_name = 'dwh_before'"
    assert rows(redshift, schemas) == [(0,)]
    granted = (
        "select count(*) from information_schema.role_table_grants "
        "where grantee = 'musician_reader' and table_schema = 'dwh' and table_name = 'dim_concerts'"
    )
    assert rows(redshift, granted) == [(1,)]


NEW_COLUMNS = {"local_end_date", "name_key", "asked_key"}
"""What manifests of release de190e1 did not have."""


def as_de190e1(lake: Lake, dataset: str, run: str) -> None:
    """Makes a landed run what that release would have written."""
    manifest = lake.manifest(dataset, run)
    [part] = manifest.parts
    key = part.url.removeprefix(lake.bucket.url(""))
    table = pq.read_table(io.BytesIO(lake.bucket.get(key)), coerce_int96_timestamp_unit="us")
    table = table.drop_columns([name for name in table.column_names if name in NEW_COLUMNS])
    file = io.BytesIO()
    pq.write_table(table, file)
    lake.bucket.put(key, file.getvalue())
    path = f"manifests/{dataset}/{run}.json"
    document = lake.bucket.get_json(path)
    assert document is not None
    elements = [e for e in document["schema"]["elements"] if e["name"] not in NEW_COLUMNS]
    document["schema"]["elements"] = elements
    for meta in (document["meta"], document["entries"][0]["meta"]):
        meta["content_length"] = len(file.getvalue())
    lake.bucket.put_json(path, document)
    certificate = {"complete": True, "countries": ["US"], "reasons": []}
    events_only = {"horizon_date": "2027-11-22"} if dataset == "events" else {"artists_per_country": 50}
    lake.bucket.put_json(f"certificates/{dataset}/{run}.json", certificate | events_only)


def test_the_star_of_release_de190e1_is_derived_again_from_its_manifests(redshift: Any, lake: Lake) -> None:
    judged = []
    for day in (20, 21):
        land(lake, day, [Concert("e1", ["Abel"], status="onsale" if day == 20 else "cancelled")])
    land_events(lake, "2026-11-22T060000Z", [Concert("e1", ["Abel"])])
    for dataset in tables.DATASETS:
        for run in lake.manifests(dataset):
            as_de190e1(lake, dataset, run)
            state = "parked" if run > "2026-11-22" else "published"
            judged.append((dataset, run, state, "s3://", date(2026, 11, 20), NOW.replace(tzinfo=None)))
    with transaction(redshift) as cursor:
        for statement in sqlparse.split(OLD_RELEASE.read_text()):
            cursor.execute(statement.rstrip(";"))
        cursor.execute("insert into audit.definitions values ('hash of that release')")
        for row in judged:
            cursor.execute(
                "insert into dwh.load_ledger (dataset, run, state, manifest_url, snapshot_date, judged_at) "
                "values (%s, %s, %s, %s, %s, %s)",
                row,
            )
    assert tables.ensure_tables(redshift) is False
    done = rebuilt(redshift, lake)
    assert (done.loads, done.parked) == (2, ())
    assert tables.ensure_tables(redshift) is True
    assert rows(redshift, "select status, billing from dwh.dim_concerts order by valid_from") == [
        ("onsale", "Abel"),
        ("cancelled", "Abel"),
    ]
    assert rows(redshift, "select count(*), count(distinct snapshot_date) from dwh.fact_songs") == [(4, 2)]
    assert rows(redshift, "select artist_name from analytics.artist_events_songs") == [("Abel",)]
    assert rows(redshift, "select run, state from dwh.load_ledger where state <> 'published'") == [
        ("2026-11-22T060000Z", "parked")
    ]
