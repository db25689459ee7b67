"""The SQL files below `include/sql/`: their statements, split once per process."""

from functools import cache
from pathlib import Path
from typing import Any

import sqlparse

_SQL = Path(__file__).parent.parent / "sql"


def text(name: str) -> str:
    """The content of a file, such as `publish/dim_songs`."""
    return (_SQL / f"{name}.sql").read_text()


@cache
def statements(name: str) -> tuple[str, ...]:
    """The statements of a file, in their order, without semicolons."""
    return tuple(statement.rstrip(";") for statement in sqlparse.split(text(name)))


def run_file(cursor: Any, name: str) -> None:
    """Executes the statements of a file."""
    for statement in statements(name):
        cursor.execute(statement)
