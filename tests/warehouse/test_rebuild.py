"""Deriving the star from the lake, with the functions of the daily load, in one transaction."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.__main__ import main as command
from include.errors import DataRejected, ManifestsMissing
from include.lake.lake import Lake
from include.lake.parquet import FORM
from include.quality.audit import audit
from include.sources.ticketmaster.rows import EventRow
from include.warehouse import ledger, parking, tables
from include.warehouse import load as warehouse
from include.warehouse import rebuild as rebuilding
from include.warehouse.pairing import Load
from include.warehouse.parking import Verdict
from include.warehouse.rebuild import Rebuilt, rebuild
from include.warehouse.status import status
from include.warehouse.transactions import transaction
from tests.support.snapshots import (
    ROLE,
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
    star,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)


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
    """A star of three days in which concerts appeared, changed and disappeared."""
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
    assert pending_loads(redshift, lake) == []


def test_loads_are_repeated_with_the_partners_they_had(redshift: Any, lake: Lake) -> None:
    """Songs that landed only after the next day's events were published stay with the next day."""
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


def test_a_late_run_is_recorded_and_only_a_rebuild_merges_it_in_its_place(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    land_events(lake, "2026-11-21T120000Z", [Concert("e1", ["Abel"], status="postponed"), Concert("e2")])
    _, late, _ = ledger.note_untimely(redshift, lake, ledger.landed(lake), NOW)
    assert late == [("events", "2026-11-21T120000Z")]
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
    with pytest.raises(DataRejected, match=r"^wrong\. Because events \S+ with songs .* dwh is unchanged\.$"):
        rebuilt(redshift, lake, lambda connection, load: Verdict(("wrong",), at_fault=("events",)))
    assert (star(redshift), rows(redshift, "select * from dwh.load_ledger order by dataset, run")) == before


def test_the_suites_judge_rows_that_are_not_committed_yet(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    outcomes = []

    def judge(connection: Any, load: Load) -> Verdict:
        outcomes.append(
            audit(
                lake, load, replace(engine(), connection=connection), kept_runs=2, judged_at=judged_at(load)
            )
        )
        return outcomes[-1].verdict

    land_events(lake, "2026-11-23T060000Z", [Concert(f"e{n}", ["Abel"], status="sold out") for n in range(2)])
    before = star(redshift)
    done = rebuilt(redshift, lake, judge)
    assert done.parked == ("events 2026-11-23T060000Z",)
    assert [outcome.success for outcome in outcomes] == [False]
    assert star(redshift) == before


def test_a_rebuild_until_a_date_rolls_back_and_retried_runs_are_loaded_again_in_order(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    done = rebuilt(redshift, lake, until=date(2026, 11, 21))
    assert len(done.parked) == 2
    assert rows(redshift, "select max(snapshot_date) from dwh.fact_artists") == [(date(2026, 11, 21),)]
    assert pending_loads(redshift, lake) == []
    assert ledger.retry(redshift, "events", "2026-11-22T060000Z") == 1
    assert ledger.retry(redshift, "songs", "2026-11-22T070000Z") == 1
    assert len(publish_pending(redshift, lake)) == 1
    assert star(redshift) == before


def test_missing_objects_stop_a_rebuild_with_a_list_unless_it_may_continue_without_them(
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
    done = rebuilt(redshift, lake, allow_missing=True)
    assert done.parked == ("events 2026-11-20T060000Z", "songs 2026-11-21T070000Z")
    assert rows(redshift, "select min(valid_from) from dwh.dim_concerts") == [(datetime(2026, 11, 21, 6),)]


def spoil(lake: Lake, dataset: str, run: str) -> None:
    """Replaces a run's rows with as many other bytes."""
    [part] = lake.manifest(dataset, run).parts
    lake.bucket.put(part.url.split("/", 3)[3], b"?" * part.content_length)


def test_a_damaged_object_of_a_published_run_stops_a_rebuild_unless_it_may_continue(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    spoil(lake, "songs", "2026-11-21T070000Z")
    with pytest.raises(ManifestsMissing, match=r"songs/2026-11-21T070000Z.*is not readable"):
        rebuilt(redshift, lake)
    assert star(redshift) == before
    done = rebuilt(redshift, lake, allow_missing=True)
    assert (done.loads, done.parked) == (3, ("songs 2026-11-21T070000Z",))
    assert rows(redshift, "select distinct snapshot_date from dwh.fact_songs order by 1") == [
        (date(2026, 11, 20),),
        (date(2026, 11, 22),),
    ]


def test_an_unreadable_run_that_was_never_published_is_parked_and_the_rebuild_continues(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    late = [f"2026-11-21T1{hour}0000Z" for hour in range(4)]
    for run in late:
        land_events(lake, run, [Concert("e9")])
    spoil(lake, "events", late[0])
    lake.bucket.put(f"manifests/events/{late[1]}.json", b'{"entries": [')
    lake.bucket.delete([lake.manifest("events", late[2]).parts[0].url.split("/", 3)[3]])
    lake.bucket.delete([f"certificates/events/{late[3]}.json"])
    done = rebuilt(redshift, lake)
    assert done.parked == tuple(f"events {run}" for run in late)
    assert star(redshift) == before
    reasons = rows(redshift, "select reason from dwh.load_ledger where state = 'parked' order by run")
    for (reason,), word in zip(reasons, ("not readable", "malformed", "missing", "certificate"), strict=True):
        assert word in reason


def test_a_late_run_whose_data_does_not_fit_is_parked_and_the_rebuild_continues(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before, late = star(redshift), "2026-11-21T120000Z"
    land_events(lake, late, [Concert("e9")])
    [part] = lake.manifest("events", late).parts
    key = part.url.split("/", 3)[3]
    table = pq.read_table(io.BytesIO(lake.bucket.get(key)), coerce_int96_timestamp_unit="us")
    position = table.column_names.index("event_id")
    table = table.set_column(position, "event_id", pa.array(["x" * 99]))
    file = io.BytesIO()
    pq.write_table(table, file, **FORM)
    lake.bucket.put(key, file.getvalue())
    lake.put_manifest("events", late, EventRow, [replace(part, content_length=len(file.getvalue()))])
    assert rebuilt(redshift, lake).parked == (f"events {late}",)
    assert star(redshift) == before
    [(reason,)] = rows(redshift, "select reason from dwh.load_ledger where state = 'parked'")
    assert "event_id is longer" in reason


def test_if_the_ledger_is_lost_any_run_may_have_been_published(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    with transaction(redshift) as cursor:
        cursor.execute("delete from dwh.load_ledger")
    spoil(lake, "events", "2026-11-20T060000Z")
    with pytest.raises(ManifestsMissing, match="--allow-missing"):
        rebuilt(redshift, lake)


def test_the_command_shows_its_progress_and_says_what_differs(
    three_days: tuple[Any, Lake],
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, lake = three_days
    land_events(lake, "2026-11-21T120000Z", [Concert("e1", ["Abel"], status="postponed")])
    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    passed_by_all = SimpleNamespace(verdict=Verdict())
    monkeypatch.setattr("include.orchestration.operations.audit", lambda *_, **__: passed_by_all)
    shown: list[str] = []
    monkeypatch.setattr(rebuilding.log, "info", lambda line, *about: shown.append(line % about))
    command(["rebuild"])
    assert [re.findall(r"load \d|\d+ runs", line) for line in shown if " left: " in line] == [
        ["load 1", "5 runs"],
        ["load 2", "3 runs"],
        ["load 3", "2 runs"],
        ["load 4", "0 runs"],
    ]
    told = capsys.readouterr().out.splitlines()
    assert "The star is rebuilt from 4 loads." in told
    assert "rows of dim_concerts: 5 before, 6 now" in told
    assert "earlier versions of concerts: 3 before, 4 now" in told
    assert "snapshots: 3 before, 3 now" in told
    assert [line for line in told if line.startswith("dim_concerts: ") and line.endswith(" added")]


def test_a_lost_ledger_is_written_again(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    before = star(redshift)
    with transaction(redshift) as cursor:
        cursor.execute("delete from dwh.load_ledger")
    rebuilt(redshift, lake)
    assert star(redshift) == before
    assert pending_loads(redshift, lake) == []


def test_a_parked_run_stays_parked_and_an_accepted_one_stays_accepted(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    land(lake, 23, [Concert("e1")])
    load = pending_loads(redshift, lake)[0]
    build_load(redshift, lake, load)
    parking.park(redshift, load, "too few")
    assert rebuilt(redshift, lake).parked == ()
    assert ledger.accept(redshift, "events", load.events) == 1
    rebuilt(redshift, lake)
    assert rows(
        redshift,
        "select dataset, state, is_accepted from dwh.load_ledger where run > '2026-11-23' order by dataset",
    ) == [("events", "published", True), ("songs", "parked", False)]


def test_a_run_that_becomes_late_after_it_was_accepted_stays_accepted(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    land(lake, 23, [Concert("e1")])
    load = pending_loads(redshift, lake)[0]
    build_load(redshift, lake, load)
    parking.park(redshift, load, "too few", datasets=["events"])
    land_events(lake, "2026-11-24T060000Z", [Concert("e1", ["Abel"])])
    publish_pending(redshift, lake)
    assert ledger.accept(redshift, "events", load.events) == 1
    _, late, _ = ledger.note_untimely(redshift, lake, ledger.landed(lake), NOW)
    assert late == [("events", load.events)]
    accepted = []

    def judge(connection: Any, judged: Load) -> Verdict:
        accepted.append((judged.events, *ledger.accepted(connection, judged)))
        return Verdict()

    assert rebuilt(redshift, lake, judge).parked == ()
    assert (load.events, "events") in accepted


def test_the_ledger_says_what_late_and_rolled_back_runs_requested(three_days: tuple[Any, Lake]) -> None:
    redshift, lake = three_days
    land_events(lake, "2026-11-21T120000Z", [Concert("e1"), Concert("e2")], complete=False)
    ledger.note_untimely(redshift, lake, ledger.landed(lake), NOW)
    scope = "select scope, is_complete, record_count from dwh.load_ledger where run = '{}'"
    assert rows(redshift, scope.format("2026-11-21T120000Z")) == [("US; 365 days", False, 2)]
    rebuilt(redshift, lake, until=date(2026, 11, 21))
    assert rows(redshift, scope.format("2026-11-22T070000Z")) == [("US", True, 2)]


def test_a_published_run_that_was_landed_again_without_rows_is_reported_and_left_out(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    land_events(lake, "2026-11-21T060000Z", [])
    with pytest.raises(ManifestsMissing, match=r"2026-11-21T060000Z.* has no rows"):
        rebuilt(redshift, lake)
    assert rebuilt(redshift, lake, allow_missing=True).parked == ("events 2026-11-21T060000Z",)


def test_every_row_of_the_star_leads_back_to_the_published_runs_that_wrote_it(
    three_days: tuple[Any, Lake],
) -> None:
    """After two loads of a day, an addition of each dataset, and a rebuild that takes in a late run."""
    redshift, lake = three_days
    written = {
        "dim_songs": ("songs",), "fact_songs": ("songs",), "dim_concerts": ("events",),
        "bridge_concert_artists": ("events", "songs"), "fact_artists": ("events", "songs"),
    }  # fmt: skip

    def unfounded() -> dict[str, int]:
        """Rows of each table that do not lead to exactly one published run."""
        return {
            f"{table} {dataset}": rows(
                redshift,
                f"select count(*) from dwh.{table} as star where 1 <> (select count(*) from dwh.load_ledger "
                f"as ledger where ledger.dataset = '{dataset}' and ledger.run = star.{dataset}_run "
                "and ledger.state = 'published')",
            )[0][0]
            for table, datasets in written.items()
            for dataset in datasets
        }

    land_events(lake, "2026-11-22T120000Z", [Concert("e1", ["Abel", "Seth"]), Concert("e3", ["Cain"])])
    land_songs(lake, "2026-11-22T130000Z", [Artist("Abel", ["First"], plays=7), Artist("Seth")])
    publish_pending(redshift, lake)
    land_events(lake, "2026-11-22T140000Z", [Concert("e4", ["Cain"])], complete=False)
    land_songs(lake, "2026-11-22T150000Z", [Artist("Abel"), Artist("Cain")], complete=False)
    assert len(publish_pending(redshift, lake)) == 1
    assert sum(unfounded().values()) == 0
    newest = "2026-11-22T{}0000Z"
    assert rows(
        redshift,
        "select distinct events_run, songs_run from dwh.fact_artists where snapshot_date = '2026-11-22'",
    ) == [(newest.format(12), newest.format(13))]
    assert rows(
        redshift,
        "select events_run, songs_run from dwh.bridge_concert_artists where concert_id in ('e3', 'e4') order by 1",
    ) == [(newest.format(12), newest.format(13)), (newest.format(14), newest.format(15))]
    assert rows(
        redshift,
        "select artist_name, facts.songs_run, songs.songs_run from dwh.fact_songs as facts "
        "join dwh.dim_songs as songs on facts.song_key = songs.song_key "
        "where snapshot_date = '2026-11-22' and facts.song_rank = 1 order by 1",
    ) == [
        ("Abel", newest.format(13), newest.format(15)),
        ("Cain", newest.format(15), newest.format(15)),
        ("Seth", newest.format(13), newest.format(13)),
    ]
    gone = "select events_run from dwh.dim_concerts where concert_id = 'e2' order by valid_from"
    assert rows(redshift, gone) == [("2026-11-20T060000Z",), ("2026-11-22T060000Z",)]
    land_events(lake, "2026-11-21T120000Z", [Concert("e1", ["Abel"], status="postponed"), Concert("e2")])
    rebuilt(redshift, lake, dag_run="manual")
    assert sum(unfounded().values()) == 0
    assert rows(redshift, "select distinct dag_run from dwh.load_ledger") == [("manual",)]


def test_a_load_in_progress_is_superseded_by_a_rebuild(three_days: tuple[Any, Lake]) -> None:
    from include.errors import LoadSuperseded

    redshift, lake = three_days
    land(lake, 23, [Concert("e1")])
    load = pending_loads(redshift, lake)[0]
    build_load(redshift, lake, load)
    rebuilt(redshift, lake, until=date(2026, 11, 22))
    with pytest.raises(LoadSuperseded):
        warehouse.publish(redshift, load)


def test_readers_see_the_old_star_until_the_new_one_is_committed(
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

        with transaction(redshift) as cursor:  # even if the tables themselves are replaced
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


@pytest.mark.parametrize(
    "statements",
    [
        ["drop table dwh.load_ledger"],
        ["drop table dwh.dim_songs cascade", "drop table dwh.fact_artists cascade"],
        ["drop table audit.current_load", "drop table audit.definitions"],
        ["alter table dwh.dim_songs add column fashion varchar(8)"],
        ["alter table dwh.dim_concerts drop column is_current cascade", "delete from dwh.fact_artists"],
        ["alter table dwh.fact_songs alter column song_rank type varchar(8)"],
        ["alter table dwh.fact_artists alter column artist_key drop not null"],
        ["alter table dwh.load_ledger drop column run"],
        ["alter table dwh.load_ledger drop column load_number"],
    ],
    ids="; ".join,
)
def test_tables_of_the_star_dropped_or_altered_by_hand_make_a_rebuild_due_until_it_has_passed(
    three_days: tuple[Any, Lake], statements: list[str]
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    for view in tables.VIEWS:  # or the sandbox's PostgreSQL would not retype what they show
        statements = [f"drop view analytics.{view}", *statements]
    with transaction(redshift) as cursor:
        for statement in statements:
            cursor.execute(statement)
    for _ in range(2):
        assert tables.ensure_tables(redshift) is False
    assert rebuilt(redshift, lake).loads == 3
    assert tables.ensure_tables(redshift) is True
    assert star(redshift) == before
    assert pending_loads(redshift, lake) == []


@pytest.mark.parametrize(
    ("run", "state"), [("bogus", "published"), ("", "parked"), ("２０２６-11-22T060000Z", "published")]
)
def test_a_row_of_the_ledger_about_no_run_is_named_and_costs_only_itself(
    three_days: tuple[Any, Lake], caplog: pytest.LogCaptureFixture, run: str, state: str
) -> None:
    redshift, lake = three_days
    with transaction(redshift) as cursor:
        cursor.execute(
            "insert into dwh.load_ledger (dataset, run, state, is_addition, is_accepted, manifest_url, snapshot_date, "
            "judged_at) select 'events', cast(%s as varchar(32)), cast(%s as varchar(16)), false, false, "
            "'', max(snapshot_date), max(judged_at) "
            "from dwh.load_ledger",
            (run, state),
        )
    land(lake, 23, [Concert("e1", ["Abel"])])
    assert len(publish_pending(redshift, lake)) == 1
    assert f"such as {run!r}: delete from dwh.load_ledger" in caplog.text
    assert status(redshift, lake, datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert rebuilt(redshift, lake).loads == 4


def test_a_star_that_was_dropped_whole_is_created_empty_and_loaded_from_the_first_run(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    with transaction(redshift) as cursor:
        cursor.execute("drop schema dwh cascade")
    assert tables.ensure_tables(redshift) is True
    publish_pending(redshift, lake)
    assert star(redshift) == before


def test_tables_in_which_loads_are_built_are_created_again_when_they_are_missing(
    three_days: tuple[Any, Lake],
) -> None:
    redshift, lake = three_days
    before = star(redshift)
    with transaction(redshift) as cursor:
        cursor.execute("drop table audit.load_summary")
        cursor.execute("drop table staging.songs cascade")
    assert tables.ensure_tables(redshift) is True
    assert star(redshift) == before
    land(lake, 23, [Concert("e1", ["Abel"])])
    assert len(publish_pending(redshift, lake)) == 1
