"""What Redshift does not support, as patterns: syntax, definitions, types and functions, with the advice for each.

Sources: the Redshift Database Developer Guide, "Unsupported PostgreSQL features", "Unsupported PostgreSQL
data types", "Unsupported PostgreSQL functions".
"""

import re

from sandbox.redshift.sql_text import QUALIFIED_NAME

TYPES = (
    "JSONB?|UUID|BYTEA|MONEY|XML|HSTORE|TSVECTOR|INET|CIDR|MACADDR|BIT|[A-Z0-9]+RANGE"
    "|(?:SMALL|BIG)?SERIAL[248]?"
)
"""Types that Redshift does not have, as a pattern."""


LITERALS = re.compile(r"\((?:'x*'|[\d.,\s-]|NULL)*\)")
"""The rows of a long INSERT: only literals, so there is nothing to find in them."""


def _calls(*functions: str) -> str:
    return rf"\b(?:{'|'.join(functions)})\s*\("


UNSUPPORTED = [
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


OTHERWISE = [
    (re.compile(pattern), reason)
    for pattern, reason in {
        r"^\s*TRUNCATE\b": (
            "Redshift commits the transaction at TRUNCATE, which this sandbox does not emulate: use DELETE."
        ),
        r"^(?=[\s\S]*\b(?:FROM|INTO|UPDATE|TABLE|VIEW)\b)[\s\S]*"
        r"(?:\bNOW\s*\(|\b(?:CURRENT_TIMESTAMP|LOCALTIME(?:STAMP)?|CURRENT_TIME)\b)": (
            "Redshift does not support NOW() and CURRENT_TIMESTAMP with tables: use GETDATE() or SYSDATE."
        ),
        r"\b(?:LIMIT|OFFSET)\s+\$\d|\bGROUP\s+BY\b[^()]*\$\d": (
            "Redshift does not support a parameter in LIMIT, OFFSET or GROUP BY: write the value."
        ),
        r"^\s*UNLOAD\b|\bQUALIFY\b|\bREMOVE\s+DUPLICATES\b|\bCREATE\s+EXTERNAL\b|\bAPPEND\s+FROM\b": (
            "Redshift has UNLOAD, QUALIFY, REMOVE DUPLICATES, external tables and ALTER TABLE APPEND, "
            "but this sandbox does not emulate them: use another form, or test it on Redshift."
        ),
    }.items()
]
