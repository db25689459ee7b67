"""What a COPY loads: fetched from S3, checked as Redshift would, and handed to PostgreSQL through a pipe.

Each COPY has two files: `path`.json describes the content of the objects (including the longest text read so
far in each column) or says what is wrong with them; `path`.csv is a pipe that delivers their rows as CSV. The
function `pg_catalog.redshift_load` (sandbox/redshift/catalog.sql) reads the first, checks it against the table,
and then loads from the second, inside the caller's transaction.

Sources: the Database Developer Guide, "COPY from columnar data formats" and "Using a manifest to specify
data files".
"""

import contextlib
import fcntl
import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from sandbox.redshift.copy_statement import Copy

log = logging.getLogger(__name__)

_CODECS = {"UNCOMPRESSED", "SNAPPY", "GZIP"}
"""https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-data-files.html"""


class Unloadable(Exception):
    """Redshift would fail to load the objects; the message is Redshift's error."""


class Loader:
    """Fetches the objects of COPY statements, with one S3 client, into a folder that PostgreSQL can read."""

    def __init__(self, s3: Any, folder: Path) -> None:
        self._s3 = s3
        self.folder = folder

    def deliver(self, copy: Copy, path: Path) -> "Delivery":
        """Creates `path`.json and `path`.csv. Never raises: errors are reported in `path`.json."""
        report: dict[str, Any] = {"table": copy.table, "names": copy.names, "error": None, "columns": []}
        delivery = Delivery(path)
        try:
            for url, size in self._manifest(copy) if copy.manifest else self._listed(copy):
                delivery.objects.append((url, self._fetch(url, size, path, len(delivery.objects))))
            report |= {"columns": _columns(delivery.objects), "url": delivery.objects[0][0]}
        except Unloadable as error:
            report["error"] = str(error)
        except Exception as error:
            log.exception("cannot fetch %s", copy)
            report["error"] = f"The sandbox failed to fetch s3://{copy.bucket}/{copy.key}: {error!r}"
        delivery.start(report)
        return delivery

    def _manifest(self, copy: Copy) -> Iterator[tuple[str, int | None]]:
        """URL and size of the objects in a manifest. For columnar data the sizes are mandatory."""
        url = f"s3://{copy.bucket}/{copy.key}"
        try:
            entries = [dict(entry) for entry in json.loads(self._get(url).read())["entries"]]
        except (ValueError, KeyError, TypeError):
            raise Unloadable(f"Error reading the manifest file {url}: it has no list of entries.") from None
        found = False
        for entry in entries:
            size = entry.get("meta", {}).get("content_length")
            if not isinstance(size, int):
                raise Unloadable(
                    f"The manifest {url} has no meta.content_length for {entry.get('url')}; Parquet requires it."
                )
            if not entry.get("mandatory", False):
                try:
                    self._get(str(entry.get("url"))).close()
                except Unloadable:
                    continue
            found = True
            yield str(entry.get("url")), size
        if not found:
            raise Unloadable(f"No object of the manifest {url} was found.")

    def _listed(self, copy: Copy) -> Iterator[tuple[str, int | None]]:
        """URLs of the objects under the COPY's prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=copy.bucket, Prefix=copy.key)
        try:
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        except ClientError as error:
            raise Unloadable(f"S3ServiceException: {error}: s3://{copy.bucket}/{copy.key}") from None
        if not keys:
            raise Unloadable(f"The specified S3 prefix '{copy.key}' does not exist in bucket {copy.bucket}.")
        for key in keys:
            yield f"s3://{copy.bucket}/{key}", None

    def _fetch(self, url: str, size: int | None, path: Path, number: int) -> Path:
        target = path.with_name(f"{path.name}-{number}.parquet")
        with target.open("wb") as file:
            shutil.copyfileobj(self._get(url), file, 1 << 20)
        if size is not None and target.stat().st_size != size:
            actual = target.stat().st_size
            target.unlink()
            raise Unloadable(f"{url} has {actual} bytes, but its manifest says {size}: it has changed.")
        return target

    def _get(self, url: str) -> Any:
        address = re.fullmatch(r"s3://([^/]+)/(.+)", url)
        if address is None:
            raise Unloadable(f"{url!r} is not the URL of an S3 object.")
        try:
            return self._s3.get_object(Bucket=address[1], Key=address[2])["Body"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise Unloadable(
                f"S3ServiceException: {code}: cannot read {url}. Does the object exist?"
            ) from None


class Delivery:
    """Streams the rows of one COPY into PostgreSQL: a thread writes them while PostgreSQL reads."""

    def __init__(self, path: Path) -> None:
        self.objects: list[tuple[str, Path]] = []
        """URL of each object, and the file it was fetched to."""
        self._path = path
        self._report: dict[str, Any] = {}
        self._opened = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def start(self, report: dict[str, Any]) -> None:
        """Opens the delivery: from now on PostgreSQL can read."""
        self._report = report
        self._write_report()
        os.mkfifo(self._path.with_suffix(".csv"))
        self._path.with_suffix(".csv").chmod(0o644)
        self._thread.start()

    def end(self) -> None:
        """Removes everything once the statement is over, whether or not PostgreSQL has read the rows."""
        self._ended.set()
        self._thread.join()
        pipe = self._path.with_suffix(".csv")
        if not self._opened:
            # PostgreSQL may be waiting for a writer, forever: give it one that sends malformed CSV, so it fails.
            last_writer = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
            pipe.unlink()
            os.write(last_writer, b'"')
            os.close(last_writer)
        for path in (pipe, self._path.with_suffix(".json"), *(path for _, path in self.objects)):
            path.unlink(missing_ok=True)

    def _write(self) -> None:
        """Writes CSV in which null is an empty field and the empty string is quoted."""
        pipe = self._open()
        if pipe is None:
            return
        options = pyarrow.csv.WriteOptions(include_header=False)
        # A broken pipe: PostgreSQL stopped reading because it raised an error.
        with pipe, contextlib.suppress(OSError):
            try:
                for batch in _prefetched(self._batches()):
                    self._measure(batch)
                    pyarrow.csv.write_csv(batch, pipe, options)
            except pa.ArrowException as error:
                log.exception("cannot read %s", self.objects)
                pipe.write(
                    f'\n"the sandbox failed: {error}'.encode()
                )  # malformed CSV, so PostgreSQL fails too

    def _batches(self) -> Iterator[Any]:
        for _, path in self.objects:
            yield from pq.ParquetFile(path, coerce_int96_timestamp_unit="us").iter_batches()

    def _measure(self, batch: Any) -> None:
        """Reports each column's longest text so far, in bytes, before a longer one enters the pipe."""
        longer = False
        for column, values in zip(self._report["columns"], batch.columns, strict=True):
            if pa.types.is_string(values.type):
                length = pc.max(pc.binary_length(values)).as_py() or 0
                longer |= length > column["bytes"]
                column["bytes"] = max(length, column["bytes"])
        if longer:
            self._write_report()

    def _write_report(self) -> None:
        whole = self._path.with_suffix(".new")
        whole.write_text(json.dumps(self._report))
        whole.chmod(0o644)
        whole.replace(self._path.with_suffix(".json"))

    def _open(self) -> BinaryIO | None:
        """The pipe, once PostgreSQL reads it; None if the statement ends before that."""
        wait = 0.001
        while not self._ended.wait(wait):
            try:
                descriptor = os.open(self._path.with_suffix(".csv"), os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # no reader yet
                wait = min(2 * wait, 0.05)
                continue
            self._opened = True
            os.set_blocking(descriptor, True)
            with contextlib.suppress(AttributeError, OSError):  # not every system supports or permits it
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)
            return os.fdopen(descriptor, "wb", buffering=0)
        return None


def _prefetched(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches, each decoded while the previous one is in use."""
    with ThreadPoolExecutor(1) as decoder:
        following = decoder.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = decoder.submit(next, batches, None)
            yield batch


def _columns(objects: list[tuple[str, Path]]) -> list[dict[str, Any]]:
    """The objects' columns: the table column types each can be loaded into; lengths of texts are not known yet."""
    schema: Any = None
    for url, path in objects:
        try:
            file = pq.ParquetFile(path, coerce_int96_timestamp_unit="us")
        except pa.ArrowInvalid:
            raise Unloadable(f"Spectrum Scan Error: {url} is not a Parquet file.") from None
        own_schema = file.schema_arrow
        for found in _codecs(file.metadata) - _CODECS:
            raise Unloadable(
                f"Spectrum Scan Error: {url} is compressed with {found}, which no page of AWS's names."
            )
        for column in own_schema:
            if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
                raise Unloadable(
                    f"Spectrum Scan Error: {url} has nanoseconds in {column.name}: it reads INT96, ms and us."
                )
        if schema is None:
            schema = own_schema
        if own_schema.types != schema.types:
            raise Unloadable(f"Spectrum Scan Error: {url} has other column types than {objects[0][0]}.")
    return [
        {"name": field.name, "parquet": str(field.type), "accepts": _accepted(field.type), "bytes": 0}
        for field in schema
    ]


def _codecs(metadata: Any) -> set[str]:
    return {
        metadata.row_group(group).column(column).compression
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    }


def _accepted(kind: Any) -> list[str]:
    """The column types, as PostgreSQL names them, into which Redshift loads this Parquet type."""
    if pa.types.is_string(kind):
        return ["character varying", "character"]
    if pa.types.is_timestamp(kind):
        if kind.unit == "ns":  # no converted type of Parquet's stands for it
            return []
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
