"""The generated pages are what the SQL files say, and what the database says."""

import re
from pathlib import Path
from typing import Any

import pytest

from docs.generate import pages, tables
from include.warehouse.tables import STAR, create_tables
from sandbox.local import summary
from tests.support.snapshots import rows

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_what_make_docs_writes(path: Any) -> None:
    assert path.read_text() == PAGES[path], (
        "include/sql has changed since: run `make docs` and commit the page"
    )


def test_the_dictionary_has_the_tables_columns_types_and_comments_of_the_database(redshift: Any) -> None:
    create_tables(redshift)
    in_database = rows(
        redshift,
        "select n.nspname, c.relname, a.attname, format_type(a.atttypid, null), a.attnotnull, "
        "obj_description(c.oid), col_description(c.oid, a.attnum) "
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "join pg_attribute a on a.attrelid = c.oid "
        "where n.nspname in ('dwh', 'analytics') and c.relkind in ('r', 'v') and a.attnum > 0 "
        "order by n.nspname desc, c.relname, a.attnum",
    )
    names = {"character varying": "varchar", "timestamp without time zone": "timestamp", "text": "varchar"}
    described = [
        (
            table.schema,
            table.name,
            column.name,
            column.type.partition("(")[0],
            column.is_required,
            table.about,
            column.meaning,
        )
        for table in tables()
        for column in table.columns
    ]
    assert described == [
        (schema, table, column, names.get(type_, type_), required, about, meaning)
        for schema, table, column, type_, required, about, meaning in in_database
    ]


def test_a_run_of_the_sandbox_prints_every_table_of_the_star_and_the_readme_shows_it() -> None:
    readme = Path("README.md").read_text()
    assert set(summary.STAR) == set(STAR)
    assert re.findall(r"^  dwh\.(\w+) +[\d,]+ ", readme, re.MULTILINE) == list(summary.STAR)
