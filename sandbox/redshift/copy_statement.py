"""The statement COPY … FROM 's3://…' … FORMAT AS PARQUET.

Source: the Database Developer Guide, COPY and "COPY from columnar data formats".
"""

import re
from dataclasses import dataclass

from sandbox.redshift.rejections import Rejected
from sandbox.redshift.sql_text import NAME, QUALIFIED_NAME, mask, plain

_COPY = re.compile(
    rf"\s*COPY\s+(?P<table>{QUALIFIED_NAME})\s*(?:\(\s*(?P<columns>{NAME}(?:\s*,\s*{NAME})*)\s*\)\s*)?"
    r"FROM\s+(?P<url>'x*')\s*(?P<options>[\s\S]*)"
)
_OPTION = re.compile(
    r"(?P<role>(?:WITH\s+)?(?:IAM_ROLE|CREDENTIALS)(?:\s+AS)?\s+(?:'x*'|DEFAULT))"
    r"|(?P<format>(?:FORMAT\s+)?(?:AS\s+)?PARQUET)|(?P<manifest>MANIFEST)"
    r"|(?P<statistics>STATUPDATE(?:\s+(?:ON|OFF|TRUE|FALSE))?)|(?P<ignored>ACCEPTINVCHARS(?:\s+(?:AS\s+)?'x*')?)"
)


@dataclass(frozen=True)
class Copy:
    """One COPY statement: `table` as written, `names` of the listed columns (empty: all of them)."""

    table: str
    names: tuple[str, ...]
    bucket: str
    key: str
    manifest: bool
    statistics: bool | None
    """Whether to update the table's statistics; None updates those of an empty table."""


def parse(sql: str) -> Copy | None:
    """`sql` as a COPY, or None if it is another statement. Raises `Rejected` where Redshift would."""
    masked = mask(sql)
    if not re.match(r"\s*COPY\b", masked):
        return None
    if (
        re.search(r"\b(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)\b", masked)
        or "aws_access_key_id" in sql.lower()
    ):
        raise Rejected(
            "The sandbox rejects COPY with access keys, which end up in logs and query history: use IAM_ROLE."
        )
    copy = _COPY.fullmatch(masked)
    url = (
        re.fullmatch(r"s3://([^/]+)/(.+)", sql[copy.start("url") + 1 : copy.end("url") - 1]) if copy else None
    )
    if copy is None or url is None:
        raise Rejected(
            "This sandbox understands COPY table [(columns)] FROM 's3://bucket/key' IAM_ROLE 'arn:…' "
            "FORMAT AS PARQUET [MANIFEST] [STATUPDATE …]."
        )
    given: dict[str, str] = {}
    position = copy.start("options")
    while masked[position:].strip():
        position += len(masked[position:]) - len(masked[position:].lstrip())
        option = _OPTION.match(masked, position)
        if option is None or option.lastgroup is None:
            word = sql[position:].split()[0]
            raise Rejected(
                f"COPY of Parquet does not support {word}: leave it out, or test another format on Redshift."
            )
        given[option.lastgroup] = sql[option.start() : option.end()]
        position = option.end()
    if not re.search(
        r"'(?:aws_iam_role=)?arn:aws[a-z-]*:iam::\d{12}:role/\S+'|DEFAULT$", given.get("role", ""), re.I
    ):
        raise Rejected(
            "COPY needs IAM_ROLE 'arn:aws:iam::<account>:role/<name>': the role with which Redshift reads S3."
        )
    if "format" not in given:
        raise Rejected("The sandbox performs COPY … FORMAT AS PARQUET only: test other formats on Redshift.")
    names = sql[slice(*copy.span("columns"))].split(",") if copy["columns"] else []
    return Copy(
        table=sql[copy.start("table") : copy.end("table")],
        names=tuple(plain(name) for name in names),
        bucket=url[1],
        key=url[2],
        manifest="manifest" in given,
        statistics=not re.search(r"(?i)(?:OFF|FALSE)$", given["statistics"])
        if "statistics" in given
        else None,
    )
