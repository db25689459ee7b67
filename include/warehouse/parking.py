"""Parking: what cannot be loaded is recorded in the ledger, with the reason, so that it holds up no others."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from include.errors import ContextInvalid, DataRejected, ManifestInvalid
from include.lake.lake import Lake
from include.warehouse import ledger
from include.warehouse.current_load import require_current
from include.warehouse.failures import in_one_line, is_of_data
from include.warehouse.pairing import Load, at_fault, other
from include.warehouse.transactions import transaction


@dataclass(frozen=True, slots=True)
class FailedRows:
    """The rows of one table that failed one expectation, as Great Expectations finds them."""

    table: str
    expectation: str
    query: str
    key_columns: int
    """How many leading columns of the query are the row's key."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit says of a load. It passed if nothing failed."""

    failures: tuple[str, ...] = ()
    """One line per failed critical expectation."""
    failed_rows: tuple[FailedRows, ...] = ()
    """Where to find the rows that failed them."""
    at_fault: tuple[str, ...] = ()
    """The datasets to park."""

    @property
    def reason(self) -> str:
        """Why the load is parked, in one line."""
        return "; ".join(self.failures)


def park(
    connection: Any,
    load: Load,
    reason: str,
    failed: Sequence[FailedRows] = (),
    datasets: Sequence[str] | None = None,
) -> int:
    """Records in the ledger that pending runs of the load failed, all by default, so that they hold up no others.

    Keeps the rows that failed in `audit.failed_rows`, and returns their number. Raises `LoadSuperseded` if another
    load has begun.
    """
    kept = 0
    with transaction(connection) as cursor:
        require_current(cursor, load)
        cursor.execute(
            "delete from audit.failed_rows where events_run = %s and songs_run = %s",
            (load.events, load.songs),
        )
        for rows in failed:
            cursor.execute(f"select * from ({rows.query}) as failed limit 0")  # noqa: S608 - from our suites
            columns = [f"c{number}" for number in range(len(cursor.description))]
            key = " || ' ' || ".join(f"cast({name} as varchar(128))" for name in columns[: rows.key_columns])
            cursor.execute(
                "insert into audit.failed_rows select cast(%s as varchar(32)), cast(%s as varchar(32)), "  # noqa: S608
                f"cast(%s as varchar(64)), cast(%s as varchar(1020)), {key} "
                f"from ({rows.query}) as failed ({', '.join(columns)})",
                (load.events, load.songs, rows.table, rows.expectation[:250]),
            )
            kept += cursor.rowcount
        for dataset in load.pending if datasets is None else datasets:
            ledger.record(cursor, load, dataset, "parked", reason=reason)
    return kept


@contextmanager
def invalid_when_unreadable(lake: Lake, load: Load, dataset: str) -> Iterator[None]:
    """Raises `ManifestInvalid` if the block finds that a pending run cannot be read, or `ContextInvalid` if it is
    published."""
    run = load.run(dataset)
    try:
        try:
            yield
        except Exception as error:
            if not is_of_data(error):
                raise
            raise ManifestInvalid(
                f"{lake.manifest_url(dataset, run)} cannot be loaded: {in_one_line(error)} Land the run {run} of "
                f"{dataset} again."
            ) from error
    except ContextInvalid:
        raise
    except ManifestInvalid as invalid:
        if dataset in load.pending:
            raise
        raise ContextInvalid(
            f"{dataset} {run} is published, but cannot be read again as the context of "
            f"{other(dataset)} {load.run(other(dataset))}. {invalid} Restore its objects, or: "
            f"python -m include redrive {dataset} {run}."
        ) from invalid


@contextmanager
def parked_when_invalid(connection: Any, lake: Lake, load: Load, dataset: str) -> Iterator[None]:
    """Parks a pending run if the block finds that it cannot be read; raises as `invalid_when_unreadable` does."""
    try:
        with invalid_when_unreadable(lake, load, dataset):
            yield
    except ContextInvalid:
        raise
    except ManifestInvalid as invalid:
        park(connection, load, str(invalid), datasets=(dataset,))
        raise


@contextmanager
def remembered_when_unreadable(connection: Any, load: Load, dataset: str) -> Iterator[None]:
    """If the block finds that a published run cannot be context, sees to it that the next load takes another."""
    try:
        yield
    except ContextInvalid as invalid:
        ledger.note_unreadable(connection, dataset, load.run(dataset), str(invalid.__cause__ or invalid))
        raise


@contextmanager
def parked_when_data_fails(connection: Any, load: Load, table: str) -> Iterator[None]:
    """Parks the dataset at fault if the block fails because of the load's data."""
    try:
        yield
    except Exception as error:
        if not is_of_data(error):
            raise
        reason = f"{table} cannot take events/{load.events} and songs/{load.songs}: {in_one_line(error)}"
        datasets = at_fault(load, [(table, None)])
        park(connection, load, reason, datasets=datasets)
        raise DataRejected(f"{' and '.join(datasets)} are parked and dwh is unchanged. {reason}") from error
