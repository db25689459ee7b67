"""README's table "to change X, edit Y" names files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "README.md").read_text().split("| to change | edit |")[1].split("\n\n")[0]
PATHS = sorted({name for name in re.findall(r"`([^`]+)`", TABLE) if "/" in name or name.startswith(".")})


def test_the_table_is_read() -> None:
    assert len(PATHS) > 20


@pytest.mark.parametrize("name", PATHS)
def test_a_file_that_the_table_names_exists(name: str) -> None:
    assert list(ROOT.glob(re.sub(r"<\w+>", "*", name)))
