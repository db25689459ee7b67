"""The tables and views of the warehouse, and whether the database has them as this release defines them.

The star's tables (`include/sql/dwh/`) hold history, so a release that defines them differently has to derive them
again (`include/warehouse/rebuild.py`). All other tables and views are simply created again.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.warehouse.sql_files import run_file, statements
from include.warehouse.transactions import transaction

log = logging.getLogger(__name__)

DATASETS = ("events", "songs")
STAR = ("dim_songs", "fact_songs", "dim_concerts", "bridge_concert_artists", "fact_artists")
"""The star's tables, each listed after those it is built from."""
VIEWS = (
    "artist_events_songs",
    "upcoming_concerts",
    "artist_popularity",
    "song_popularity",
    "concert_changes",
)
"""The views of the schema `analytics`."""
BUILT = (
    "dim_songs",
    "dim_concerts",
    "missing_concerts",
    "bridge_concert_artists",
    "fact_artists",
    "load_summary",
)
"""The tables of the schema `audit` that a load is built in, each listed after those it is built from."""
JUDGED = (*STAR, "load_summary")
"""The tables of the schema `audit` that have an expectation suite."""

_STAR = (*(f"dwh/{table}" for table in STAR), "dwh/load_ledger")
_BUILD = (*(f"staging/{dataset}" for dataset in DATASETS), "audit/tables")
"""The tables that a load is staged and built in."""
_AUDIT = tuple(
    f"audit/{table}"
    for table in (
        "current_load",
        "current_runs",
        "rejected_concerts",
        "changes",
        "failed_rows",
        "definitions",
    )
)
_VIEWS = tuple(f"analytics/{view}" for view in VIEWS)
_OTHERS = (*_BUILD, *_AUDIT, *_VIEWS)
_STAR_TABLES = frozenset(name.replace("/", ".") for name in _STAR)
_OTHER_TABLES = frozenset(
    {
        *(f"staging.{dataset}" for dataset in DATASETS),
        *(f"audit.{table}" for table in BUILT),
        *(name.replace("/", ".") for name in (*_AUDIT, *_VIEWS)),
    }
)
"""Views included."""
_COLUMNS = (
    "select nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull "
    "from pg_class join pg_namespace on relnamespace = pg_namespace.oid "
    "left join pg_attribute on attrelid = pg_class.oid and attnum > 0 and attisdropped is false "
    "where nspname in ('staging', 'audit', 'dwh', 'analytics') and relkind in ('r', 'v') "
    "order by nspname, relname, attnum"
)
"""From the catalog itself, because Redshift's information_schema does not show every kind of view."""
_IN_WORDS = {"star": "tables of dwh", "other": "tables of staging or audit, or views,"}
_ALTERED = "columns of {} were altered since they were created"
Existing = Mapping[str, Sequence[tuple[Any, ...]]]
"""By `schema.table`, the name, type and NOT NULL of each column."""


@dataclass(frozen=True, slots=True)
class Differences:
    """How the database differs from the definitions of this release."""

    missing: frozenset[str]
    """Tables and views, as `schema.table`."""
    in_star: tuple[str, ...]
    """If there is any, the star has to be rebuilt; none if it does not exist at all."""
    elsewhere: tuple[str, ...]
    """If there is any, the other tables and views have to be created again."""
    are_noted: bool = True
    """Whether the columns were recorded when everything was created."""

    @property
    def are_altered(self) -> bool:
        """Whether all others exist by these definitions, and some were altered."""
        return self.elsewhere == (_ALTERED.format(_IN_WORDS["other"]),)


def create_tables(connection: Any) -> None:
    """Creates the schemas and the star's tables if they do not exist, and all other tables and views again."""
    with transaction(connection) as cursor:
        send_definitions(cursor)
        note_definitions(cursor)


def send_definitions(cursor: Any) -> None:
    """Does the same but reads nothing from the database, for a cursor that returns no rows.

    `ensure_tables` records the columns later.
    """
    create_star(cursor)
    create_audit(cursor)
    create_views(cursor)
    cursor.execute(
        f"insert into audit.definitions (star_hash, other_hash) values ('{_hash(_STAR)}', '{_hash(_OTHERS)}')"  # noqa: S608
    )


def create_star(cursor: Any) -> None:
    """Creates the schemas and the star's tables if they do not exist."""
    for name in ("schemas", *_STAR):
        run_file(cursor, name)


def create_audit(cursor: Any) -> None:
    """Creates staging and audit again, empty."""
    create_build(cursor)
    for name in _AUDIT:
        run_file(cursor, name)


def create_build(cursor: Any) -> None:
    """Creates the tables again, empty, that a load is staged and built in."""
    for name in _BUILD:
        run_file(cursor, name)


def create_views(cursor: Any) -> None:
    """Creates the views again: Redshift cannot replace a view whose columns change."""
    for view in VIEWS:
        cursor.execute(f"drop view if exists analytics.{view}")
        run_file(cursor, f"analytics/{view}")


def note_definitions(cursor: Any) -> None:
    """Records the definitions by which everything was created, and the columns that the database has now."""
    existing = _existing(cursor)
    cursor.execute("delete from audit.definitions")
    cursor.execute(
        "insert into audit.definitions (star_hash, other_hash, star_columns, other_columns) "
        "values (%s, %s, %s, %s)",
        (_hash(_STAR), _hash(_OTHERS), _columns(existing, _STAR_TABLES), _columns(existing, _OTHER_TABLES)),
    )


def ensure_tables(connection: Any) -> bool:
    """Creates whatever is missing or, except for the star, altered or defined differently.

    Returns False if a rebuild is due, because another release defined the star's tables, or some of them are missing
    or altered. A missing ledger is created, empty, for the rebuild to read; until a rebuild has succeeded, the result
    stays False.
    """
    with transaction(connection) as cursor:
        found = differences(cursor)
        if found.in_star:
            log.warning("the star has to be rebuilt: %s", "; ".join(found.in_star))
            _prepare_rebuild(cursor, found.missing)
            return False
    if found.elsewhere:
        log.debug("creating tables and views again: %s", "; ".join(found.elsewhere))
        if found.are_altered:
            with transaction(connection) as cursor:
                cursor.execute("drop table audit.failed_rows")  # the only one that a new release keeps
        create_tables(connection)
    elif not found.are_noted:
        with transaction(connection) as cursor:
            note_definitions(cursor)
    return True


def exist(cursor: Any, *names: str) -> bool:
    """Whether the warehouse has these tables, such as `dwh.load_ledger`."""
    return _existing(cursor).keys() >= {*names}


def differences(cursor: Any) -> Differences:
    """Compares the database with the definitions of this release, and with the columns it had at first."""
    existing = _existing(cursor)
    missing = (_STAR_TABLES | _OTHER_TABLES) - existing.keys()
    noted: dict[str, str] = {}
    if "audit.definitions" in existing:
        cursor.execute("select * from audit.definitions")
        names = [column[0] for column in cursor.description]
        noted = dict(zip(names, cursor.fetchone() or (), strict=False))
    in_star = _differ(noted, "star", _STAR, existing, _STAR_TABLES)
    elsewhere = _differ(noted, "other", _OTHERS, existing, _OTHER_TABLES)
    if missing >= _STAR_TABLES:
        return Differences(missing, (), (*in_star, *elsewhere))
    return Differences(missing, in_star, elsewhere, bool(noted.get("star_columns")))


def _differ(
    noted: Mapping[str, str],
    which: str,
    names: tuple[str, ...],
    existing: Existing,
    tables: frozenset[str],
) -> tuple[str, ...]:
    """How these tables differ from their definitions, in words."""
    columns = noted.get(f"{which}_columns")  # which an older release did not note
    if missing := sorted(tables - existing.keys()):
        return (f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",)
    if noted.get(f"{which}_hash") != _hash(names):
        return (f"this release defines {_IN_WORDS[which]} differently",)
    if columns and columns != _columns(existing, tables):
        return (_ALTERED.format(_IN_WORDS[which]),)
    return ()


def _existing(cursor: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The tables and views of the warehouse, and their columns in order."""
    cursor.execute(_COLUMNS)
    existing: dict[str, list[tuple[Any, ...]]] = {}
    for schema, table, *column in cursor.fetchall():
        unprefixed = schema.rsplit("_", 1)[-1]  # a rehearsal's have a prefix
        existing.setdefault(f"{unprefixed}.{table}", []).append(tuple(column))
    return existing


def _columns(existing: Existing, tables: frozenset[str]) -> str:
    """A hash of the columns of these tables."""
    return _digest(repr([(table, existing.get(table)) for table in sorted(tables)]))


def _prepare_rebuild(cursor: Any, missing: frozenset[str]) -> None:
    """Creates what a rebuild reads, and records that one is due."""
    if "dwh.load_ledger" in missing:
        run_file(cursor, "dwh/load_ledger")
    if missing & {"audit.current_load", "audit.definitions"}:
        run_file(cursor, "schemas")
        create_audit(cursor)
    if missing:
        cursor.execute("delete from audit.definitions")


def _hash(names: tuple[str, ...]) -> str:
    """A hash of the statements in the files: changing a `--` comment does not change the definition."""
    stated = ";".join(statement for name in names for statement in statements(name))
    return _digest(stated)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
