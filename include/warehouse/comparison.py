"""What a rebuild changed: the star before it, kept in temporary tables, compared with the star after it."""

from collections.abc import Collection, Mapping
from typing import Any

from include.warehouse.tables import STAR

Figures = Mapping[str, int]


def figures(cursor: Any) -> dict[str, int]:
    """Rows per table of the star, versions of concerts and snapshots of artists."""
    there = _there(cursor)
    figures = {}
    for table in there:
        cursor.execute(f"select count(*) from dwh.{table}")  # noqa: S608 - a fixed table name
        figures[f"rows of {table}"] = int(cursor.fetchone()[0])
    if "dim_concerts" in there and "is_current" in dict(_columns(cursor, "dwh.dim_concerts")):
        cursor.execute("select count(*) from dwh.dim_concerts where is_current is false")
        figures["earlier versions of concerts"] = int(cursor.fetchone()[0])
    if "fact_artists" in there and "snapshot_date" in dict(_columns(cursor, "dwh.fact_artists")):
        cursor.execute("select count(distinct snapshot_date) from dwh.fact_artists")
        figures["snapshots"] = int(cursor.fetchone()[0])
    return figures


def keep(cursor: Any) -> list[str]:
    """Copies the star so that the new one can be compared with it; returns the tables copied."""
    kept = _there(cursor)
    for table in kept:
        cursor.execute(f"drop table if exists before_{table}")
        cursor.execute(f"create temporary table before_{table} as select * from dwh.{table}")  # noqa: S608
    return kept


def differences(cursor: Any, kept: Collection[str]) -> dict[str, tuple[int, int]]:
    """For each table that differs, how many rows only the kept star has, and how many only the new one has."""
    found = {}
    for table in STAR:
        if table not in kept:
            cursor.execute(f"select count(*) from dwh.{table}")  # noqa: S608 - fixed table names, as below
            found[table] = (0, int(cursor.fetchone()[0]))
            continue
        common = _columns(cursor, f"dwh.{table}") & _columns(cursor, f"before_{table}")
        columns = ", ".join(sorted(name for name, _ in common))
        star = f"select {columns} from dwh.{table}"  # noqa: S608
        before = f"select {columns} from before_{table}"  # noqa: S608
        counts = []
        for first, second in ((before, star), (star, before)):
            cursor.execute(f"select count(*) from ({first} except {second}) as one_only")  # noqa: S608
            counts.append(int(cursor.fetchone()[0]))
        found[table] = (counts[0], counts[1])
        cursor.execute(f"drop table before_{table}")
    return {table: counts for table, counts in found.items() if any(counts)}


def _columns(cursor: Any, table: str) -> set[tuple[str, Any]]:
    """The names of the columns, with their types: those of another type cannot be compared."""
    cursor.execute(f"select * from {table} limit 0")  # noqa: S608 - a fixed table name
    return {(column[0], column[1]) for column in cursor.description}


def _there(cursor: Any) -> list[str]:
    """The tables of the star that exist."""
    cursor.execute("select table_name from information_schema.tables where table_schema = 'dwh'")
    there = {name for (name,) in cursor.fetchall()}
    return [table for table in STAR if table in there]
