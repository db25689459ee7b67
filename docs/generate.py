"""Writes docs/data-dictionary.md and docs/entity-relationship.md from include/sql: `make docs`.

Of each file in include/sql/dwh and include/sql/analytics it reads

    the header     lines "-- Word   text" (Grain, Question, Keys, Joins) and, after an empty comment line,
                   notes, taken over as they stand; Joins reads "table by column (condition); …", and where
                   a condition is given, at most one row of that table then fits
    the DDL        columns, types, not null, primary key; a view's types follow from the tables it reads
    the comments   COMMENT ON TABLE, VIEW and COLUMN

Raises `ValueError` for a column without a comment, or a comment without a column.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

DOCS = Path(__file__).parent
SQL = DOCS.parent / "include" / "sql"
_JOIN = re.compile(r"(\w+) by (\w+)(?: \(([^)]+)\))?")
_NOTICE = "<!-- Written by `make docs` from include/sql. Do not edit: a test compares them. -->"


@dataclass(frozen=True)
class Column:
    """A column of a table or view; columns of views are never marked as required."""

    name: str
    type: str
    is_required: bool
    meaning: str


@dataclass(frozen=True)
class Join:
    """Joins to the rows of `table` with equal `column`: many, or at most one under the `condition`, if given."""

    table: str
    column: str
    condition: str | None


@dataclass(frozen=True)
class Table:
    """A table or view, as described by its file."""

    schema: str
    name: str
    about: str
    header: dict[str, str]
    notes: str
    columns: list[Column]
    key: list[str] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The file that defines it, relative to the project's root."""
        return f"include/sql/{self.schema}/{self.name}.sql"


def tables() -> list[Table]:
    """The tables of `dwh`, then the views of `analytics`, each sorted by name."""
    star = [_table(path) for path in sorted((SQL / "dwh").glob("*.sql"))]
    types = {table.name: {column.name: column.type for column in table.columns} for table in star}
    return star + [_view(path, {"dwh": types}) for path in sorted((SQL / "analytics").glob("*.sql"))]


def _table(path: Path) -> Table:
    header, notes = _header(path)
    created, about, meanings = _statements(path)
    key = created.find(exp.PrimaryKey)
    columns = [
        Column(
            column.name,
            column.args["kind"].sql("redshift").lower(),
            column.find(exp.NotNullColumnConstraint) is not None,
            meanings.pop(column.name, ""),
        )
        for column in created.find_all(exp.ColumnDef)
    ]
    joins = [
        Join(table, column, condition or None)
        for table, column, condition in re.findall(_JOIN, header.get("Joins", ""))
    ]
    names = [column.name for column in key.expressions] if key else []
    return _complete(Table("dwh", path.stem, about, header, notes, columns, names, joins), meanings)


def _view(path: Path, types: dict[str, object]) -> Table:
    header, notes = _header(path)
    created, about, meanings = _statements(path)
    query = created.expression
    reads = sorted({table.name for table in query.find_all(exp.Table) if table.db})
    typed = annotate_types(qualify(query.copy(), schema=types, dialect="redshift"), types, dialect="redshift")
    columns = [
        Column(column.alias, column.type.sql("redshift").lower(), False, meanings.pop(column.alias, ""))
        for column in typed.selects
    ]
    return _complete(Table("analytics", path.stem, about, header, notes, columns, reads=reads), meanings)


def _header(path: Path) -> tuple[dict[str, str], str]:
    """The header's entries, and the notes below them."""
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line[2:].removeprefix(" "))
    end = lines.index("") if "" in lines else len(lines)
    entries: dict[str, str] = {}
    for line in lines[:end]:
        word, text = line[:11].strip(), line[11:].strip()
        if word:
            entries[word] = text
        else:
            entries[list(entries)[-1]] += f" {text}"
    return entries, "\n".join(lines[end + 1 :])


def _statements(path: Path) -> tuple[exp.Expr, str, dict[str, str]]:
    """The CREATE statement, the comment on the whole, and the comments on the columns."""
    created, *comments = [found for found in sqlglot.parse(path.read_text(), read="redshift") if found]
    about, meanings = "", dict[str, str]()
    for comment in comments:
        text = str(comment.expression.this)
        if isinstance(comment.this, exp.Column):
            meanings[comment.this.name] = text
        else:
            about = text
    return created, about, meanings


def _complete(table: Table, left_over: dict[str, str]) -> Table:
    silent = [column.name for column in table.columns if not column.meaning]
    if silent or left_over or not table.about:
        raise ValueError(
            f"{table.path}: without a comment: {silent if table.about else [table.name, *silent]}; "
            f"comments without a column: {list(left_over)}. Add or correct COMMENT ON in that file."
        )
    return table


def data_dictionary(described: Sequence[Table]) -> str:
    """Markdown: every table and view with its grain, and every column with type and meaning."""
    return "\n".join(_data_dictionary(described))


def _data_dictionary(described: Sequence[Table]) -> Iterator[str]:
    yield from ("# Data dictionary", "", _NOTICE, "")
    yield "For data scientists: the star in the schema `dwh`, and the views over it in `analytics`."
    yield "The same texts are comments in the database, so a SQL client shows them next to the columns."
    yield "How the tables are related: [entity-relationship.md](entity-relationship.md)."
    yield from ("", "| table or view | content |", "|---|---|")
    for table in described:
        yield f"| [`{table.schema}.{table.name}`](#{table.schema}{table.name}) | {_cell(table.about)} |"
    yield ""
    for table in described:
        yield from _entry(table)


def _entry(table: Table) -> Iterator[str]:
    yield from (f"## {table.schema}.{table.name}", "", table.about, "")
    for word in ("Question", "Grain", "Keys", "Joins"):
        if word in table.header:
            yield f"- **{word}**: {_code(table.header[word])}"
    if table.key:
        yield f"- **Identified by**: {', '.join(f'`{column}`' for column in table.key)}"
    if table.reads:
        yield f"- **Reads**: {', '.join(f'[`dwh.{name}`](#dwh{name})' for name in table.reads)}"
    yield f"- **Defined in**: [{table.path}](../{table.path})"
    if table.notes:
        yield from ("", "```text", table.notes, "```")
    nullable = table.schema == "dwh"
    yield from ("", f"| column | type |{' null |' if nullable else ''} meaning |")
    yield f"|---|---|{'---|' if nullable else ''}---|"
    for column in table.columns:
        null = (" never |" if column.is_required else " possible |") if nullable else ""
        yield f"| `{column.name}` | {column.type} |{null} {_cell(column.meaning)} |"
    yield ""


def entity_relationship(described: Sequence[Table]) -> str:
    """Markdown: a Mermaid diagram of the star, and one of the tables that each view reads."""
    return "\n".join(_entity_relationship(described))


def _entity_relationship(described: Sequence[Table]) -> Iterator[str]:
    star = [table for table in described if table.schema == "dwh"]
    yield from ("# Entities and their relationships", "", _NOTICE, "")
    yield "The tables of the schema `dwh`. A line is labelled with the column to join on and, after the comma, the"
    yield "condition under which at most one row matches: an artist has one row in `fact_artists` per snapshot"
    yield "date, and a concert one row in `dim_concerts` per version. The columns are described in"
    yield "[data-dictionary.md](data-dictionary.md). Redshift does not enforce keys; the load keeps them unique."
    yield from ("", "```mermaid", "erDiagram")
    for table in star:
        for join in table.joins:
            end = "o|" if join.condition else "o{"
            label = ", ".join(filter(None, (join.column, join.condition)))
            yield f'    {table.name} }}o--{end} {join.table} : "{label}"'
    foreign = {(table.name, join.column) for table in star for join in table.joins}
    for table in star:
        yield f"    {table.name} {{"
        for column in table.columns:
            marks = ["PK"] if column.name in table.key else []
            marks += ["FK"] if (table.name, column.name) in foreign else []
            yield f"        {column.type.replace(' ', '_')} {column.name} {', '.join(marks)}".rstrip()
        yield "    }"
    yield from ("```", "", "Which views of the schema `analytics` read which tables:", "")
    yield from ("```mermaid", "flowchart LR")
    for view in described:
        for name in view.reads:
            yield f"    {name} --> {view.name}([analytics.{view.name}])"
    yield from ("```", "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    """The text with all names that contain an underscore set as code."""
    return re.sub(r"(?<![\w/.])(\w+(?:\.\w+)?_\w+)(?![\w/])", r"`\1`", text)


def pages() -> dict[Path, str]:
    """The content of each generated page."""
    described = tables()
    return {
        DOCS / "data-dictionary.md": data_dictionary(described),
        DOCS / "entity-relationship.md": entity_relationship(described),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
        print(f"wrote {path.relative_to(DOCS.parent)}", file=sys.stderr)
