"""The SQL files as they are sent to the server."""

import ast
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


MODULES = sorted(Path("include").rglob("*.py"))
_STATEMENT = re.compile(
    r"(?is)\s*(?:select|with|insert|update|delete|create|drop|alter|copy|lock|analyze|grant)\s+\S"
)
_SELECT_LIST = re.compile(r"(?is)\bselect\b(?P<list>.*?)(?=\bfrom\b|\Z)")


def sql_in(module: Path) -> list[str]:
    """The texts of a module that are SQL, with {} for what is formatted into them."""
    texts = []
    inside: set[ast.AST] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.JoinedStr):
            inside |= set(ast.walk(node))
            texts.append("".join(
                part.value if isinstance(part, ast.Constant) else "{}" for part in node.values  # type: ignore[misc]
            ))  # fmt: skip
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside:
            texts.append(node.value)
    return [text for text in texts if _STATEMENT.match(text)]


def unfit_for_redshift(sql: str) -> list[str]:
    """What Redshift may refuse: a view replaced, or a parameter without a type among what is selected."""
    untyped = [
        found["list"].strip()
        for found in _SELECT_LIST.finditer(sql)
        if "%s" in re.sub(r"cast\(%s as ", "", found["list"])
    ]
    return untyped + re.findall(r"(?i)create\s+or\s+replace\s+view", sql)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_sql_in_a_module_replaces_no_view_and_selects_no_untyped_parameter(module: Path) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html: only with the same columns."""
    assert [found for sql in sql_in(module) for found in unfit_for_redshift(sql)] == []


def test_sql_files_replace_no_view() -> None:
    assert [path for path in SQL.rglob("*.sql") if unfit_for_redshift(path.read_text())] == []


@pytest.mark.parametrize(
    ("sql", "is_fit"),
    [
        ("insert into t (a) select %s", False),
        ("insert into t (a, b) select cast(%s as bigint), %s from u", False),
        ("select a from (select %s as a) as b", False),
        ("Create Or Replace View v as select 1", False),
        ("insert into t (a) select cast(%s as bigint) from u where b = %s", True),
        ("insert into t (a) values (%s)", True),
        ("delete from t where a in (select a from u where b = %s)", True),
    ],
)
def test_what_redshift_may_refuse_is_found(sql: str, is_fit: bool) -> None:
    assert (unfit_for_redshift(sql) == []) == is_fit


def test_the_sql_of_the_ledger_is_among_what_is_looked_at() -> None:
    found = sql_in(Path("include/warehouse/ledger.py"))
    assert [sql for sql in found if "cast(%s as varchar(4096))" in sql and "from audit.current_runs" in sql]
