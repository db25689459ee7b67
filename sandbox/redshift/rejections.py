"""Statements that PostgreSQL would run and Redshift rejects.

Sources: the Redshift Database Developer Guide, "Unsupported PostgreSQL features", "Unsupported PostgreSQL
data types", "Unsupported PostgreSQL functions", "SQL functions supported on the leader node", MERGE.
"""

import re

from sandbox.redshift.sql_text import NAME, QUALIFIED_NAME, closing, mask, split

TYPES = (
    "JSONB?|UUID|BYTEA|MONEY|XML|HSTORE|TSVECTOR|INET|CIDR|MACADDR|BIT|[A-Z0-9]+RANGE"
    "|(?:SMALL|BIG)?SERIAL[248]?"
)
"""Types that Redshift does not have, as a pattern."""


class Rejected(Exception):
    """Redshift, or the sandbox, does not run the statement; the message says why and what to do instead."""


def check(sql: str) -> None:
    """Raises `Rejected` for a statement that Redshift does not support."""
    masked = mask(sql)
    brief = _LITERALS.sub("()", masked)
    for pattern, advice in _UNSUPPORTED:
        if found := pattern.search(brief):
            subject = " ".join(found[0].split())
            raise Rejected(f"Redshift does not support {subject if len(subject) < 40 else 'this'}: {advice}.")
    for pattern, reason in _OTHERWISE:
        if pattern.search(brief):
            raise Rejected(reason)
    for found in re.finditer(r"\bCONCAT\s*\(", masked):
        if len(split(masked, found.end(), closing(masked, found.end() - 1))) != 2:
            raise Rejected("Redshift supports CONCAT of exactly two values only: use ||.")
    if re.match(r"\s*MERGE\b", masked):
        _check_merge(masked)


def _check_merge(masked: str) -> None:
    """Only MERGE INTO target USING source ON … WHEN MATCHED THEN … WHEN NOT MATCHED THEN INSERT … is allowed."""
    clauses = re.findall(r"\bWHEN\s+(NOT\s+)?MATCHED\s+THEN\s+(\w+)", masked)
    if re.search(rf"\bINTO\s+{QUALIFIED_NAME}\s+(?!USING\b){NAME}", masked):
        raise Rejected("Redshift does not support an alias for the target of MERGE: use the table's name.")
    if re.search(r"\bUSING\s*\(", masked):
        raise Rejected(
            "Redshift does not support MERGE from a subquery: stage the rows in a (temporary) table."
        )
    if re.search(r"\bMATCHED\s+(?:AND|BY)\b", masked):
        raise Rejected(
            "Redshift does not support conditions in WHEN MATCHED: exclude the rows from the source."
        )
    if [bool(absent) for absent, _ in clauses] != [False, True] or "DO" in {do for _, do in clauses}:
        raise Rejected(
            "Redshift requires exactly WHEN MATCHED THEN UPDATE or DELETE, and WHEN NOT MATCHED THEN INSERT."
        )


_LITERALS = re.compile(r"\((?:'x*'|[\d.,\s-]|NULL)*\)")
"""The rows of a long INSERT: only literals, so there is nothing to find in them."""


def _calls(*functions: str) -> str:
    return rf"\b(?:{'|'.join(functions)})\s*\("


_UNSUPPORTED = [
    (re.compile(pattern), advice)
    for pattern, advice in {
        # Statements
        r"\bON\s+CONFLICT\b": "use MERGE, or DELETE and INSERT in one transaction",
        r"\bRETURNING\b": "select the rows before or afterwards",
        r"\b(?:ROLLBACK\s+TO|SAVEPOINT|RELEASE)\b": "a transaction commits or rolls back as a whole",
        r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b": "use LOCK",
        r"\bDISTINCT\s+ON\b": "use ROW_NUMBER() in a subquery",
        r"\bIS\s+(?:NOT\s+)?DISTINCT\s+FROM\b": "compare with = and handle nulls separately",
        r"\bLATERAL\b": "use a join or a window function",
        r"\bFILTER\s*\(\s*WHERE\b": "use an aggregate over CASE",
        r"(?:\bFROM|\bJOIN|\bAS|,)\s*\(\s*VALUES\b": "write SELECT … UNION ALL SELECT …",
        r"^\s*WITH\b[\s\S]*\)\s*INSERT\s+INTO\b": "write INSERT INTO … WITH … SELECT",
        # Definitions
        r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\b": "choose a SORTKEY",
        r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:TRIGGER|SEQUENCE|TYPE|DOMAIN|EXTENSION|RULE)\b": "do without",
        r"\bCREATE\s+UNLOGGED\b": "use a TEMP table",
        rf"\bTABLE\s+IF\s+NOT\s+EXISTS\s+{QUALIFIED_NAME}\s+AS\b": "drop it first, or create it and INSERT",
        r"\bGENERATED\s+ALWAYS\s+AS\s*\(": "compute the column in the statement that fills the table",
        r"\bCHECK\s*\(": "check the rows with a query",
        r"\b(?:INHERITS|PARTITION\s+OF|EXCLUDE\s+USING)\b": "leave it out",
        r"\)\s*PARTITION\s+BY\s+(?:RANGE|LIST|HASH)\b": "choose DISTKEY and SORTKEY",
        r"\bTABLESPACE\b|\bON\s+COMMIT\s+(?:DROP|DELETE|PRESERVE)\b|\bCONCURRENTLY\b": "leave it out",
        # Types
        rf"(?:::\s*|\bAS\s+)(?:{TYPES})\s*(?=\)|$)|::\s*(?:{TYPES})\b": "use VARCHAR or SUPER",
        r"\w\s*\[\s*\d*\s*\]|\bARRAY\s*\[": "there are no arrays; use SUPER or a table",
        # Functions
        _calls("STRING_AGG", "ARRAY_AGG"): "use LISTAGG",
        _calls("GENERATE_SERIES", "GENERATE_SUBSCRIPTS"): "use a recursive CTE or a table of numbers",
        _calls("JSONB?_AGG", "JSONB?_BUILD_OBJECT", "TO_JSONB?", "ROW_TO_JSON", "UNNEST"): "use SUPER",
        _calls("EVERY", "CORR", r"COVAR_\w+", r"REGR_\w+", "WIDTH_BUCKET", "SETSEED", "DIV"): "do without",
        _calls("CONCAT_WS", "FORMAT", "OVERLAY", "BIT_LENGTH", "QUOTE_NULLABLE"): "use || or REPLACE",
        _calls("REGEXP_MATCH", "REGEXP_MATCHES", r"REGEXP_SPLIT_TO_\w+"): "use REGEXP_SUBSTR or SPLIT_PART",
        _calls(
            "CLOCK_TIMESTAMP", "TRANSACTION_TIMESTAMP", "PG_SLEEP", r"JUSTIFY_\w+"
        ): "use GETDATE() or SYSDATE",
        _calls("GEN_RANDOM_UUID", "MAKE_DATE", "MAKE_TIMESTAMP"): "do without",
    }.items()
]

_OTHERWISE = [
    (re.compile(pattern), reason)
    for pattern, reason in {
        r"^\s*TRUNCATE\b": (
            "Redshift commits the transaction at TRUNCATE, which this sandbox does not emulate: use DELETE."
        ),
        r"^(?=[\s\S]*\b(?:FROM|INTO|UPDATE|TABLE|VIEW)\b)[\s\S]*"
        r"(?:\bNOW\s*\(|\b(?:CURRENT_TIMESTAMP|LOCALTIMESTAMP|CURRENT_TIME)\b)": (
            "Redshift does not support NOW() and CURRENT_TIMESTAMP with tables: use GETDATE() or SYSDATE."
        ),
        r"^\s*UNLOAD\b|\bQUALIFY\b|\bREMOVE\s+DUPLICATES\b|\bCREATE\s+EXTERNAL\b|\bAPPEND\s+FROM\b": (
            "Redshift has UNLOAD, QUALIFY, REMOVE DUPLICATES, external tables and ALTER TABLE APPEND, "
            "but this sandbox does not emulate them: use another form, or test it on Redshift."
        ),
    }.items()
]
