"""The SQL files in `include/sql/`: their statements, without comments, split once per process."""

import re
from functools import cache
from pathlib import Path
from typing import Any

_SQL = Path(__file__).parent.parent / "sql"
_COMMENT_OR_TEXT = re.compile(r"--[^\n]*|('(?:[^']|'')*'|;)")


@cache
def statements(name: str) -> tuple[str, ...]:
    """The statements of a file such as `publish/dim_songs`, in order, without comments and semicolons."""
    pieces, end = [[""]], 0
    sql = (_SQL / f"{name}.sql").read_text()
    for found in _COMMENT_OR_TEXT.finditer(sql):
        pieces[-1].append(sql[end : found.start()])
        if found[0] == ";":
            pieces.append([])
        elif found[1]:
            pieces[-1].append(found[1])
        end = found.end()
    pieces[-1].append(sql[end:])
    return tuple(text for piece in pieces if (text := _tidy("".join(piece))))


def run_file(cursor: Any, name: str) -> None:
    """Executes the statements of a file."""
    for statement in statements(name):
        cursor.execute(statement)


def _tidy(sql: str) -> str:
    """Removes the empty lines and trailing spaces that comments leave behind."""
    return "\n".join(line.rstrip() for line in sql.splitlines() if line.strip())
