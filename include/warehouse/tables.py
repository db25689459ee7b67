"""The tables and views of the warehouse, and whether the database holds them as this release defines them.

The star's tables (`include/sql/dwh/`) hold history, so a release that defines them otherwise has to derive them again
(`include/warehouse/rebuild.py`). Every other table and view is simply created again.
"""

import hashlib
from typing import Any

from include.warehouse.sql_files import run_file, text
from include.warehouse.transactions import transaction

DATASETS = ("events", "songs")
STAR = ("dim_songs", "fact_songs", "dim_concerts", "bridge_concert_artists", "fact_artists")
"""The star's tables, each after those it is built from."""
VIEWS = ("artist_events_songs", "upcoming_concerts", "artist_popularity", "song_popularity", "concert_changes")
"""The views of the schema `analytics`."""
BUILT = ("dim_songs", "dim_concerts", "missing_concerts", "bridge_concert_artists", "fact_artists", "load_summary")
"""The tables of the schema `audit` that a load is built in, each after those it is built from."""
JUDGED = (*STAR, "load_summary")
"""The tables of the schema `audit` that have an expectation suite."""

_STAR = (*(f"dwh/{table}" for table in STAR), "dwh/load_ledger")
_OTHERS = (
    *(f"staging/{dataset}" for dataset in DATASETS),
    *(f"audit/{table}" for table in ("definitions", "current_load", "current_runs", "rejected_concerts")),
    *(f"audit/{table}" for table in ("changes", "failed_rows", "tables")),
    *(f"analytics/{view}" for view in VIEWS),
)


def create_tables(connection: Any) -> None:
    """Creates the schemas, the star's tables where there are none, and all other tables and views again."""
    with transaction(connection) as cursor:
        create_star(cursor)
        create_others(cursor)


def create_star(cursor: Any) -> None:
    """Creates the schemas, and the star's tables where there are none."""
    for name in ("schemas", *_STAR):
        run_file(cursor, name)


def create_others(cursor: Any) -> None:
    """Creates staging, audit and the views again, empty, and notes by which definitions all was created."""
    for dataset in DATASETS:
        cursor.execute(f"drop table if exists staging.{dataset}")
    for name in _OTHERS:
        run_file(cursor, name)
    cursor.execute(f"insert into audit.definitions values ('{_hash(_STAR)}', '{_hash(_OTHERS)}')")  # noqa: S608 - hashes


def ensure_tables(connection: Any) -> bool:
    """Creates what is missing or, but for the star, defined otherwise.

    False when the star's tables were defined by another release: nothing is done then, a rebuild is due.
    """
    with transaction(connection) as cursor:
        star_exists, found = _held(cursor)
    if found == (_hash(_STAR), _hash(_OTHERS)):
        return True
    if star_exists and (found is None or found[0] != _hash(_STAR)):
        return False
    create_tables(connection)
    return True


def is_star_current(cursor: Any) -> bool:
    """Whether the star's tables are there as this release defines them."""
    star_exists, found = _held(cursor)
    return star_exists and found is not None and found[0] == _hash(_STAR)


def _held(cursor: Any) -> tuple[bool, tuple[str, str] | None]:
    """Whether there is a star, and the hashes of the definitions; None where an old release wrote them."""
    cursor.execute(
        "select table_schema, column_name from information_schema.columns "
        "where (table_schema = 'dwh' and table_name = 'load_ledger') "
        "or (table_schema = 'audit' and table_name = 'definitions')"
    )
    columns = {(schema, column) for schema, column in cursor.fetchall()}
    star_exists = ("dwh", "run") in columns
    if ("audit", "star_hash") not in columns:
        return star_exists, None
    cursor.execute("select star_hash, other_hash from audit.definitions")
    row = cursor.fetchone()
    return star_exists, row and (row[0], row[1])


def _hash(names: tuple[str, ...]) -> str:
    return hashlib.blake2b("".join(map(text, names)).encode(), digest_size=16).hexdigest()
