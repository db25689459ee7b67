"""The SQL files as they are sent to the server."""

from pathlib import Path

import pytest
import sqlparse

from include.warehouse.sql_files import statements

SQL = Path("include/sql")


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=str)
def test_files_are_split_where_a_parser_splits_them(path: Path) -> None:
    name = path.relative_to(SQL).with_suffix("").as_posix()
    bare = [
        sqlparse.format(part, strip_comments=True).rstrip("; \n") for part in sqlparse.split(path.read_text())
    ]
    assert [part.split() for part in statements(name)] == [part.split() for part in bare if part]
