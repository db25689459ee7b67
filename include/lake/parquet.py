"""Rows as Parquet files: the schema comes from the row type; memory use is bounded by one row group.

The files have the forms in which AWS's own library (AWS SDK for pandas) hands Parquet to Redshift's COPY:

    Snappy    the codec that AWS's documentation names; whether COPY reads ZSTD pages is documented nowhere
    INT96     timestamps, as Spark and Hive write them. COPY scans with Spectrum, which once read no other form,
              and a report says it does not read microseconds without a zone (apache/arrow#38000); others load
              them. Nobody reports a failure with INT96, although the format calls it deprecated.

Sources: the Database Developer Guide, "COPY from columnar data formats" and "Creating data files for queries in
Amazon Redshift Spectrum"; awswrangler.s3.to_parquet (`flavor="spark"`); apache/arrow#16721.
"""

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date, datetime
from itertools import islice
from operator import attrgetter
from types import NoneType
from typing import IO, Annotated, Any, get_args, get_origin

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_ROW_GROUP = 20_000
_FILE_BYTES = 96 * 1024 * 1024
"""A new file begins at this size: COPY reads Parquet in pieces of 64 to 128 MB."""

FORM: dict[str, Any] = {"compression": "snappy", "use_deprecated_int96_timestamps": True}
"""Of the files, as pyarrow's writer takes it."""

_TYPES: dict[type, tuple[Any, str]] = {
    str: (pa.string(), "character varying"),
    int: (pa.int64(), "bigint"),
    float: (pa.float64(), "double precision"),
    bool: (pa.bool_(), "boolean"),
    date: (pa.date32(), "date"),
    datetime: (pa.timestamp("us"), "timestamp without time zone"),
}


def redshift_types(row_type: type[msgspec.Struct]) -> dict[str, str]:
    """The columns of a row type and their Redshift types, in order."""
    return {field.name: _TYPES[_plain(field.type)][1] for field in msgspec.structs.fields(row_type)}


def parquet_files(
    files: ExitStack, row_type: type[msgspec.Struct], rows: Iterable[msgspec.Struct]
) -> Iterator[tuple[IO[bytes], int]]:
    """The rows as one or more Parquet files, and the number of rows in each.

    The files are temporary: `files` closes them. Their footer has a hash of the rows, so that files of other rows end
    differently.
    """
    schema = pa.schema(
        [(field.name, _TYPES[_plain(field.type)][0]) for field in msgspec.structs.fields(row_type)]
    )
    source = iter(rows)
    group = list(islice(source, _ROW_GROUP))
    while True:
        file = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - ruff knows only `with`
        count, digest = 0, hashlib.blake2b(digest_size=16)
        with pq.ParquetWriter(file, schema, **FORM) as writer:
            while group:
                # One column at a time, and the rows are gone before they are compressed: this is where memory peaks.
                arrays = [pa.array(list(map(attrgetter(each.name), group)), each.type) for each in schema]
                count += len(group)
                group.clear()
                for buffer in (each for array in arrays for each in array.buffers() if each is not None):
                    digest.update(buffer)
                writer.write_batch(pa.record_batch(arrays, schema=schema))
                del arrays
                group = list(islice(source, _ROW_GROUP))
                if file.tell() >= _FILE_BYTES:
                    break
            writer.add_key_value_metadata({"rows": digest.hexdigest()})
        yield file, count
        if not group:
            return


def footer_bytes(tail: bytes) -> int:
    """The length in bytes of a Parquet file's footer, given at least the last eight bytes of the file.

    Raises `ValueError` when it is no Parquet file: https://parquet.apache.org/docs/file-format/
    """
    if len(tail) < 12 or tail[-4:] != _MAGIC:
        raise ValueError("it does not end like a Parquet file")
    return int.from_bytes(tail[-8:-4], "little") + 8


def described(tail: bytes) -> tuple[int, tuple[str, ...]]:
    """Rows and columns of a Parquet file, given at least its footer. Raises `ValueError`."""
    try:
        about = pq.read_metadata(io.BytesIO(_MAGIC + tail[-footer_bytes(tail) :]))
        return about.num_rows, tuple(about.schema.to_arrow_schema().names)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(error) from None


def count_rows(file: IO[bytes]) -> int:
    """The number of rows in a Parquet file. Reads them all, and raises `ValueError` if that fails."""
    try:
        return sum(
            batch.num_rows
            for batch in pq.ParquetFile(file, coerce_int96_timestamp_unit="us").iter_batches(_ROW_GROUP)
        )
    except (pa.ArrowException, OSError) as error:
        raise ValueError(error) from None


def read_columns(file: IO[bytes], columns: Mapping[str, type]) -> Iterator[pa.RecordBatch]:
    """Some columns of a Parquet file, of these types, a batch of rows at a time. Raises `ValueError`."""
    schema = pa.schema([(name, _TYPES[kind][0]) for name, kind in columns.items()])
    try:
        for batch in pq.ParquetFile(file).iter_batches(_ROW_GROUP, columns=schema.names):
            found = batch.select(schema.names).cast(schema)
            found.validate(full=True)  # a text need not be UTF-8, and nothing else would notice
            yield found
    except (KeyError, pa.ArrowException, OSError) as error:
        raise ValueError(error) from None


def _plain(annotation: Any) -> Any:
    """The type inside `Annotated[…]` and `… | None`."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    options = [option for option in get_args(annotation) if option is not NoneType]
    return _plain(options[0]) if options else annotation
