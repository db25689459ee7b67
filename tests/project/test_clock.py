"""The clock is a parameter: the pipeline reads it in one place, and SQL never does."""

import re
from pathlib import Path

import pytest

IN_PYTHON = re.compile(
    r"datetime\.(now|today|utcnow)\(|date\.today\(|\btime\.(time|time_ns|gmtime|localtime)\("
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
