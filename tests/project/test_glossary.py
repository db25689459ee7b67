"""The product speaks the words of docs/glossary.md, and none that the glossary replaces."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("include", "dags", "plugins", "docs", "great_expectations")
TEXT = {".py", ".sql", ".md", ".json", ".yaml", ".yml"}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""A word of prose, or of an identifier in snake or camel case."""

EXCEPTIONS = {
    "README.md": {"answer": "of a question that a person asks"},
    "include/lake/bucket.py": {"chunk": "of a stream of bytes"},
    "include/lake/s3_errors.py": {"refresh": "in an error code of AWS"},
    "include/orchestration/doctor/warehouse.py": {"refuse": "in the texts of the driver's errors"},
    "include/quality/few_statements.py": {"resolve": "in the names of a class of Great Expectations"},
    "include/sources/client/http.py": {"chunk": "of a stream of bytes"},
    "include/sources/client/nesting.py": {"chunk": "of a stream of bytes"},
}
"""By file, words that the glossary replaces and that mean something else there."""


def replaced_words() -> set[str]:
    """The words of the glossary's last column, without those in parentheses, which have another meaning."""
    rows = [
        line.split("|")[1:-1] for line in (ROOT / "docs/glossary.md").read_text().splitlines() if "|" in line
    ]
    found = (word for *_, words in rows[2:] for word in re.sub(r"\(.*?\)", "", words).split(","))
    return {word.strip() for word in found if word.strip()}


def files() -> Iterator[Path]:
    yield ROOT / "README.md"
    for folder in FOLDERS:
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in TEXT)


def words_of(path: Path) -> set[str]:
    return {word.lower() for word in WORD.findall(path.read_text())}


def forms(word: str) -> re.Pattern[str]:
    """Matches the word with any of the usual endings."""
    if word.endswith("y"):
        return re.compile(rf"{word[:-1]}(y|ies|ied|ying)")
    return re.compile(rf"{re.sub('(e|ed)$', '', word)}(e|ed|es|er|s|ing)?")


def test_the_glossary_is_read() -> None:
    assert {"answer", "refused", "unlisted"} <= replaced_words()
    assert not replaced_words() & {"file", "window", "page"}


@pytest.mark.parametrize("word", sorted(replaced_words()))
def test_a_word_that_the_glossary_replaces_is_not_used(word: str) -> None:
    form = forms(word)
    users = {
        str(path.relative_to(ROOT))
        for path in files()
        if path.name != "glossary.md" and any(form.fullmatch(each) for each in words_of(path))
    }
    excepted = {file for file, words in EXCEPTIONS.items() if any(form.fullmatch(each) for each in words)}
    assert users == excepted, "use the glossary's word, or except the file with a reason"
