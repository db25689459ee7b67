"""From manifests to the star: find the load, stage it, build it in `audit`, publish it to `dwh`.

A load is one events manifest and one songs manifest. The work list is the manifests in S3 minus those in
`dwh.load_ledger`; asset events only wake the warehouse up. Every function here is one transaction, so a
task that dies is repeated from its start.

A load that fails its audit, or cannot be read, is parked. When the cause is mended, judge it again by

    python -m include retry events 2026-11-22T060000Z

and a run of the DAG.

All SQL lives in `include/sql/<schema>/<table>.sql`. Only two things are formatted into SQL: the location of a
manifest, made of the validated bucket and run names, and the validated role of COPY.
"""

import hashlib
import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

import sqlparse

from include.errors import LoadSuperseded, ManifestInvalid
from include.lake.certificate import Certificate
from include.lake.lake import Lake
from include.lake.runs import run_instant

log = logging.getLogger(__name__)

DATASETS = ("events", "songs")
STAR = ("dim_songs", "dim_concerts", "bridge_concert_artists", "fact_artists")
"""The star's tables, each after those it is built from."""
VIEWS = ("artist_events_songs", "upcoming_concerts", "artist_popularity", "concert_changes")
"""The views of the schema `analytics`."""
JUDGED = (*STAR, "load_summary")
"""The tables of the schema `audit` that have an expectation suite."""

_CONCERT_ID_BYTES = 64
"""No concert in the star has a longer id."""
_SQL = Path(__file__).parent.parent / "sql"
_TABLES = (
    "schemas",
    *(f"staging/{dataset}" for dataset in DATASETS),
    "audit/definitions",
    "audit/current_load",
    "audit/crawls",
    "audit/refused_concerts",
    "audit/changes",
    "audit/failed_rows",
    *(f"dwh/{table}" for table in (*STAR, "load_ledger")),
    "audit/tables",
    *(f"analytics/{view}" for view in VIEWS),
)


@dataclass(frozen=True, slots=True)
class Load:
    """One events run and one songs run that become one snapshot of the star."""

    events: str
    songs: str
    pending: tuple[str, ...]
    """The datasets whose manifest this load judges; the other was judged before and gives context."""

    def run(self, dataset: str) -> str:
        """The run of `events` or `songs` in this load."""
        return {"events": self.events, "songs": self.songs}[dataset]

    @classmethod
    def from_json(cls, load: Mapping[str, Any]) -> Self:
        """The load from the dictionary in which it travels between tasks."""
        return cls(load["events"], load["songs"], tuple(load["pending"]))

    @property
    def snapshot_date(self) -> date:
        """The UTC date of the later of the two runs."""
        return run_instant(max(self.events, self.songs)).date()


@dataclass(frozen=True, slots=True)
class FailedRows:
    """The rows of one table that failed one expectation, as Great Expectations finds them."""

    table: str
    expectation: str
    query: str
    key_columns: int
    """How many columns of the query, from the first, are the row's key."""


@contextmanager
def transaction(connection: Any) -> Iterator[Any]:
    """A cursor whose statements commit together, or not at all when the block raises."""
    cursor = connection.cursor()
    try:
        yield cursor
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        cursor.close()


def create_tables(connection: Any) -> None:
    """Creates the schemas, tables and views that do not exist yet, and notes by which definitions."""
    with transaction(connection) as cursor:
        for name in _TABLES:
            _run_file(cursor, name)
        cursor.execute("delete from audit.definitions")
        cursor.execute(f"insert into audit.definitions values ('{_definitions()}')")  # noqa: S608 - a hash


def ensure_tables(connection: Any) -> None:
    """`create_tables`, unless the database holds today's definitions: those are two hundred statements."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select count(*) from information_schema.tables "
            "where table_schema = 'audit' and table_name = 'definitions'"
        )
        found = []
        if cursor.fetchone()[0]:
            cursor.execute("select content_hash from audit.definitions")
            found = [row[0] for row in cursor.fetchall()]
    if found != [_definitions()]:
        create_tables(connection)


def _definitions() -> str:
    files = "".join((_SQL / f"{name}.sql").read_text() for name in _TABLES)
    return hashlib.blake2b(files.encode(), digest_size=16).hexdigest()


def pending_loads(connection: Any, lake: Lake) -> list[Load]:
    """The loads that wait, the oldest first; empty when the ledger knows every manifest."""
    with transaction(connection) as cursor:
        cursor.execute("select dataset, run, state from dwh.load_ledger")
        judged = {(dataset, run): state for dataset, run, state in cursor.fetchall()}
    return plan_loads({dataset: lake.manifests(dataset) for dataset in DATASETS}, judged)


def plan_loads(manifests: Mapping[str, Collection[str]], judged: Mapping[tuple[str, str], str]) -> list[Load]:
    """Pairs the manifests that no ledger row names, the oldest first.

    A pending manifest is loaded with the oldest pending one of the other dataset from the same UTC date,
    else with the newest published one up to that date, else with the oldest one after it. Without any, it
    waits. If either was overtaken by a published one of its day, the newest published one is tried first.
    """
    pending = {d: sorted(run for run in manifests[d] if (d, run) not in judged) for d in DATASETS}
    usable = {d: sorted(run for run in manifests[d] if judged.get((d, run)) != "parked") for d in DATASETS}
    loads: list[Load] = []
    while any(pending.values()):
        run, dataset = min((runs[0], dataset) for dataset, runs in pending.items() if runs)
        other = DATASETS[1 - DATASETS.index(dataset)]
        partner = _partner(run, set(usable[dataset]) - set(pending[dataset]), pending[other], usable[other])
        if partner is None:
            break
        pair = {dataset: run, other: partner}
        judges = tuple(d for d in DATASETS if pair[d] in pending[d])
        for d in judges:
            pending[d].remove(pair[d])
        loads.append(Load(pair["events"], pair["songs"], judges))
    return loads


def _partner(
    run: str, published: Collection[str], pending_others: Sequence[str], usable_others: Sequence[str]
) -> str | None:
    day = run[:10]
    same_day = [other for other in pending_others if other[:10] == day][:1]
    until = [other for other in usable_others if other[:10] <= day and other not in pending_others][-1:]
    after = [other for other in usable_others if other[:10] > day][:1]
    # A late run must not take a new one into its load, which is older than what is published.
    came_late = any(own[:10] == day and own > run for own in published) or same_day < until
    return next(iter([*until, *same_day, *after] if came_late else [*same_day, *until, *after]), None)


def begin(connection: Any, lake: Lake, load: Load) -> None:
    """Notes in `audit` which load staging and audit are about to hold, and what its crawl can tell.

    Parks the load and raises `ManifestInvalid` when its events run has no certificate.
    """
    with _parked_when_invalid(connection, lake, load):
        certificate = lake.certificate("events", load.events)
    refused = lake.rejected("events", load.events)
    with transaction(connection) as cursor:
        # The ledger first, as `publish` does: the other way round they could wait for each other.
        cursor.execute(
            "select min(run) from dwh.load_ledger "
            "where dataset = 'songs' and state = 'published' and run > %s",
            (load.songs,),
        )
        next_songs = cursor.fetchone()[0]
        cursor.execute(
            "select count(*) from dwh.load_ledger where state = 'published' and snapshot_date = %s "
            "and ((dataset = 'events' and run > %s) or (dataset = 'songs' and run > %s))",
            (load.snapshot_date, load.events, load.songs),
        )
        is_outdated = cursor.fetchone()[0] > 0 or _asked_for_less(cursor, load, certificate.scope.countries)
        cursor.execute("lock audit.current_load")
        cursor.execute("delete from audit.current_load")
        cursor.execute(
            "insert into audit.current_load (events_run, songs_run, events_at, songs_at, snapshot_date, "
            "is_events_new, next_songs_at, is_outdated) values (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                load.events,
                load.songs,
                _timestamp(load.events),
                _timestamp(load.songs),
                load.snapshot_date,
                "events" in load.pending,
                next_songs and _timestamp(next_songs),
                is_outdated,
            ),
        )
        _note_crawl(cursor, load.events, certificate, refused)


def _asked_for_less(cursor: Any, load: Load, countries: Collection[str]) -> bool:
    """Whether a published load of the same date knows of concerts in countries that this one does not."""
    cursor.execute(
        "select crawls.countries from audit.crawls as crawls "
        "inner join dwh.load_ledger as ledger on crawls.events_run = ledger.run "
        "where ledger.dataset = 'events' and ledger.state = 'published' and ledger.snapshot_date = %s",
        (load.snapshot_date,),
    )
    return any(set(asked.strip(",").split(",")) - set(countries) for (asked,) in cursor.fetchall())


def _note_crawl(cursor: Any, run: str, certificate: Certificate, refused: Collection[str]) -> None:
    cursor.execute("delete from audit.crawls where events_run = %s", (run,))
    cursor.execute(
        "insert into audit.crawls (events_run, events_at, is_complete, countries, horizon_date) "
        "values (%s, %s, %s, %s, %s)",
        (
            run,
            _timestamp(run),
            certificate.complete,
            f",{','.join(sorted(certificate.scope.countries))},",
            certificate.horizon_date,
        ),
    )
    cursor.execute("delete from audit.refused_concerts where events_run = %s", (run,))
    ids = sorted(concert for concert in refused if len(concert.encode()) <= _CONCERT_ID_BYTES)
    for start in range(0, len(ids), 1_000):
        values = [value for concert in ids[start : start + 1_000] for value in (run, concert)]
        rows = ", ".join(["(%s, %s)"] * (len(values) // 2))
        cursor.execute(f"insert into audit.refused_concerts (events_run, concert_id) values {rows}", values)  # noqa: S608


def _require_current(cursor: Any, load: Load) -> None:
    """Raises `LoadSuperseded` unless staging and audit are this load's.

    A task that was slow, or cleared, must not write into a later load.
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


def stage(connection: Any, lake: Lake, load: Load, dataset: str, copy_role_arn: str) -> int:
    """Replaces `staging.<dataset>` by exactly the objects of the load's manifest; the number of rows.

    Parks the load and raises `ManifestInvalid` when an object is missing or altered, or COPY brings other
    than the counted rows. Raises `LoadSuperseded` when another load has begun.
    """
    with _parked_when_invalid(connection, lake, load):
        manifest = lake.manifest(dataset, load.run(dataset))
        lake.verify(manifest)
        with transaction(connection) as cursor:
            cursor.execute(_LOCK_STAGED[dataset])
            _require_current(cursor, load)
            cursor.execute(_DELETE_STAGED[dataset])
            try:
                cursor.execute(
                    f"{_COPY[dataset]} from '{manifest.url}' iam_role '{copy_role_arn}' "
                    "format as parquet manifest"
                )
            except Exception:
                lake.read_through(manifest)  # may find that the objects are to blame, which no retry cures
                raise
            cursor.execute(_COUNT_STAGED[dataset])
            rows: int = cursor.fetchone()[0]
            if rows != manifest.record_count:
                raise ManifestInvalid(
                    f"{manifest.url} counts {manifest.record_count} rows but COPY brought {rows}. "
                    f"Nothing was staged; land the run {manifest.run} of {dataset} again."
                )
    log.info("staged %d rows of %s", rows, manifest.url)
    return rows


@contextmanager
def _parked_when_invalid(connection: Any, lake: Lake, load: Load) -> Iterator[None]:
    """Parks the load when the block finds it cannot be read, so that it does not hold up later ones."""
    try:
        yield
    except ManifestInvalid as error:
        park(connection, lake, load, str(error))
        raise


# The names are those of the tuples above, never data.
_COPY = {dataset: f"copy staging.{dataset}" for dataset in DATASETS}
_LOCK_STAGED = {dataset: f"lock staging.{dataset}" for dataset in DATASETS}
_DELETE_STAGED = {dataset: f"delete from staging.{dataset}" for dataset in DATASETS}  # noqa: S608
_COUNT_STAGED = {dataset: f"select count(*) from staging.{dataset}" for dataset in DATASETS}  # noqa: S608
_LOCK_BUILT = {table: f"lock audit.{table}" for table in JUDGED}
_COUNT_BUILT = {table: f"select count(*) from audit.{table}" for table in JUDGED}  # noqa: S608


def build(connection: Any, load: Load, table: str) -> int:
    """Rebuilds `audit.<table>` from staging; the number of rows.

    Raises `LoadSuperseded` when another load has begun.
    """
    with transaction(connection) as cursor:
        # Who builds it at the same time waits here, and then sees these rows to delete them.
        cursor.execute(_LOCK_BUILT[table])
        _require_current(cursor, load)
        _run_file(cursor, f"audit/{table}")
        cursor.execute(_COUNT_BUILT[table])
        rows: int = cursor.fetchone()[0]
    log.info("built audit.%s: %d rows", table, rows)
    return rows


def publish(connection: Any, lake: Lake, load: Load) -> dict[str, dict[str, int]]:
    """Merges the audited load into `dwh` and records it in the ledger, in one transaction.

    Returns per table of the star how many rows were added, changed, closed and unchanged. A load that the
    ledger already has changes nothing; what it changed then is read from the ledger. Raises `LoadSuperseded`
    when another load has begun.
    """
    with transaction(connection) as cursor:
        cursor.execute("lock dwh.load_ledger")
        published = [_published_changes(cursor, dataset, load.run(dataset)) for dataset in load.pending]
        if all(published):
            log.info("load %s was published before; nothing to change", load)
            return published[0] or {}
        _require_current(cursor, load)
        cursor.execute("delete from audit.changes")
        for table in STAR:
            _run_file(cursor, f"publish/{table}")
        cursor.execute(
            "select star_table, added, changed, closed, unchanged from audit.changes order by star_table"
        )
        changes = {
            table: dict(zip(("added", "changed", "closed", "unchanged"), map(int, counts), strict=True))
            for table, *counts in cursor.fetchall()
        }
        _record(cursor, lake, load, "published", changes=changes)
    log.info("published %s: %s", load, changes)
    return changes


def park(connection: Any, lake: Lake, load: Load, reason: str, failed: Sequence[FailedRows] = ()) -> int:
    """Records in the ledger that the load failed its audit, so that it does not hold up later ones.

    The rows that failed are kept in `audit.failed_rows`; the value is how many those are.
    """
    kept = 0
    with transaction(connection) as cursor:
        cursor.execute(
            "delete from audit.failed_rows where events_run = %s and songs_run = %s",
            (load.events, load.songs),
        )
        for rows in failed:
            cursor.execute(f"select * from ({rows.query}) as failed limit 0")  # noqa: S608 - from our suites
            columns = [f"c{number}" for number in range(len(cursor.description))]
            key = " || ' ' || ".join(f"cast({name} as varchar(128))" for name in columns[: rows.key_columns])
            cursor.execute(
                f"insert into audit.failed_rows select %s, %s, %s, %s, {key} "  # noqa: S608 - from our suites
                f"from ({rows.query}) as failed ({', '.join(columns)})",
                (load.events, load.songs, rows.table, rows.expectation[:250]),
            )
            kept += cursor.rowcount
        _record(cursor, lake, load, "parked", reason=reason)
    return kept


def retry(connection: Any, dataset: str, run: str) -> int:
    """Strikes a manifest from the ledger, so that the next run judges it again; how many rows that were."""
    with transaction(connection) as cursor:
        cursor.execute("delete from dwh.load_ledger where dataset = %s and run = %s", (dataset, run))
        return int(cursor.rowcount)


def _published_changes(cursor: Any, dataset: str, run: str) -> dict[str, dict[str, int]] | None:
    cursor.execute(
        "select changes from dwh.load_ledger where dataset = %s and run = %s and state = 'published'",
        (dataset, run),
    )
    row = cursor.fetchone()
    changes: dict[str, dict[str, int]] | None = row and json.loads(row[0])
    return changes


def _record(
    cursor: Any,
    lake: Lake,
    load: Load,
    state: str,
    *,
    reason: str | None = None,
    changes: dict[str, dict[str, int]] | None = None,
) -> None:
    for dataset in load.pending:
        run = load.run(dataset)
        if state == "parked" and _published_changes(cursor, dataset, run) is not None:
            continue  # a task that was cleared, or late, must not say that what is in the star is not
        cursor.execute("delete from dwh.load_ledger where dataset = %s and run = %s", (dataset, run))
        cursor.execute(
            "insert into dwh.load_ledger "
            "(dataset, run, state, reason, manifest_url, record_count, changes, snapshot_date, judged_at) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, getdate())",
            (
                dataset,
                run,
                state,
                reason and reason[:1000],
                lake.manifest_url(dataset, run),
                lake.manifest(dataset, run).record_count if state == "published" else None,
                changes and json.dumps(changes),
                load.snapshot_date,
            ),
        )


def _run_file(cursor: Any, name: str) -> None:
    for statement in sqlparse.split((_SQL / f"{name}.sql").read_text()):
        cursor.execute(statement.rstrip(";"))
