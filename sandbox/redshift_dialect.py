"""What Redshift's SQL has and PostgreSQL's has not, and the other way round: pure functions over the text of a statement.

`translate` gives the PostgreSQL statement that does what Redshift would do, and raises `Refused` for what
Redshift does not support. Strings, quoted names and comments are never looked into: every pattern is matched
against a mask of the statement, which is as long as the statement, in upper case, and has them blanked out.

Sources: the Redshift Database Developer Guide, "Unsupported PostgreSQL features", "… data types" and
"… functions", CREATE TABLE, CREATE TABLE AS, MERGE and "SQL functions supported on the leader node".
"""

import re
from collections.abc import Callable

NAME = r'(?:"x*"|[^\W\d][\w$]*)'
QUALIFIED_NAME = rf"{NAME}(?:\s*\.\s*{NAME})*"
_OPAQUE = re.compile(
    r"""--[^\n]*|/\*.*?\*/|E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<tag>\$(?:[A-Z_]\w*)?\$).*?(?P=tag)""",
    re.DOTALL,
)
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


class Refused(Exception):
    """Redshift would not run the statement; the text says why and what to do instead."""


def mask(sql: str) -> str:
    """`sql` in upper case, comments as blanks, the content of strings and quoted names as lower-case x."""

    def blank(found: re.Match[str]) -> str:
        text = found[0]
        if text[0] in "-/":
            return re.sub(r"[^\n]", " ", text)
        return text[0] + "x" * (len(text) - 2) + text[-1]

    return _OPAQUE.sub(blank, sql.translate(_UPPER))


def statements(sql: str) -> list[str]:
    """The statements that semicolons separate; at least one, possibly empty."""
    ends = [found.start() for found in re.finditer(";", mask(sql))]
    parts = [
        sql[start:end] for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(sql)], strict=True)
    ]
    return [part for part in parts if mask(part).strip()] or [sql.replace(";", " ")]


def parameters(sql: str) -> int:
    """How many bind parameters (`$1`, …) the statement takes."""
    return max((int(number) for number in re.findall(r"\$(\d+)", mask(sql))), default=0)


def translate(sql: str) -> str:
    """The PostgreSQL statement for one Redshift statement. Raises `Refused`."""
    masked = mask(sql)
    if "SVV_EXTERNAL_" in masked and "PG_CATALOG.PG_CLASS" in masked:
        return _catalogue_query(sql)
    for pattern, reason in _REFUSED:
        if found := pattern.search(masked):
            subject = " ".join(sql[found.start() : found.end()].split())
            raise Refused(reason.format(subject=subject.upper() if len(subject) < 40 else subject[:40]))
    if re.match(r"\s*MERGE\b", masked):
        _check_merge(masked)
    for rewrite in (_create_table, _alter_table, *_REWRITES):
        sql = rewrite(sql, mask(sql))
    return sql


# What is refused

_DML = r"\b(?:FROM|INSERT|UPDATE|DELETE|MERGE|CREATE)\b"
_TYPES = (
    "JSONB?|UUID|BYTEA|MONEY|XML|HSTORE|TSVECTOR|INET|CIDR|MACADDR|BIT|(?:SMALL|BIG)?SERIAL[248]?|\\w+RANGE"
)
_UNSUPPORTED = "Redshift does not support {subject}"
_REFUSED = [
    (re.compile(pattern), reason if reason.startswith("Redshift") else f"{_UNSUPPORTED}: {reason}.")
    for pattern, reason in {
        r"\bON\s+CONFLICT\b": "use MERGE, or DELETE and INSERT in one transaction",
        r"\bRETURNING\b": "select the rows before or after",
        r"^\s*TRUNCATE\b": "Redshift commits the transaction at TRUNCATE, which the sandbox cannot: use DELETE.",
        r"\b(?:ROLLBACK\s+TO|SAVEPOINT|RELEASE)\b": "a transaction commits or rolls back as a whole",
        r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b": "use LOCK",
        r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\b": "choose a SORTKEY",
        r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:TRIGGER|SEQUENCE|TYPE|DOMAIN|EXTENSION|RULE|AGGREGATE|EVENT|SERVER)\b": (
            "the object does not exist there"
        ),
        r"\bCREATE\s+UNLOGGED\b": "use a TEMP table",
        r"\bCREATE\s+(?:\w+\s+)?TABLE\s+IF\s+NOT\s+EXISTS\s+" + QUALIFIED_NAME + r"\s+AS\b": (
            "drop the table first, or create it with its columns and INSERT"
        ),
        rf"(?:::\s*|\bAS\s+)(?:{_TYPES})\b(?=\s*(?:\)|$))|::\s*(?:{_TYPES})\b": "use VARCHAR or SUPER",
        r"\w\s*\[\s*\d*\s*\]|\bARRAY\s*\[": "there are no arrays; use SUPER or a table",
        r"\bDISTINCT\s+ON\b": "use ROW_NUMBER() in a subquery",
        r"\bIS\s+(?:NOT\s+)?DISTINCT\s+FROM\b": "compare, and treat null apart",
        r"\bLATERAL\b": "use a join or a window function",
        r"\bFILTER\s*\(\s*WHERE\b": "use an aggregate over CASE",
        r"\bGENERATED\s+ALWAYS\s+AS\s*\(": "compute the column in the statement that fills the table",
        r"\bGENERATE_SERIES\s*\(": "use a recursive CTE or a table of numbers",
        r"(?:\bFROM|\bJOIN|,)\s*\(\s*VALUES\b|\bAS\s*\(\s*VALUES\b": "write SELECT … UNION ALL SELECT …",
        r"\bCHECK\s*\(": "let an audit query check the rows",
        r"\b(?:INHERITS|PARTITION\s+OF|EXCLUDE\s+USING)\b|\)\s*PARTITION\s+BY\s+(?:RANGE|LIST|HASH)\b": (
            "choose DISTKEY and SORTKEY"
        ),
        r"\bTABLESPACE\b|\bON\s+COMMIT\s+(?:DROP|DELETE|PRESERVE)\b|\bCONCURRENTLY\b": "leave it out",
        r"\b(?:STRING_AGG|ARRAY_AGG)\s*\(": "use LISTAGG",
        r"\b(?:JSON_AGG|JSONB_AGG|JSON_BUILD_OBJECT|JSONB_BUILD_OBJECT|TO_JSONB?|ROW_TO_JSON|UNNEST)\s*\(": "use SUPER",
        r"\bEVERY\s*\(|\b(?:CORR|COVAR_POP|COVAR_SAMP|REGR_\w+|MODE|WIDTH_BUCKET|SETSEED|DIV)\s*\(": "there is no such function",
        r"\b(?:CONCAT_WS|FORMAT|OVERLAY|BIT_LENGTH|QUOTE_NULLABLE|STRING_TO_ARRAY)\s*\(": "use || or REPLACE",
        r"\bREGEXP_(?:MATCH|MATCHES|SPLIT_TO_ARRAY|SPLIT_TO_TABLE)\s*\(": "use REGEXP_SUBSTR",
        r"\b(?:GEN_RANDOM_UUID|CLOCK_TIMESTAMP|TRANSACTION_TIMESTAMP|PG_SLEEP|MAKE_DATE|JUSTIFY_\w+|AGE)\s*\(": (
            "there is no such function on a table's rows"
        ),
        _DML + r"[\s\S]*(?:\bNOW\s*\(|\b(?:CURRENT_TIMESTAMP|LOCALTIMESTAMP|CURRENT_TIME)\b)": (
            "Redshift runs NOW() and CURRENT_TIMESTAMP on the leader node only, not over a table: use GETDATE() or SYSDATE."
        ),
        r"^\s*UNLOAD\b|\bQUALIFY\b|\bREMOVE\s+DUPLICATES\b|\bCREATE\s+EXTERNAL\b|\bAPPEND\s+FROM\b|\bSUPER\b(?=\s*[,)])": (
            "Redshift can do {subject}, but this sandbox does not emulate it: use another form, or test it on Redshift."
        ),
    }.items()
]


def _check_merge(masked: str) -> None:
    """MERGE INTO target USING source [alias] ON … WHEN MATCHED THEN … WHEN NOT MATCHED THEN INSERT …, and no more."""
    clauses = re.findall(r"\bWHEN\s+(NOT\s+)?MATCHED\s+([\w\s]*?)\bTHEN\s+(\w+)", masked)
    if re.search(rf"\bINTO\s+{QUALIFIED_NAME}\s+(?!USING\b){NAME}", masked):
        raise Refused(
            "Redshift does not support an alias for the target of MERGE: write out the table's name."
        )
    if re.search(r"\bUSING\s*\(", masked):
        raise Refused(
            "Redshift does not support MERGE from a subquery: stage the rows in a (temporary) table."
        )
    if any(condition.strip() for _, condition, _ in clauses):
        raise Refused(
            "Redshift does not support conditions in WHEN MATCHED: leave the rows out of the source."
        )
    if [bool(absent) for absent, _, _ in clauses] != [False, True] or any(do == "DO" for _, _, do in clauses):
        raise Refused(
            "Redshift needs exactly WHEN MATCHED THEN UPDATE or DELETE, and WHEN NOT MATCHED THEN INSERT."
        )


# What is written differently

_TABLE_ATTRIBUTE = re.compile(
    rf"\s*(?:BACKUP\s+(?:YES|NO)|DISTSTYLE\s+(?:AUTO|EVEN|KEY|ALL)|DISTKEY\s*\(\s*(?P<distkey>{NAME})\s*\)"
    rf"|(?:COMPOUND\s+|INTERLEAVED\s+)?SORTKEY\s*\((?P<sortkey>[^()]*)\)|SORTKEY\s+AUTO|ENCODE\s+AUTO)(?!\w)"
)
_ENCODINGS = (
    "AUTO|RAW|AZ64|BYTEDICT|DELTA|DELTA32K|LZO|MOSTLY8|MOSTLY16|MOSTLY32|RUNLENGTH|TEXT255|TEXT32K|ZSTD"
)
_COLUMN_ATTRIBUTES = (
    (re.compile(rf"\bENCODE\s+(?:{_ENCODINGS})\b|\b(?:DISTKEY|SORTKEY|UNIQUE)\b"), ""),
    (re.compile(rf"\bREFERENCES\s+{QUALIFIED_NAME}(?:\s*\([^()]*\))?"), ""),
    (re.compile(r"\bPRIMARY\s+KEY\b"), "not null"),
    (
        re.compile(r"(?:\bGENERATED\s+BY\s+DEFAULT\s+AS\s+)?\bIDENTITY\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)"),
        r"generated by default as identity (start with \1 increment by \2)",
    ),
)
_TEXT_TYPE = re.compile(
    r"(?P<type>CHARACTER\s+VARYING|CHARACTER|NVARCHAR|VARCHAR|NCHAR|BPCHAR|CHAR|TEXT)\b(?:\s*\(\s*(?P<length>\d+|MAX)\s*\))?"
)


def _create_table(sql: str, masked: str) -> str:
    """Physical attributes go; keys are information only, but a primary key's columns are not null; text counts bytes."""
    start = re.match(
        rf"\s*CREATE\s+(?:LOCAL\s+)?(?:TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{QUALIFIED_NAME}\s*",
        masked,
    )
    if start is None:
        return sql
    head, position, columns, elements = sql[: start.end()], start.end(), "", []
    if masked[position : position + 1] == "(":
        end = closing(masked, position)
        elements = split(masked, position + 1, end)
        position = end + 1
    names, keys = {_plain(sql[a:b].split()[0]) for a, b in elements if sql[a:b].split()}, []
    while attribute := _TABLE_ATTRIBUTE.match(masked, position):
        for group in ("distkey", "sortkey"):
            keys += [
                _plain(key)
                for key in (sql[slice(*attribute.span(group))] if attribute[group] else "").split(",")
            ]
        position = attribute.end()
    if missing := [key for key in keys if key and elements and key not in names]:
        raise Refused(f'column "{missing[0]}" named in DISTKEY or SORTKEY does not exist')
    if elements and re.match(r"\s*AS\b", masked[position:]):
        columns = f"({', '.join(sql[a:b] for a, b in elements)})"
    elif elements:
        columns = f"({', '.join(kept for a, b in elements if (kept := _element(sql[a:b])))})"
    return f"{head}{columns}{sql[position:]}"


def _element(sql: str) -> str:
    """One column or constraint of CREATE TABLE."""
    masked = mask(sql)
    if key := re.match(rf"\s*(?:CONSTRAINT\s+{NAME}\s+)?PRIMARY\s+KEY\s*\(([^()]*)\)", masked):
        return ", ".join(f"not null {name.strip()}" for name in sql[slice(*key.span(1))].split(","))
    if re.match(rf"\s*(?:CONSTRAINT\s+{NAME}\s+)?(?:UNIQUE|FOREIGN\s+KEY)\s*\(", masked):
        return ""
    if re.match(r"\s*LIKE\s", masked):
        return f"{sql} including constraints"
    return _column(sql)


def _column(sql: str) -> str:
    """One column: its type as Redshift understands it, its attributes gone."""
    masked = mask(sql)
    name = re.match(rf"\s*{NAME}\s+", masked)
    if name is None:
        return sql
    if unsupported := re.match(rf"(?:{_TYPES})\b", masked[name.end() :]):
        raise Refused(
            f"Redshift does not support the type {unsupported[0]}: use VARCHAR, SUPER or IDENTITY(1, 1)."
        )
    definition, check = sql[name.end() :], ""
    if text := _TEXT_TYPE.match(masked, name.end()):
        varying = "VAR" in text["type"] or text["type"] == "TEXT"
        default = 256 if varying or text["type"] == "BPCHAR" else 1
        length = 65_535 if text["length"] == "MAX" else int(text["length"] or default)
        if length > (65_535 if varying else 4_096):
            raise Refused(
                f"Redshift does not support {text[0]}: VARCHAR holds up to 65535 bytes, CHAR up to 4096."
            )
        definition = f"{'varchar' if varying else 'char'}({length}){sql[text.end() :]}"
        plain = _plain(sql[: name.end()])
        # Redshift counts bytes, PostgreSQL characters.
        check = f' constraint "{plain} exceeds {length} bytes" check (octet_length({sql[: name.end()].strip()}) <= {length})'
    for pattern, replacement in _COLUMN_ATTRIBUTES:
        definition = _substitute(definition, mask(definition), pattern, replacement)
    return f"{sql[: name.end()]}{definition}{check}"


def _alter_table(sql: str, masked: str) -> str:
    start = re.match(rf"\s*ALTER\s+TABLE\s+{QUALIFIED_NAME}\s+(?P<action>\w+)\s+", masked)
    if start is None:
        return sql
    rest = masked[start.end() :]
    if start["action"] == "ADD" and re.match(
        rf"(?:CONSTRAINT\s+{NAME}\s+)?(?:PRIMARY\s+KEY|UNIQUE|FOREIGN\s+KEY)\b", rest
    ):
        return "select 'keys are information only' where false"
    if start["action"] == "ALTER" and re.match(
        r"(?:DISTSTYLE|DISTKEY|(?:COMPOUND\s+)?SORTKEY|ENCODE)\b|(?:COLUMN\s+)?\S+\s+ENCODE\b", rest
    ):
        return "select 'the sandbox has one node' where false"
    if start["action"] == "ADD":
        if len(split(masked, start.end(), len(masked))) > 1:
            raise Refused(
                "Redshift does not support adding several columns in one ALTER TABLE: add one at a time."
            )
        skip = start.end() + (found.end() if (found := re.match(r"COLUMN\s+", rest)) else 0)
        return f"{sql[:skip]}{_column(sql[skip:])}"
    return sql


def _catalogue_query(sql: str) -> str:
    """The reflection of sqlalchemy-redshift: Redshift lets WHERE see the aliases of SELECT, and has columns of its own.

    What it unites with external tables and late-binding views is left out: the sandbox has none.
    """
    first = re.split(r"\sUNION\s", sql, maxsplit=1, flags=re.IGNORECASE)[0]
    conditions = re.findall(r"\sAND (?:schema|table_name|relname) = '(?:[^']|'')*'", first)
    for condition in conditions:
        first = first.replace(condition, "")
    for there, here in {
        "att.attencodingtype::integer": "0",
        "format_encoding(0)": "'none'::varchar",
        "att.attisdistkey": "false",
        "att.attsortkeyord": "0",
        "adsrc,": "null as adsrc,",
        "c.reldiststyle": "0",
        "pg_catalog.format_type(att.atttypid, att.atttypmod),": "format_type(att.atttypid, att.atttypmod) as format_type,",
    }.items():
        first = first.replace(there, here)
    order = (
        'order by "schema", "table_name", "attnum"' if "attnum" in first else 'order by "relkind", "schema"'
    )
    return f"select * from ({first}) as reflected where true{''.join(conditions)} {order}"


def _aggregate(name: str, form: Callable[[list[str], str], str]) -> Callable[[str, str], str]:
    """Rewrites `name(arguments) [within group (order by …)]`, innermost last."""
    call = re.compile(rf"\b{name}\s*\(")
    within = re.compile(r"\s*WITHIN\s+GROUP\s*(?P<opening>\()\s*(?=ORDER\s+BY\b)")

    def rewrite(sql: str, masked: str) -> str:
        for found in reversed(list(call.finditer(masked))):
            end = closing(masked, found.end() - 1)
            arguments = [sql[a:b].strip() for a, b in split(masked, found.end(), end)]
            end, order = end + 1, ""
            if group := within.match(masked, end):
                close = closing(masked, group.start("opening"))
                order, end = sql[group.end() : close], close + 1
            sql = sql[: found.start()] + form(arguments, order) + sql[end:]
            masked = mask(sql)
        return sql

    return rewrite


def _substitution(pattern: str, replacement: str) -> Callable[[str, str], str]:
    compiled = re.compile(pattern)
    return lambda sql, masked: _substitute(sql, masked, compiled, replacement)


_REWRITES: list[Callable[[str, str], str]] = [
    _substitution(r"\b(?:PG_CATALOG\s*\.\s*)?VERSION\s*\(\s*\)", "pg_catalog.redshift_version()"),
    _substitution(r"\bSYSDATE\b", "pg_catalog.sysdate()"),
    _substitution(r"\bNVL\s*\(", "coalesce("),
    _substitution(r"\bTRUNC\s*\(\s*(?=SYSDATE|GETDATE)", "pg_catalog.trunc("),
    _substitution(r"\b(DATEADD|DATEDIFF|DATE_DIFF|DATE_PART|DATEPART)\s*\(\s*([A-Z]+)\s*,", r"\1('\2',"),
    _substitution(r"\s+WITH\s+NO\s+SCHEMA\s+BINDING\b", ""),
    # Text without a length has 256 bytes; a cast cuts what is longer.
    _substitution(r"(::\s*|\bAS\s+)(?:VARCHAR|CHARACTER\s+VARYING)\b(?!\s*[(\w])", r"\1varchar(256)"),
    _substitution(r"::\s*TEXT\b", "::varchar(256)"),
    _substitution(r"\bVARCHAR\s*\(\s*MAX\s*\)", "varchar(65535)"),
    _substitution(
        r"^(\s*SET\s+(?:SESSION\s+|LOCAL\s+)?)(QUERY_GROUP|ENABLE_RESULT_CACHE_FOR_SESSION|WLM_QUERY_SLOT_COUNT)\b",
        r"\1redshift.\2",
    ),
    _aggregate("LISTAGG", lambda a, order: f"string_agg({a[0]}, {a[1] if len(a) > 1 else repr('')} {order})"),
    _aggregate("MEDIAN", lambda a, _: f"percentile_cont(0.5) within group (order by {a[0]})"),
]


def _substitute(sql: str, masked: str, pattern: re.Pattern[str], replacement: str) -> str:
    """`re.sub` where the mask matches; `\\1` in the replacement is the group's original text."""
    pieces, end = [], 0
    for found in pattern.finditer(masked):
        text = re.sub(
            r"\\(\d)", lambda group, found=found: sql[slice(*found.span(int(group[1])))], replacement
        )
        pieces += [sql[end : found.start()], text]
        end = found.end()
    return "".join([*pieces, sql[end:]])


def closing(masked: str, opening: int) -> int:
    """Where the parenthesis that opens at `opening` closes; the end when it does not."""
    depth = 0
    for found in re.finditer(r"[()]", masked[opening:]):
        depth += 1 if found[0] == "(" else -1
        if depth == 0:
            return opening + found.start()
    return len(masked)


def split(masked: str, start: int, end: int) -> list[tuple[int, int]]:
    """The ranges between the commas of `masked[start:end]` that are in no parentheses of their own."""
    ranges, depth, begin = [], 0, start
    for found in re.finditer(r"[(),]", masked[start:end]):
        depth += {"(": 1, ")": -1, ",": 0}[found[0]]
        if found[0] == "," and depth == 0:
            ranges.append((begin, start + found.start()))
            begin = start + found.end()
    return [*ranges, (begin, end)]


def _plain(name: str) -> str:
    name = name.strip()
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
