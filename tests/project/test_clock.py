"""The clock is a parameter: the pipeline reads it in one place, and SQL never does."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

IN_PYTHON = re.compile(
    r"datetime\.(now|today|utcnow)\(|date\.today\(|\btime\.(time|time_ns|gmtime|localtime|strftime|ctime)\("
)
IN_SQL = re.compile(r"\b(getdate|sysdate|now|current_date|current_timestamp|timeofday)\b", re.IGNORECASE)


@pytest.mark.parametrize("folder", ["include", "dags", "plugins"])
def test_only_one_module_reads_the_clock(folder: str) -> None:
    readers = {str(path) for path in Path(folder).rglob("*.py") if IN_PYTHON.search(path.read_text())}
    assert readers == ({"include/clock.py"} if folder == "include" else set())


def test_no_sql_reads_the_clock() -> None:
    files = sorted(Path("include/sql").rglob("*.sql"))
    assert len(files) > 20
    for path in files:
        code = re.sub(r"--.*|'[^']*'", "", path.read_text())
        assert not IN_SQL.search(code), path


def test_no_query_of_an_expectation_reads_the_clock() -> None:
    files = sorted(Path("great_expectations/expectations").glob("*.json"))
    assert len(files) > 5
    for path in files:
        for expectation in json.loads(path.read_text())["expectations"]:
            assert not IN_SQL.search(json.dumps(expectation["kwargs"])), path


@pytest.mark.parametrize("folder", ["include", "dags", "plugins"])
def test_no_sql_in_python_reads_the_clock(folder: str) -> None:
    for path in sorted(Path(folder).rglob("*.py")):
        for text in _strings(ast.parse(path.read_text())):
            if re.match(r"\s*(select|insert|update|delete|merge|create|copy|with)\b", text, re.IGNORECASE):
                assert not IN_SQL.search(text), path


def _strings(tree: ast.AST) -> Iterator[str]:
    """The literals of a module, with the constant parts of an f-string joined."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield " ".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
