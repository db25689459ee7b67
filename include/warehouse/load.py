"""From manifests to the star: find the load, stage it, build it in `audit`, publish it to `dwh`.

    pending_loads   manifests in S3 minus `dwh.load_ledger`, paired; asset events only wake the warehouse up
    begin           notes the runs of the load, their scopes, and the time
    stage           COPY of exactly the objects of one manifest into `staging`
    build           fills the load's tables in the schema `audit`, where Great Expectations judges them
    publish         merges them into `dwh` and writes the ledger, or
    park            records in the ledger why not

Each function is one transaction, so a task that dies is simply repeated from its start. Loads are taken in the order
of their instants; docs/history.md says what each changes.

All SQL is in `include/sql/<schema>/<table>.sql`. The only values formatted into SQL here are the location of a
manifest, built from the validated bucket and run names; its columns, checked against those of the table; and the
validated COPY role.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.errors import ContextInvalid, DataRejected, LoadSuperseded, ManifestInvalid
from include.lake.certificate import Certificate
from include.lake.lake import Lake
from include.lake.manifests import Manifest
from include.lake.runs import run_instant
from include.warehouse import ledger
from include.warehouse.failures import is_of_data, told
from include.warehouse.loads import (
    Judged,
    Ledger,
    Load,
    Unreadable,
    at_fault,
    facts_of,
    gives_way,
    other,
    partner_published,
    plan_loads,
)
from include.warehouse.sql_files import run_file
from include.warehouse.tables import DATASETS, STAR
from include.warehouse.transactions import transaction

log = logging.getLogger(__name__)

_CONCERT_ID_BYTES = 64
"""No concert in the star has a longer id."""
_COUNTS = ("added", "changed", "removed", "unchanged")


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


def pending_loads(connection: Any, lake: Lake) -> list[Load]:
    """The loads that are waiting, oldest first; none if the ledger knows every manifest that has a partner."""
    with transaction(connection) as cursor:
        known = ledger.read_ledger(cursor)
    return find_loads(ledger.landed(lake), known, lake)


def find_loads(
    manifests: Mapping[str, Sequence[str]], known: Ledger, lake: Lake, unreadable: Unreadable = ()
) -> list[Load]:
    """The loads that are waiting, oldest first. The first never combines an addition with a run that is not one.

    Published runs that are `unreadable` are not used as context.
    """
    loads = plan_loads(manifests, known, unreadable)
    if loads and len(loads[0].pending) > 1:
        load, additions = loads[0], _additions(lake, known, loads[0])
        oldest = min(DATASETS, key=load.run)
        context = partner_published(known, other(oldest), unreadable)
        if len(additions) == 1 and context is not None:
            return [Load.of(oldest, load.run(oldest), context, both=False), *loads[1:]]
    return loads


def _additions(lake: Lake, known: Ledger, load: Load) -> set[str]:
    """The pending datasets whose run gives way to the one on which the facts of the load's date rest."""
    facts = facts_of(known, load.snapshot_date)
    found = set()
    for dataset in load.pending if facts else ():
        new, old = load.run(dataset), facts.run(dataset)  # type: ignore[union-attr]
        try:
            if new != old and gives_way(lake.certificate(dataset, new), lake.certificate(dataset, old)):
                found.add(dataset)
        except ManifestInvalid as error:  # `begin` parks what cannot be read
            log.warning("cannot compare %s with %s: %s", new, old, error)
    return found


def begin(connection: Any, lake: Lake, load: Load, now: datetime) -> None:
    """Records in `audit` which load staging and audit are about to hold, its runs, and when it is judged.

    Parks a pending run and raises `ManifestInvalid` if its manifest, certificate or rejected records cannot be read.
    Raises `ContextInvalid` if those of the published run cannot be read, or its objects are missing or altered.
    """
    with transaction(connection) as cursor:
        known = ledger.read_ledger(cursor)
    additions = _additions(lake, known, load)
    described: dict[str, _Description] = {}
    invalid: dict[str, Exception] = {}
    for dataset in DATASETS:
        try:
            described[dataset] = _describe(lake, load, dataset)
        except Exception as error:
            if not (isinstance(error, ManifestInvalid) or is_of_data(error)):
                raise
            invalid[dataset] = error
    # All at once: another run of the same load may be building from these rows.
    with transaction(connection) as cursor:
        cursor.execute("lock audit.current_load")
        _note_load(cursor, load, now)
        cursor.execute("delete from audit.current_runs")
        cursor.execute("delete from audit.rejected_concerts")
        for dataset in DATASETS:
            is_accepted = known.get((dataset, load.run(dataset)), Judged("pending")).is_accepted
            _note_run(cursor, lake, load, dataset, described.get(dataset), dataset in additions, is_accepted)
        for run in described.values():
            _note_rejected(cursor, run.rejected)
    for dataset, found in invalid.items():
        with _parked_when_invalid(connection, lake, load, dataset):
            raise found


@dataclass(frozen=True, slots=True)
class _Description:
    """What the lake says of a run."""

    manifest: Manifest
    certificate: Certificate
    rejected: set[str]
    """The ids of the concerts whose records were rejected."""


def _describe(lake: Lake, load: Load, dataset: str) -> _Description:
    manifest = lake.manifest(dataset, load.run(dataset))
    if dataset not in load.pending:
        lake.verify(manifest)  # while another run can still be the context
    certificate = lake.certificate(dataset, load.run(dataset))
    rejected = lake.rejected(dataset, load.run(dataset)) if dataset == "events" else set()
    return _Description(manifest, certificate, rejected)


def _note_load(cursor: Any, load: Load, now: datetime) -> None:
    cursor.execute("delete from audit.current_load")
    cursor.execute(
        "insert into audit.current_load (events_run, songs_run, events_at, songs_at, snapshot_date, "
        "judged_at) values (%s, %s, %s, %s, %s, %s)",
        (
            load.events,
            load.songs,
            _timestamp(load.events),
            _timestamp(load.songs),
            load.snapshot_date,
            now.astimezone(UTC).replace(tzinfo=None),
        ),
    )


def _note_run(
    cursor: Any,
    lake: Lake,
    load: Load,
    dataset: str,
    description: _Description | None,
    is_addition: bool,
    is_accepted: bool,
) -> None:
    manifest, certificate = (description.manifest, description.certificate) if description else (None, None)
    cursor.execute(
        "insert into audit.current_runs (dataset, run, loaded_with, is_pending, manifest_url, record_count, "
        "scope, is_complete, is_addition, is_accepted, countries, horizon_date) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            dataset,
            load.run(dataset),
            load.run(other(dataset)),
            dataset in load.pending,
            lake.manifest_url(dataset, load.run(dataset)),
            manifest and manifest.record_count,
            certificate and certificate.scope.text,
            certificate and certificate.complete,
            is_addition,
            is_accepted,
            certificate and f",{','.join(sorted(certificate.scope.countries))},",
            certificate and certificate.horizon_date,
        ),
    )


def _note_rejected(cursor: Any, rejected: set[str]) -> None:
    ids = sorted(c for c in rejected if len(c.encode()) <= _CONCERT_ID_BYTES and c.isprintable())
    for start in range(0, len(ids), 1_000):
        values = ids[start : start + 1_000]
        rows = ", ".join(["(%s)"] * len(values))
        cursor.execute(f"insert into audit.rejected_concerts (concert_id) values {rows}", values)  # noqa: S608


def stage(connection: Any, lake: Lake, load: Load, dataset: str, copy_role_arn: str) -> int:
    """Replaces the rows of `staging.<dataset>` with exactly the objects of the load's manifest; returns their number.

    Columns that the manifest of an older release lacks are null. If an object is missing or altered, or COPY loads no
    rows or a number other than the manifest's, parks a pending run and raises `ManifestInvalid`; for a published run
    raises `ContextInvalid`. Raises `LoadSuperseded` if another load has begun.
    """
    with _parked_when_invalid(connection, lake, load, dataset):
        manifest = lake.manifest(dataset, load.run(dataset))
        if not manifest.record_count:
            raise ManifestInvalid(f"{manifest.url} has no rows, and a run without rows cannot be loaded.")
        lake.verify(manifest)
        with transaction(connection) as cursor:
            cursor.execute(f"lock staging.{dataset}")
            _require_current(cursor, load)
            cursor.execute(f"delete from staging.{dataset}")  # noqa: S608 - a name of ours, as below
            columns = ", ".join(_known_columns(cursor, manifest))
            try:
                cursor.execute(
                    f"copy staging.{dataset} ({columns}) from '{manifest.url}' iam_role '{copy_role_arn}' "
                    "format as parquet manifest statupdate on"  # an emptied table gets no statistics otherwise
                )
            except Exception as error:
                if not is_of_data(error):
                    lake.read_through(manifest)  # may find damaged objects, which no retry cures
                raise
            cursor.execute(f"select count(*) from staging.{dataset}")  # noqa: S608
            rows: int = cursor.fetchone()[0]
            if rows != manifest.record_count:
                raise ManifestInvalid(
                    f"{manifest.url} counts {manifest.record_count} rows but COPY loaded {rows}. "
                    f"Nothing was staged; land the run {manifest.run} of {dataset} again."
                )
    log.info("staged %d rows of %s", rows, manifest.url)
    return rows


def _known_columns(cursor: Any, manifest: Manifest) -> tuple[str, ...]:
    """The manifest's columns. Raises `ManifestInvalid` if staging lacks any of them."""
    cursor.execute(f"select * from staging.{manifest.dataset} limit 0")  # noqa: S608 - a name of ours
    known = {column[0] for column in cursor.description}
    if unknown := [column for column in manifest.columns if column not in known]:
        raise ManifestInvalid(
            f"{manifest.url} has columns that this release does not know: {', '.join(unknown)[:200]}. It was "
            "written by a newer release: run that, or land the run again."
        )
    return manifest.columns


def build(connection: Any, load: Load, table: str) -> int:
    """Rebuilds `audit.<table>` from staging; returns the number of rows.

    Raises `LoadSuperseded` if another load has begun. Parks the dataset at fault and raises `DataRejected` if the
    data does not fit.
    """
    with _parked_when_data_fails(connection, load, table), transaction(connection) as cursor:
        # A concurrent build of the table waits here, and then sees these rows and deletes them.
        cursor.execute(f"lock audit.{table}")
        _require_current(cursor, load)
        run_file(cursor, f"audit/{table}")
        # It was created empty, and the planner still believes that it is.
        cursor.execute(f"analyze audit.{table}")
        cursor.execute(f"select count(*) from audit.{table}")  # noqa: S608 - one of BUILT
        rows: int = cursor.fetchone()[0]
    log.info("built audit.%s: %d rows", table, rows)
    return rows


def publish(connection: Any, load: Load) -> dict[str, dict[str, int]]:
    """Merges the audited load into `dwh` and records it in the ledger, in one transaction.

    Returns, for each table of the star, how many rows were added, changed, removed and unchanged. A load that is
    already in the ledger changes nothing; what it changed before is read from there. Raises `LoadSuperseded` if
    another load has begun; parks and raises `DataRejected` as `build` does.
    """
    with _parked_when_data_fails(connection, load, "load"), transaction(connection) as cursor:
        cursor.execute("lock audit.current_load")
        published = [ledger.published_changes(cursor, dataset, load.run(dataset)) for dataset in load.pending]
        if all(changes is not None for changes in published):
            log.info("load %s was published before; nothing to change", load)
            return published[0] or {}
        _require_current(cursor, load)
        cursor.execute("delete from audit.changes")
        for table in _tables_to_publish(cursor, load):
            run_file(cursor, f"publish/{table}")
        cursor.execute("select star_table, added, changed, removed, unchanged from audit.changes")
        counted = {table: list(map(int, counts)) for table, *counts in cursor.fetchall()}
        changes = {table: dict(zip(_COUNTS, counted.get(table, [0] * 4), strict=True)) for table in STAR}
        number = ledger.next_load_number(cursor)
        for dataset in load.pending:
            ledger.record(cursor, load, dataset, "published", changes=changes, load_number=number)
    log.info("published %s: %s", load, changes)
    return changes


def _tables_to_publish(cursor: Any, load: Load) -> list[str]:
    """The tables of the star that the load changes: an addition leaves the day's facts alone."""
    cursor.execute("select dataset from audit.current_runs where is_pending is true and is_addition is true")
    additions = {dataset for (dataset,) in cursor.fetchall()}
    unchanged: set[str] = set()
    if "songs" not in load.pending:
        unchanged |= {"dim_songs", "fact_songs"}
    if "events" not in load.pending:
        unchanged |= {"dim_concerts"} | ({"bridge_concert_artists"} if additions else set())
    if additions:
        unchanged |= {"fact_artists"}
    return [table for table in STAR if table not in unchanged]


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
        _require_current(cursor, load)
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
def _parked_when_invalid(connection: Any, lake: Lake, load: Load, dataset: str) -> Iterator[None]:
    """Parks a pending run if the block finds that it cannot be read; for a published one raises `ContextInvalid`."""
    run = load.run(dataset)
    try:
        try:
            yield
        except Exception as error:
            if not is_of_data(error):
                raise
            raise ManifestInvalid(
                f"{lake.manifest_url(dataset, run)} cannot be loaded: {told(error)} Land the run {run} of "
                f"{dataset} again."
            ) from error
    except ManifestInvalid as invalid:
        if dataset not in load.pending:
            raise ContextInvalid(
                f"{dataset} {run} is published, but cannot be read again as the context of "
                f"{other(dataset)} {load.run(other(dataset))}, which stays pending. {invalid} Restore its objects, "
                f"or: python -m include redrive {dataset} {run}."
            ) from invalid
        park(connection, load, str(invalid), datasets=(dataset,))
        raise


@contextmanager
def _parked_when_data_fails(connection: Any, load: Load, table: str) -> Iterator[None]:
    """Parks the dataset at fault if the block fails because of the load's data."""
    try:
        yield
    except Exception as error:
        if not is_of_data(error):
            raise
        reason = f"{table} cannot take events/{load.events} and songs/{load.songs}: {told(error)}"
        datasets = at_fault(load, [(table, None)])
        park(connection, load, reason, datasets=datasets)
        raise DataRejected(f"{' and '.join(datasets)} are parked and dwh is unchanged. {reason}") from error


def _require_current(cursor: Any, load: Load) -> None:
    """Raises `LoadSuperseded` unless staging and audit hold this load.

    A task that was slow or cleared must not write into a later load.
    """
    cursor.execute("select events_run, songs_run from audit.current_load")
    current = [tuple(row) for row in cursor.fetchall()]
    if current != [(load.events, load.songs)]:
        raise LoadSuperseded(
            f"{load} is not the load in progress, which is {current}. Nothing was changed; to judge it, run "
            "musician_warehouse from its first task."
        )


def _timestamp(run: str) -> datetime:
    return run_instant(run).replace(tzinfo=None)
