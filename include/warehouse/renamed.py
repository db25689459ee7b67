"""A connection that gives the warehouse's schemas other names, which a rehearsal creates and drops.

All of the pipeline's SQL names its schemas, in files and in modules. It is rewritten here on its way to the driver,
so that nothing else needs to know: `dwh.dim_songs` becomes `rehearsal_dwh.dim_songs`.
"""

import re
from typing import Any

SCHEMAS = ("staging", "audit", "dwh", "analytics")
_ANY = "|".join(SCHEMAS)
_NAMED = re.compile(
    rf"(?<![\w.'/-])({_ANY})(?=\s*\.\s*[a-z_])|(?<=')({_ANY})(?=')"
    rf"|(?<=\bschema )({_ANY})\b|(?<=\bschema if not exists )({_ANY})\b|(?<=\bschema if exists )({_ANY})\b"
)


class Renamed:
    """A connection whose statements find the schemas under their names with `prefix` in front."""

    def __init__(self, connection: Any, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        """A cursor that renames the schemas in what it executes."""
        return _Cursor(self._connection.cursor(), self._prefix)


class _Cursor:
    def __init__(self, cursor: Any, prefix: str) -> None:
        self._cursor = cursor
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, statement: str, *arguments: Any, **named: Any) -> Any:
        self._cursor.execute(renamed(statement, self._prefix), *arguments, **named)
        return self


def renamed(statement: str, prefix: str) -> str:
    """The statement with the prefix in front of the name of each of our schemas."""
    return _NAMED.sub(lambda found: prefix + found[0], statement)


def drop(connection: Any, prefix: str) -> list[str]:
    """Drops the schemas with the prefix; returns those that still exist afterwards."""
    cursor = connection.cursor()
    for schema in reversed(SCHEMAS):
        cursor.execute(f"drop schema if exists {prefix}{schema} cascade")
    connection.commit()
    cursor.execute(
        "select nspname from pg_namespace where nspname like %s", (prefix.replace("_", r"\_") + "%",)
    )
    left = [name for (name,) in cursor.fetchall()]
    connection.commit()
    cursor.close()
    return left
