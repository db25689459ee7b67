"""The tables and views of the warehouse, and whether the database has them as this release defines them.

The star's tables (`include/sql/dwh/`) hold history, so a release that defines them differently has to derive them
again (`include/warehouse/rebuild.py`). All other tables and views are simply created again.
"""

import hashlib
from typing import Any

from include.warehouse.sql_files import run_file, statements
from include.warehouse.transactions import transaction

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
_TABLES = _STAR_TABLES | {
    *(f"staging.{dataset}" for dataset in DATASETS),
    *(f"audit.{table}" for table in BUILT),
    *(name.replace("/", ".") for name in _AUDIT),
}
"""All except the views: Redshift's information_schema does not list every kind of view."""


def create_tables(connection: Any) -> None:
    """Creates the schemas and the star's tables if they do not exist, and all other tables and views again."""
    with transaction(connection) as cursor:
        create_star(cursor)
        create_audit(cursor)
        create_views(cursor)


def create_star(cursor: Any) -> None:
    """Creates the schemas and the star's tables if they do not exist."""
    for name in ("schemas", *_STAR):
        run_file(cursor, name)


def create_audit(cursor: Any) -> None:
    """Creates staging and audit again, empty, and records the definitions in use."""
    create_build(cursor)
    for name in _AUDIT:
        run_file(cursor, name)
    cursor.execute(f"insert into audit.definitions values ('{_hash(_STAR)}', '{_hash(_OTHERS)}')")  # noqa: S608 - hashes


def create_build(cursor: Any) -> None:
    """Creates the tables again, empty, that a load is staged and built in."""
    for name in _BUILD:
        run_file(cursor, name)


def create_views(cursor: Any) -> None:
    """Creates the views again: Redshift cannot replace a view whose columns change."""
    for view in VIEWS:
        cursor.execute(f"drop view if exists analytics.{view}")
        run_file(cursor, f"analytics/{view}")


def ensure_tables(connection: Any) -> bool:
    """Creates whatever is missing or, except for the star, defined differently.

    Returns False if a rebuild is due, because another release defined the star's tables or some of them are missing.
    A missing ledger is created, empty, for the rebuild to read; until a rebuild has succeeded, the result stays False.
    """
    with transaction(connection) as cursor:
        missing = _TABLES - _existing(cursor)
        if missing >= _STAR_TABLES:
            found = None
        else:
            found = _noted(cursor)
            if missing & _STAR_TABLES or found is None or found[0] != _hash(_STAR):
                _prepare_rebuild(cursor, missing)
                return False
    if missing or found != (_hash(_STAR), _hash(_OTHERS)):
        create_tables(connection)
    return True


def _existing(cursor: Any) -> set[str]:
    """The tables of the warehouse that exist, as `schema.table`."""
    cursor.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in ('staging', 'audit', 'dwh')"
    )
    return {f"{schema}.{table}" for schema, table in cursor.fetchall()}


def _noted(cursor: Any) -> tuple[str, str] | None:
    """The hashes of the definitions in use; None if there are none, or an old release wrote them."""
    cursor.execute(
        "select column_name from information_schema.columns "
        "where table_schema = 'audit' and table_name = 'definitions'"
    )
    if ("star_hash",) not in {tuple(row) for row in cursor.fetchall()}:
        return None
    cursor.execute("select star_hash, other_hash from audit.definitions")
    row = cursor.fetchone()
    return row and (row[0], row[1])


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
    return hashlib.blake2b(stated.encode(), digest_size=16).hexdigest()
