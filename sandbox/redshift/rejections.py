"""Statements that PostgreSQL would run and Redshift rejects.

Sources: those of `unsupported.py`, and "SQL functions supported on the leader node", "Window function syntax
summary", "Reserved words", UPDATE, MERGE.
"""

import re
from collections.abc import Collection

from sandbox.redshift.sql_text import NAME, QUALIFIED_NAME, closing, mask, split
from sandbox.redshift.unsupported import LITERALS, OTHERWISE, UNSUPPORTED


class Rejected(Exception):
    """Redshift, or the sandbox, does not run the statement; the message says why and what to do instead."""


def check(sql: str, untyped: Collection[int] = ()) -> None:
    """Raises `Rejected` for a statement that Redshift does not support.

    `untyped` are the numbers of the bind parameters whose type the client does not tell.
    """
    masked = mask(sql)
    brief = LITERALS.sub("()", masked)
    for pattern, advice in UNSUPPORTED:
        if found := pattern.search(brief):
            subject = " ".join(found[0].split())
            raise Rejected(f"Redshift does not support {subject if len(subject) < 40 else 'this'}: {advice}.")
    for pattern, reason in OTHERWISE:
        if pattern.search(brief):
            raise Rejected(reason)
    for found in re.finditer(r"\bCONCAT\s*\(", masked):
        if len(split(masked, found.end(), closing(masked, found.end() - 1))) != 2:
            raise Rejected("Redshift supports CONCAT of exactly two values only: use ||.")
    if re.match(r"\s*MERGE\b", masked):
        _check_merge(masked)
    if _UPDATE_OF_OUTER_JOIN.match(_without_queries(masked)):
        raise Rejected("Redshift does not support UPDATE … FROM with an outer join: join in a subquery.")
    _check_windows(masked)
    _check_leader_node(masked)
    _check_names(masked)
    if untyped:
        _check_select_lists(masked, untyped)


def _check_windows(masked: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_Window_function_synopsis.html"""
    if re.search(rf"\bWINDOW\s+{NAME}\s+AS\s*\(", masked):
        raise Rejected("Redshift has no WINDOW clause: write the window, with its frame, after OVER.")
    for found in _FRAMED.finditer(masked):
        over = _OVER.match(masked, closing(masked, found.end() - 1) + 1)
        window = masked[over.end() : closing(masked, over.end() - 1)] if over else ""
        if re.search(r"\bORDER\s+BY\b", window) and not re.search(r"\bROWS\b", window):
            raise Rejected(
                f"Redshift needs a frame where {found[1]} OVER has an ORDER BY: write ROWS BETWEEN … AND …."
            )


def _check_leader_node(masked: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_sql-functions-leader-node.html"""
    called = _LEADER_ONLY.search(masked)
    ours = set(re.findall(rf"\b({NAME})\s+AS\s*\(", masked))
    read = [name for name in _read(masked) if name not in ours]
    on_tables = [name for name in read if not _CATALOGUE.match(name)]
    if called and on_tables:
        raise Rejected(f"Redshift does not support {called[1]} on tables: it runs on the leader node only.")
    if on_tables and any(_ON_THE_LEADER.match(name) for name in read):
        raise Rejected(
            "Redshift does not support joining tables with its catalogue, which is on the leader node."
        )


def _read(masked: str) -> list[str]:
    """The tables that the statement reads or writes, and its common table expressions."""
    names = [found[1] for found in _WRITTEN.finditer(masked)]
    for found in re.finditer(r"\b(?:FROM|JOIN)\b", masked):
        tables = _AFTER_TABLES.split(_outermost(masked[found.end() :]), maxsplit=1)[0]
        for start, end in split(tables, 0, len(tables)):
            names += re.findall(rf"^\s*({QUALIFIED_NAME})", tables[start:end])
    return names


def _check_names(masked: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html"""
    names = [name for found in _NAMED.finditer(masked) for name in found.groups() if name]
    names += _NEVER_BARE.findall(masked)
    table = re.match(rf"\s*{_CREATE}{QUALIFIED_NAME}\s*\(", masked)
    if table:
        for start, end in split(masked, table.end(), closing(masked, table.end() - 1)):
            names += masked[start:end].split()[:1]
    for name in names:
        if name in _RESERVED:
            raise Rejected(
                f'Redshift reserves the word {name}: choose another name, or write "{name.lower()}".'
            )


def _check_select_lists(masked: str, untyped: Collection[int]) -> None:
    """https://github.com/aws/amazon-redshift-python-driver/issues/59; AWS on the types of literals and
    parameters: https://docs.aws.amazon.com/redshift/latest/dg/r_PREPARE.html"""
    for found in re.finditer(r"\bSELECT\b(?:\s+(?:DISTINCT|ALL)\b)?", masked):
        rest = _without_queries(masked[found.end() : _end(masked, found.end())])
        listed, *after = _AFTER_LIST.split(rest, maxsplit=1)
        if not after and not re.match(r"\s*(?:INSERT|CREATE)\b", masked):
            continue
        for parameter in re.findall(r"\$(\d+)", _TYPED.sub("", listed)):
            if int(parameter) in untyped:
                raise Rejected(
                    "Redshift does not know the type of a parameter in a select list (Invalid type: 705): "
                    "cast it, as in CAST(%s AS VARCHAR(32))."
                )


def _end(masked: str, start: int) -> int:
    """The position of the parenthesis that closes the pair around `start`; the end if there is none."""
    return closing("(" + masked[start:], 0) - 1 + start


def _without_queries(masked: str) -> str:
    """The text without the queries in parentheses."""
    while found := re.search(r"\(\s*(?:SELECT|WITH)\b", masked):
        masked = f"{masked[: found.start()]} {masked[closing(masked, found.start()) + 1 :]}"
    return masked


def _outermost(masked: str) -> str:
    """The text outside nested parentheses, up to the parenthesis that closes the surrounding pair."""
    pieces, depth, end = [], 0, 0
    for found in re.finditer(r"[()]", masked):
        if depth == 0:
            pieces.append(masked[end : found.start()])
        depth += 1 if found[0] == "(" else -1
        if depth < 0:
            return "".join(pieces)
        end = found.end()
    return "".join([*pieces, masked[end:] if depth == 0 else ""])


def _check_merge(masked: str) -> None:
    """Only MERGE INTO target USING source ON … WHEN MATCHED THEN … WHEN NOT MATCHED THEN INSERT … is allowed."""
    clauses = re.findall(r"\bWHEN\s+(NOT\s+)?MATCHED\s+THEN\s+(\w+)", masked)
    if re.search(rf"\bINTO\s+{QUALIFIED_NAME}\s+(?!USING\b){NAME}", masked):
        raise Rejected("Redshift does not support an alias for the target of MERGE: use the table's name.")
    if re.search(r"\bMATCHED\s+(?:AND|BY)\b", masked):
        raise Rejected(
            "Redshift does not support conditions in WHEN MATCHED: exclude the rows from the source."
        )
    if [bool(absent) for absent, _ in clauses] != [False, True] or "DO" in {do for _, do in clauses}:
        raise Rejected(
            "Redshift requires exactly WHEN MATCHED THEN UPDATE or DELETE, and WHEN NOT MATCHED THEN INSERT."
        )


_UPDATE_OF_OUTER_JOIN = re.compile(
    r"\s*(?:WITH\b[\s\S]*)?\bUPDATE\b[\s\S]*\bFROM\b[\s\S]*\b(?:LEFT|RIGHT|FULL)\s+(?:OUTER\s+)?JOIN\b"
)
_FRAMED = re.compile(
    r"\b(AVG|COUNT|MAX|MIN|SUM|STDDEV(?:_SAMP|_POP)?|VARIANCE|VAR_SAMP|VAR_POP|FIRST_VALUE|LAST_VALUE|NTH_VALUE)\s*\("
)
_OVER = re.compile(r"\s*(?:(?:IGNORE|RESPECT)\s+NULLS\s*)?OVER\s*\(")
_LEADER_ONLY = re.compile(
    r"\b(CURRENT_SCHEMA\b|(?:AGE|ISFINITE|CURRENT_SCHEMAS|HAS_\w+_PRIVILEGE|PG_GET_\w+|ASCII|GET_BIT|SET_BIT|GET_BYTE|SET_BYTE|TO_ASCII)\s*(?=\())"
)
_WRITTEN = re.compile(rf"\b(?:INTO|UPDATE)\s+({QUALIFIED_NAME})")
_AFTER_TABLES = re.compile(
    r"\b(?:WHERE|GROUP|HAVING|ORDER|LIMIT|OFFSET|UNION|EXCEPT|MINUS|INTERSECT|SET|ON|USING|WHEN|(?:INNER|CROSS|NATURAL|LEFT|RIGHT|FULL)\b[\s\S]*?JOIN|JOIN)\b"
)
_AFTER_LIST = re.compile(r"\b(?:FROM|WHERE|GROUP|HAVING|ORDER|LIMIT|UNION|EXCEPT|MINUS|INTERSECT)\b")
_TYPED = re.compile(r"\bCAST\s*\(\s*\$\d+\s+AS\b|\$\d+\s*::|(?:[=<>]|\bLIKE)\s*\$\d+")
"""Parameters whose type is given, or is that of what they are compared with."""
_ON_THE_LEADER = re.compile(r"(?:PG_|INFORMATION_SCHEMA\b)")
_CATALOGUE = re.compile(r"(?:PG_|INFORMATION_SCHEMA\b|SVV_|STV_|STL_|SVL_|SYS_)")
_CREATE = (
    r"\bCREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:LOCAL\s+)?TEMP(?:ORARY)?\s+)?(?:TABLE|VIEW|SCHEMA)\s+"
    r"(?:IF\s+NOT\s+EXISTS\s+)?"
)
_CAST_TO = r"(?:TIMESTAMP|INTERVAL)(?:\s*\(\d+\))?(?:\s+WITH(?:OUT)?\s+TIME\s+ZONE)?\s*\)"
_NAMED = re.compile(
    rf"\bAS\s+(?!{_CAST_TO})([A-Z_]\w*)\b(?!\s*[('])|{_CREATE}(?:\w+\s*\.\s*)?([A-Z_]\w*)"
    r"|\b([A-Z_]\w*)(?:\s*\([^()]*\))?\s+AS\s*\("
    r"|\bADD\s+(?:COLUMN\s+)?([A-Z_]\w*)|\bRENAME\s+(?:COLUMN\s+\S+\s+)?TO\s+([A-Z_]\w*)"
)
_RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
    AES128 AES256 ALLOWOVERWRITE AZ64 BACKUP BETWEEN BLANKSASNULL BYTEDICT BZIP2 CREDENTIALS CURRENT_USER_ID
    DEFLATE DEFRAG DELTA DELTA32K DISABLE EMPTYASNULL ENABLE ENCODE ENCRYPT ENCRYPTION EXPLICIT
    GLOBALDICT256 GLOBALDICT64K GZIP IDENTITY IGNORE INTERVAL LANGUAGE LUN LUNS LZO LZOP MINUS MOSTLY16 MOSTLY32
    MOSTLY8 NEW NULLS OFF OFFLINE OID OLD OPEN PARALLEL PARTITION PERCENT PERMISSIONS PIVOT RAW
    READRATIO RECOVER REJECTLOG RESORT RESPECT RESTORE SNAPSHOT SYSTEM TAG TDES TEXT255 TEXT32K TIMESTAMP TOP
    TRUNCATECOLUMNS UNPIVOT WALLET WITHOUT
    """,
    )
)
"""Those of Redshift's reserved words that PostgreSQL takes as names."""
_NEVER_BARE = re.compile(
    r"(?<![\w.])(?:"
    r"ALLOWOVERWRITE|BLANKSASNULL|DEFRAG|EMPTYASNULL|EXPLICIT|LUNS?|OFFLINE|OPEN|PERMISSIONS|READRATIO|RECOVER"
    r"|REJECTLOG|RESORT|RESTORE|SNAPSHOT|TAG|TRUNCATECOLUMNS|WALLET)(?!\w)"
)
"""Those that no statement here has as a keyword: wherever they stand, they are meant as names."""
