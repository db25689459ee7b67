"""From manifests to the star: stage a load, build it in `audit`, publish it to `dwh`.

    next_load.begin   notes the runs of the load, their scopes, and the time
    stage             COPY of exactly the objects of one manifest into `staging`
    build             fills the load's tables in the schema `audit`, where Great Expectations judges them
    publish           merges them into `dwh` and writes the ledger, or
    parking.park      records in the ledger why not

Each function is one transaction, so a task that dies is simply repeated from its start. Loads are taken in the order
of their instants; docs/history.md says what each changes.

All SQL is in `include/sql/<schema>/<table>.sql`. The only values formatted into SQL here are the location of a
manifest, built from the validated bucket and run names; its columns, checked against those of the table; and the
validated COPY role.
"""

import logging
from typing import Any

from include.errors import LoadSuperseded, ManifestInvalid
from include.lake.lake import Lake
from include.lake.manifests import Manifest, require_rows
from include.lake.parts import read_through, verify
from include.warehouse import ledger
from include.warehouse.current_load import require_current
from include.warehouse.failures import is_of_data
from include.warehouse.pairing import Load
from include.warehouse.parking import parked_when_data_fails, parked_when_invalid, remembered_when_unreadable
from include.warehouse.sql_files import run_file
from include.warehouse.tables import BUILT, STAR
from include.warehouse.transactions import transaction
from include.wording import counted

log = logging.getLogger(__name__)

_COUNTS = ("added", "changed", "removed", "unchanged")


def stage(connection: Any, lake: Lake, load: Load, dataset: str, copy_role_arn: str) -> int:
    """Replaces the rows of `staging.<dataset>` with exactly the objects of the load's manifest; returns their number.

    Columns that the manifest of an older release lacks are null. If an object is missing or altered, or COPY loads no
    rows or a number other than the manifest's, parks a pending run and raises `ManifestInvalid`; for a published run
    raises `ContextInvalid`, and the next load takes another as its context. Raises `LoadSuperseded` if another load
    has begun, or if the run was landed again with other rows since this one did.
    """
    with (
        remembered_when_unreadable(connection, load, dataset),
        parked_when_invalid(connection, lake, load, dataset),
    ):
        manifest = lake.manifest(dataset, load.run(dataset))
        require_rows(manifest)
        with transaction(connection) as cursor:
            cursor.execute(f"lock staging.{dataset}")
            begun_with = require_current(cursor, load, dataset)
            if begun_with is None:
                verify(lake, manifest)  # could not be read then either, so COPY need not try
            cursor.execute(f"delete from staging.{dataset}")  # noqa: S608 - a fixed table name, as below
            columns = ", ".join(_known_columns(cursor, manifest))
            try:
                cursor.execute(
                    f"copy staging.{dataset} ({columns}) from '{manifest.url}' iam_role '{copy_role_arn}' "
                    "format as parquet manifest statupdate on"  # an emptied table gets no statistics otherwise
                )
            except Exception as error:
                verify(lake, manifest)  # names an object that is missing or altered
                if not is_of_data(error):
                    read_through(lake, manifest)  # may find damaged objects, which no retry cures
                raise
            digest = verify(lake, manifest)  # after COPY, so that it is that of the rows it has loaded
            cursor.execute(f"select count(*) from staging.{dataset}")  # noqa: S608
            rows: int = cursor.fetchone()[0]
            if digest != begun_with:
                raise LoadSuperseded(
                    f"{dataset} {manifest.run} was landed again with other rows after the load began. Nothing was "
                    "staged; to load the new rows, run musician_warehouse from its first task."
                )
            if rows != manifest.record_count:
                raise ManifestInvalid(
                    f"{manifest.url} counts {manifest.record_count} rows but COPY loaded {rows}. "
                    f"Nothing was staged; land the run {manifest.run} of {dataset} again."
                )
    log.info("staged %s of %s", counted(rows, "row"), manifest.url)
    return rows


def _known_columns(cursor: Any, manifest: Manifest) -> tuple[str, ...]:
    """The manifest's columns. Raises `ManifestInvalid` if staging lacks any of them."""
    cursor.execute(f"select * from staging.{manifest.dataset} limit 0")  # noqa: S608 - a fixed table name
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
    with parked_when_data_fails(connection, load, table), transaction(connection) as cursor:
        # A concurrent build of the table waits here, and then sees these rows and deletes them.
        cursor.execute(f"lock audit.{table}")
        require_current(cursor, load)
        run_file(cursor, f"audit/{table}")
        rows = int(cursor.rowcount)  # of the last statement, which fills the table
        # It was created empty, and the planner still believes that it is.
        cursor.execute(f"analyze audit.{table}")
    log.info("built audit.%s: %s", table, counted(rows, "row"))
    return rows


def publish(connection: Any, load: Load, dag_run: str | None = None) -> dict[str, dict[str, int]]:
    """Merges the audited load into `dwh` and records it in the ledger, in one transaction, with the DAG run.

    Returns, for each table of the star, how many rows were added, changed, removed and unchanged. A load that is
    already in the ledger changes nothing; what it changed before is read from there. Raises `LoadSuperseded` if
    another load has begun; parks and raises `DataRejected` as `build` does.
    """
    with parked_when_data_fails(connection, load, "load"), transaction(connection) as cursor:
        # In the order of `build`, which holds its table while it reads those before it, and then the load: two runs
        # that lock in different orders wait for each other.
        locked = ", ".join(f"audit.{table}" for table in (*reversed(BUILT), "current_load"))
        cursor.execute(f"lock {locked}")
        published = [ledger.published_changes(cursor, dataset, load.run(dataset)) for dataset in load.pending]
        if all(changes is not None for changes in published):
            log.info("load %s was published before; nothing to change", load)
            return published[0] or {}
        require_current(cursor, load)
        cursor.execute("delete from audit.changes")
        for table in _tables_to_publish(cursor, load):
            run_file(cursor, f"publish/{table}")
        cursor.execute("select star_table, added, changed, removed, unchanged from audit.changes")
        counted = {table: list(map(int, counts)) for table, *counts in cursor.fetchall()}
        changes = {table: dict(zip(_COUNTS, counted.get(table, [0] * 4), strict=True)) for table in STAR}
        number = ledger.next_load_number(cursor)
        for dataset in load.pending:
            ledger.record(
                cursor, load, dataset, "published", changes=changes, load_number=number, dag_run=dag_run
            )
    log.info("published %s: %s", load, "; ".join(f"{table} {_said(by)}" for table, by in changes.items()))
    return changes


def _said(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in counts.items() if number) or "has no rows"


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
