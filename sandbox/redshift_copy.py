"""COPY … FROM 's3://…' … FORMAT AS PARQUET, as far as it happens outside the database.

`parse` reads the statement; `Loader.fetch` gets the objects, checks them as Redshift would, and leaves their
rows as CSV, and what is to be known about them as JSON, where the function `pg_catalog.redshift_load`
(sandbox/redshift_catalog.sql) finds them: that one checks them against the table and loads them, inside the
caller's transaction. Rules: the Database Developer Guide, "COPY from columnar data formats" and
"Using a manifest to specify data files".
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from sandbox.redshift_refusals import Refused
from sandbox.sql_text import NAME, QUALIFIED_NAME, mask

_COPY = re.compile(
    rf"\s*COPY\s+(?P<table>{QUALIFIED_NAME})\s*(?:\(\s*(?P<columns>{NAME}(?:\s*,\s*{NAME})*)\s*\)\s*)?"
    r"FROM\s+(?P<url>'x*')\s*(?P<options>[\s\S]*)"
)
_OPTION = re.compile(
    r"(?P<role>(?:WITH\s+)?(?:IAM_ROLE|CREDENTIALS)(?:\s+AS)?\s+(?:'x*'|DEFAULT))"
    r"|(?P<format>(?:FORMAT\s+)?(?:AS\s+)?PARQUET)|(?P<manifest>MANIFEST)"
    r"|(?P<ignored>STATUPDATE(?:\s+(?:ON|OFF|TRUE|FALSE))?|ACCEPTINVCHARS(?:\s+(?:AS\s+)?'x*')?)"
)


@dataclass(frozen=True)
class Copy:
    """One COPY statement: `table` as written, `names` of the columns it names (none: all of them)."""

    table: str
    names: tuple[str, ...]
    bucket: str
    key: str
    manifest: bool


def parse(sql: str) -> Copy | None:
    """The COPY that `sql` is, or None when it is none. Raises `Refused` for what nobody would load."""
    masked = mask(sql)
    if not re.match(r"\s*COPY\b", masked) or re.search(r"\bFROM\s+STDIN\b|\bTO\s+STDOUT\b", masked):
        return None
    if (
        re.search(r"\b(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)\b", masked)
        or "aws_access_key_id" in sql.lower()
    ):
        raise Refused(
            "The sandbox refuses COPY with access keys, which end up in logs and query history: use IAM_ROLE."
        )
    copy = _COPY.fullmatch(masked)
    url = (
        re.fullmatch(r"s3://([^/]+)/(.+)", sql[copy.start("url") + 1 : copy.end("url") - 1]) if copy else None
    )
    if copy is None or url is None:
        raise Refused(
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
            raise Refused(
                f"COPY of Parquet does not support {word}: leave it out, or test another format on Redshift."
            )
        given[option.lastgroup] = sql[option.start() : option.end()]
        position = option.end()
    if not re.search(
        r"'(?:aws_iam_role=)?arn:aws[a-z-]*:iam::\d{12}:role/\S+'|DEFAULT$", given.get("role", ""), re.I
    ):
        raise Refused(
            "COPY needs IAM_ROLE 'arn:aws:iam::<account>:role/<name>': the role with which Redshift reads S3."
        )
    if "format" not in given:
        raise Refused("The sandbox performs COPY … FORMAT AS PARQUET only: test other formats on Redshift.")
    names = [sql[copy.start("columns") : copy.end("columns")].split(",") if copy["columns"] else []][0]
    return Copy(
        table=sql[copy.start("table") : copy.end("table")],
        names=tuple(name.strip()[1:-1] if name.strip()[0] == '"' else name.strip().lower() for name in names),
        bucket=url[1],
        key=url[2],
        manifest="manifest" in given,
    )


class Unloadable(Exception):
    """Redshift would fail to load the objects; the text is its error."""


class Loader:
    """Fetches what COPY statements name, with one S3 client, into one folder that PostgreSQL can read."""

    def __init__(self, s3: Any, folder: Path) -> None:
        self._s3 = s3
        self.folder = folder

    def fetch(self, copy: Copy, path: Path) -> None:
        """Writes `path`.csv and `path`.json. What is wrong with the objects is told there, not raised."""
        report: dict[str, Any] = {"table": copy.table, "names": copy.names, "error": None, "columns": []}
        try:
            urls = list(self._entries(copy)) if copy.manifest else self._listed(copy)
            report |= {"columns": self._write(urls, path.with_suffix(".csv")), "url": urls[0][0]}
        except Unloadable as error:
            report["error"] = str(error)
        path.with_suffix(".json").write_text(json.dumps(report))
        path.with_suffix(".json").chmod(0o644)

    def _entries(self, copy: Copy) -> Iterator[tuple[str, bytes]]:
        """The objects that a manifest names. For columnar data it has to tell their sizes."""
        url = f"s3://{copy.bucket}/{copy.key}"
        try:
            entries = [dict(entry) for entry in json.loads(self._object(url))["entries"]]
        except (ValueError, KeyError, TypeError):
            raise Unloadable(
                f"Error reading the manifest file {url}: it is not JSON with a list of entries."
            ) from None
        found = False
        for entry in entries:
            size = entry.get("meta", {}).get("content_length")
            if not isinstance(size, int):
                raise Unloadable(
                    f"The manifest {url} has no meta.content_length for {entry.get('url')}; Parquet needs it."
                )
            try:
                content = self._object(str(entry.get("url")))
            except Unloadable:
                if entry.get("mandatory", False):
                    raise
                continue
            if len(content) != size:
                raise Unloadable(
                    f"{entry['url']} has {len(content)} bytes, the manifest {url} says {size}: it changed."
                )
            found = True
            yield str(entry["url"]), content
        if not found:
            raise Unloadable(f"No object of the manifest {url} was found.")

    def _listed(self, copy: Copy) -> list[tuple[str, bytes]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=copy.bucket, Prefix=copy.key)
        try:
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        except ClientError as error:
            raise Unloadable(
                f"S3ServiceException: {error} while reading s3://{copy.bucket}/{copy.key}"
            ) from None
        if not keys:
            raise Unloadable(
                f"The specified S3 prefix '{copy.key}' does not exist in the bucket {copy.bucket}."
            )
        return [(f"s3://{copy.bucket}/{key}", self._object(f"s3://{copy.bucket}/{key}")) for key in keys]

    def _object(self, url: str) -> bytes:
        address = re.fullmatch(r"s3://([^/]+)/(.+)", url)
        if address is None:
            raise Unloadable(f"{url!r} is not the URL of an S3 object.")
        try:
            return bytes(self._s3.get_object(Bucket=address[1], Key=address[2])["Body"].read())
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise Unloadable(
                f"S3ServiceException: {code}: cannot read {url}. Does the object exist?"
            ) from None

    def _write(self, objects: list[tuple[str, bytes]], path: Path) -> list[dict[str, Any]]:
        """The rows of all objects as CSV, in which null is nothing and the empty string is quoted."""
        options = pyarrow.csv.WriteOptions(include_header=False)
        schema: Any = None
        longest: dict[int, int] = {}
        with path.open("wb") as file:
            path.chmod(0o644)
            for url, content in objects:
                try:
                    parquet = pq.ParquetFile(io.BytesIO(content))
                except pa.ArrowInvalid:
                    raise Unloadable(f"Spectrum Scan Error: {url} is not a Parquet file.") from None
                schema = schema or parquet.schema_arrow.remove_metadata()
                if parquet.schema_arrow.types != schema.types:
                    raise Unloadable(
                        f"Spectrum Scan Error: {url} has other column types than {objects[0][0]}."
                    )
                for batch in parquet.iter_batches():
                    for place, column in enumerate(batch.columns):
                        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                            length = pc.max(pc.binary_length(column)).as_py() or 0
                            longest[place] = max(length, longest.get(place, 0))
                    table = pa.Table.from_batches([batch])
                    if all(_accepted(kind) for kind in table.schema.types):
                        pyarrow.csv.write_csv(table, file, options)
        return [
            {
                "name": field.name,
                "parquet": str(field.type),
                "accepts": _accepted(field.type),
                "bytes": longest.get(place, 0),
            }
            for place, field in enumerate(schema)
        ]


def _accepted(kind: Any) -> list[str]:
    """The types, as PostgreSQL calls them, of the columns that Redshift fills from this Parquet type."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return ["character varying", "character"]
    if pa.types.is_timestamp(kind):
        return ["timestamp without time zone", "timestamp with time zone"]
    if pa.types.is_decimal(kind):
        return [f"numeric({kind.precision},{kind.scale})"]
    return {
        "bool": ["boolean"],
        "int8": ["smallint"],
        "int16": ["smallint"],
        "int32": ["integer"],
        "int64": ["bigint"],
        "float": ["real"],
        "double": ["double precision"],
        "date32[day]": ["date"],
    }.get(str(kind), [])
