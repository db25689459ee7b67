"""What a task of the warehouse leaves behind when a statement of it fails: for the data, or for what may pass."""

from typing import Any

import pytest
from redshift_connector.error import InterfaceError, ProgrammingError

from include.errors import ConnectionMissing, DataRejected, WarehouseUnavailable
from include.lake.lake import Lake
from include.orchestration import connections, star
from include.settings import Settings
from include.warehouse import load as warehouse
from include.warehouse import next_load
from include.warehouse.pairing import Load
from include.warehouse.tables import BUILT, DATASETS
from include.warehouse.transactions import transaction
from sandbox.services import Services
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
)
from tests.support.snapshots import star as star_of

LOAD = Load("2026-11-22T060000Z", "2026-11-22T070000Z", DATASETS)
LEDGER = "select dataset, state from dwh.load_ledger order by dataset"
PASSING = {
    "a serialisation conflict": ProgrammingError({"C": "40001", "M": "could not serialize access"}),
    "a conflict as Redshift names it": ProgrammingError(
        {"C": "XX000", "M": "1023", "D": "isolation violation"}
    ),
    "a lock": ProgrammingError({"C": "55P03", "M": "could not obtain lock"}),
    "a time-out": ProgrammingError({"C": "57014", "M": "canceling statement due to statement timeout"}),
    "a lost connection": InterfaceError("BrokenPipe: server socket closed"),
}


class Failing:
    """A connection on which statements that contain a text fail, inside their transaction."""

    def __init__(self, connection: Any, text: str, error: Exception | None) -> None:
        self._connection, self._text, self._error = connection, text, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        return _Cursor(self._connection.cursor(), self._text, self._error)


class _Cursor:
    def __init__(self, cursor: Any, text: str, error: Exception | None) -> None:
        self._cursor, self._text, self._error = cursor, text, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, statement: str, *arguments: Any) -> Any:
        if self._text not in statement:
            return self._cursor.execute(statement, *arguments)
        if self._error is not None:
            raise self._error
        return self._cursor.execute("select 1 / (select 0)")  # 22012, by the server


@pytest.fixture
def landed(tables: Any, lake: Lake) -> tuple[Any, Lake]:
    land_events(lake, LOAD.events, [Concert("e1", ["Abel"])])
    land_songs(lake, LOAD.songs, [Artist("Abel")])
    return tables, lake


@pytest.mark.parametrize("error", PASSING.values(), ids=PASSING)
def test_whatever_fails_for_what_may_pass_leaves_the_load_pending(
    landed: tuple[Any, Lake], error: Exception
) -> None:
    redshift, lake = landed

    def failing(text: str) -> Any:
        return Failing(redshift, text, error)

    empty = star_of(redshift)
    with pytest.raises(type(error)):
        next_load.begin_next(failing("audit.current_runs"), lake, judged_at(LOAD), next_load.Found())
    next_load.begin(redshift, lake, LOAD, judged_at(LOAD))
    for dataset in DATASETS:
        with pytest.raises(type(error)):
            warehouse.stage(failing("copy "), lake, LOAD, dataset, ROLE)
        warehouse.stage(redshift, lake, LOAD, dataset, ROLE)
    for table in BUILT:
        with pytest.raises(type(error)):
            warehouse.build(failing(f"insert into audit.{table}"), LOAD, table)
        warehouse.build(redshift, LOAD, table)
    with pytest.raises(type(error)):
        warehouse.publish(failing("insert into dwh.fact_artists"), LOAD)
    assert rows(redshift, LEDGER) == []
    assert star_of(redshift) == empty
    assert pending_loads(redshift, lake) == [LOAD]
    publish_pending(redshift, lake)
    assert rows(redshift, LEDGER) == [("events", "published"), ("songs", "published")]


@pytest.mark.parametrize(
    ("text", "parked"),
    [
        ("insert into audit.dim_songs", "songs"),
        ("insert into audit.dim_concerts", "events"),
        ("insert into dwh.fact_artists", "songs"),  # no table of one dataset: the newer run
    ],
)
def test_a_build_or_a_publish_that_fails_for_the_data_parks_and_leaves_dwh(
    landed: tuple[Any, Lake], text: str, parked: str
) -> None:
    redshift, lake = landed
    build_load(redshift, lake, LOAD)
    empty = star_of(redshift)
    failing = Failing(redshift, text, None)
    with pytest.raises(DataRejected, match=f"{parked} are parked and dwh is unchanged"):
        if "audit." in text:
            warehouse.build(failing, LOAD, text.rsplit(".", 1)[-1])
        else:
            warehouse.publish(failing, LOAD)
    assert rows(redshift, LEDGER) == [(parked, "parked")]
    assert star_of(redshift) == empty


@pytest.mark.parametrize("cause", ["a wrong password", "a time-out", "a view that is gone"])
def test_a_load_that_could_not_be_judged_is_judged_by_the_next_try(
    landed: tuple[Any, Lake], services: Services, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    redshift, lake = landed
    build_load(redshift, lake, LOAD)
    settings = Settings(bucket=lake.bucket.name)
    found = star.Work(LOAD, 0, judged_at(LOAD), None, 0, "").xcom

    def change(*statements: str) -> None:
        with transaction(redshift) as cursor:
            for statement in statements:
                cursor.execute(statement)

    with monkeypatch.context() as patch:
        if cause == "a wrong password":
            url, arguments = connections.redshift_engine_arguments()
            wrong = url.replace(services.redshift["password"], "another")
            patch.setattr(connections, "redshift_engine_arguments", lambda: (wrong, arguments))
        else:
            change("alter table audit.fact_songs rename to kept")
        if cause == "a time-out":
            change("create view audit.fact_songs as select pg_catalog.redshift_rejects('time-out')")
        kind = ConnectionMissing if cause == "a wrong password" else WarehouseUnavailable
        with pytest.raises(kind) as raised:
            star.judge(settings, found, "manual__1")
    assert raised.value.retryable is (kind is WarehouseUnavailable)
    assert rows(redshift, LEDGER) == []
    if cause == "a time-out":
        change("drop view audit.fact_songs")
    if cause != "a wrong password":
        change("alter table audit.kept rename to fact_songs")
    assert star.publish(found, star.judge(settings, found, "manual__1"))
    assert rows(redshift, LEDGER) == [("events", "published"), ("songs", "published")]


def test_data_that_no_expectation_can_evaluate_is_parked(landed: tuple[Any, Lake]) -> None:
    redshift, lake = landed
    build_load(redshift, lake, LOAD)
    with transaction(redshift) as cursor:
        cursor.execute("alter table audit.fact_artists rename to kept")
        cursor.execute("create view audit.fact_artists as select * from audit.kept where 1 / (select 0) = 1")
    found = star.Work(LOAD, 0, judged_at(LOAD), None, 0, "").xcom
    with pytest.raises(DataRejected, match="division by zero"):
        star.judge(Settings(bucket=lake.bucket.name), found, "manual__1")
    assert {state for _, state in rows(redshift, LEDGER)} == {"parked"}
