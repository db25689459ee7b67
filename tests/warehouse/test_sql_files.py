"""The SQL files as they are sent to the server."""

import re
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


FLAGS = sorted(
    {
        column
        for path in SQL.rglob("*.sql")
        for column in re.findall(r"^    (\w+) boolean\b", path.read_text(), re.MULTILINE)
    }
)


@pytest.mark.parametrize("path", sorted(SQL.rglob("*.sql")), ids=str)
def test_a_flag_decides_only_by_is_true_or_is_false(path: Path) -> None:
    """A null flag decides nothing, and a comparison of conditions is evaluated wrongly by some versions of Redshift."""
    text = sqlparse.format(path.read_text(), strip_comments=True)
    flag = rf"(?:\w+\.)?(?:{'|'.join(FLAGS)})\b"
    undecided = [
        rf"\b(?:when|where|and|or|not|on)\s+{flag}(?!\s+is\b)",
        rf"\bcoalesce\(\s*{flag}",
        rf"{flag}\s*(?:=|<>|!=)\s*(?!cast\b)",
        r"\)\s*(?:=|<>|!=)\s*\([^()]*\bis\b",
    ]
    # What an update sets is no condition.
    text = re.sub(r"(?s)\bset\b.*?(?=\bfrom\b|\bwhere\b|;)", "", text)
    assert [found[0] for pattern in undecided for found in re.finditer(pattern, text)] == []
