"""Translates Redshift's SQL into PostgreSQL's, as functions on the text of a statement.

Sources: the Redshift Database Developer Guide, "Date and time functions", LISTAGG.
"""

import re
from collections.abc import Callable, Collection

from sandbox.redshift.rejections import check
from sandbox.redshift.sql_text import closing, mask, split, substitute
from sandbox.redshift.table_definitions import alter_table, create_table


def translate(sql: str, untyped: Collection[int] = ()) -> str:
    """The PostgreSQL statement that does what Redshift would. Raises `Rejected` if Redshift rejects it.

    `untyped` are the numbers of the bind parameters whose type the client does not tell.
    """
    masked = mask(sql)
    if "SVV_EXTERNAL_" in masked and "PG_CATALOG.PG_CLASS" in masked:
        return _catalogue_query(sql)
    check(sql, untyped)
    for rewrite in (create_table, alter_table, *_REWRITES):
        sql = rewrite(sql)
    return sql


def _catalogue_query(sql: str) -> str:
    """Translates sqlalchemy-redshift's reflection query, which uses columns that only Redshift's catalogue has,
    and refers to aliases in WHERE.

    The parts about external tables and late-binding views are dropped: the sandbox has none.
    """
    first = re.split(r"\sUNION\s", sql, maxsplit=1, flags=re.IGNORECASE)[0]
    formatted = "format_type(att.atttypid, att.atttypmod)"
    conditions = re.findall(r"\sAND (?:schema|table_name|relname) = '(?:[^']|'')*'", first)
    for condition in conditions:
        first = first.replace(condition, "")
    for redshift, postgres in {
        "att.attencodingtype::integer": "0",
        "format_encoding(0)": "'none'::varchar",
        "att.attisdistkey": "false",
        "att.attsortkeyord": "0",
        "adsrc,": "null as adsrc,",
        "c.reldiststyle": "0",
        f"pg_catalog.{formatted},": f"{formatted} as format_type,",
    }.items():
        first = first.replace(redshift, postgres)
    order = '"schema", "table_name", "attnum"' if "attnum" in first else '"relkind", "schema"'
    return f"select * from ({first}) as reflected where true{''.join(conditions)} order by {order}"


def _call(name: str, form: Callable[[list[str], str], str]) -> Callable[[str], str]:
    """Rewrites the calls `name(arguments) [within group (order by …)]` of a statement, last call first."""
    call = re.compile(rf"\b{name}\s*\(")
    within = re.compile(r"\s*WITHIN\s+GROUP\s*(?P<opening>\()\s*(?=ORDER\s+BY\b)")
    over = re.compile(r"\s*OVER\s*(?P<opening>\()")

    def rewrite(sql: str) -> str:
        masked = mask(sql)
        for found in reversed(list(call.finditer(masked))):
            end = closing(masked, found.end() - 1)
            arguments = [sql[a:b].strip() for a, b in split(masked, found.end(), end)]
            end, order = end + 1, ""
            if group := within.match(masked, end):
                close = closing(masked, group.start("opening"))
                order, end = sql[group.end() : close], close + 1
            written = form(arguments, order)
            if name == "LISTAGG":
                window = over.match(masked, end)
                after = closing(masked, window.start("opening")) + 1 if window else end
                written, end = f"pg_catalog.redshift_listed({written}{sql[end:after]})", after
            sql = sql[: found.start()] + written + sql[end:]
            masked = mask(sql)
        return sql

    return rewrite


def _substitution(pattern: str, replacement: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)
    return lambda sql: substitute(sql, compiled, replacement)


_REWRITES: list[Callable[[str], str]] = [
    _substitution(r"\b(?:PG_CATALOG\s*\.\s*)?VERSION\s*\(\s*\)", "pg_catalog.redshift_version()"),
    _substitution(r"\bSYSDATE\b", "pg_catalog.sysdate()"),
    _substitution(r"\bNVL\s*\(", "coalesce("),
    _substitution(r"\bTRUNC\s*\(\s*(?=SYSDATE|GETDATE)", "pg_catalog.trunc("),
    _substitution(r"\b(DATEADD|DATEDIFF|DATE_DIFF|DATE_PART|DATEPART)\s*\(\s*([A-Z]+)\s*,", r"\1('\2',"),
    _substitution(r"\s+WITH\s+NO\s+SCHEMA\s+BINDING\b", ""),
    # In GRANT and REVOKE, Redshift writes ROLE before a role's name; PostgreSQL would take it for the name.
    _substitution(r"^(\s*(?:GRANT|REVOKE|ALTER\s+DEFAULT)\b[\s\S]*\b(?:TO|FROM)\s+)ROLE\s+", r"\1"),
    _substitution(r"^(\s*(?:GRANT|REVOKE)\s+)ROLE\s+(?!TO\b|FROM\b)", r"\1"),
    # Text without a declared length is 256 bytes; a cast truncates longer values.
    _substitution(r"(::\s*|\bAS\s+)(?:VARCHAR|CHARACTER\s+VARYING)\b(?!\s*[(\w])", r"\1varchar(256)"),
    _substitution(r"::\s*TEXT\b", "::varchar(256)"),
    _substitution(r"\bVARCHAR\s*\(\s*MAX\s*\)", "varchar(65535)"),
    _substitution(
        r"^(\s*SET\s+(?:LOCAL\s+)?)(QUERY_GROUP|ENABLE_RESULT_CACHE_FOR_SESSION|WLM_QUERY_SLOT_COUNT)\b",
        r"\1redshift.\2",
    ),
    _call("NVL2", lambda given, _: "case when {} is not null then {} else {} end".format(*given)),
    _call("LISTAGG", lambda given, order: f"string_agg({', '.join([*given, chr(39) * 2][:2])} {order})"),
    _call("MEDIAN", lambda given, _: f"percentile_cont(0.5) within group (order by {given[0]})"),
]
