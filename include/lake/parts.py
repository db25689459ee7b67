"""The parts of a run: its rows in Parquet objects, and whether they still are what the manifest says of them."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import IO

import msgspec
import pyarrow as pa

from include.errors import ManifestInvalid
from include.lake.lake import Lake
from include.lake.manifests import Manifest, Part
from include.lake.parquet import count_rows, described, footer_bytes, parquet_files, read_columns

_FOOTER_BYTES = 65_536
"""How much of an object's end is read at first: it almost always contains the whole footer."""


def put_parts(
    lake: Lake, dataset: str, run: str, row_type: type[msgspec.Struct], rows: Iterable[msgspec.Struct]
) -> list[Part]:
    """Writes rows as one or more Parquet objects."""
    with part_files(row_type, rows) as files:
        return put_part_files(lake, dataset, run, files)


@contextmanager
def part_files(
    row_type: type[msgspec.Struct], rows: Iterable[msgspec.Struct]
) -> Iterator[list[tuple[IO[bytes], int]]]:
    """Rows as one or more Parquet files, which exist until the block ends, and the number of rows in each."""
    with ExitStack() as files:
        yield list(parquet_files(files, row_type, rows))


def put_part_files(lake: Lake, dataset: str, run: str, files: Iterable[tuple[IO[bytes], int]]) -> list[Part]:
    """Writes Parquet files as the parts of a run."""
    parts = []
    for number, (file, count) in enumerate(files):
        key = f"lake/{dataset}/{run}/part-{number:05}.parquet"
        size = file.seek(0, 2)
        file.seek(0)
        lake.bucket.put(key, file)
        parts.append(Part(lake.bucket.url(key), size, count))
    return parts


@contextmanager
def opened(lake: Lake, part: Part) -> Iterator[IO[bytes]]:
    """The content of a part, in a temporary file."""
    with tempfile.TemporaryFile() as file:
        lake.bucket.download(_key(lake, part), file)
        yield file


def verify(lake: Lake, manifest: Manifest) -> str:
    """Raises `ManifestInvalid` if a part is missing, or is not what the manifest says of it.

    That is its size and, as its footer tells, its rows and columns: COPY takes columns by position. Returns 32
    hexadecimal digits that differ once the run is landed with other rows: a hash of the parts' sizes and footers,
    which have a hash of the rows.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in manifest.parts:
        found = lake.bucket.tail(_key(lake, part), _FOOTER_BYTES)
        if found is None:
            raise _altered(manifest, part, "missing")
        size, tail = found
        if size != part.content_length:
            raise _altered(manifest, part, f"{size} bytes long instead of {part.content_length}")
        try:
            if (missing := footer_bytes(tail)) > len(tail):
                tail = (lake.bucket.tail(_key(lake, part), missing) or found)[1]
            count, columns = described(tail)
        except ValueError as error:
            raise _altered(manifest, part, f"not readable ({error})") from None
        if count != part.record_count:
            raise _altered(manifest, part, f"{count} rows long instead of {part.record_count}")
        if columns != manifest.columns:
            raise _altered(manifest, part, f"one of other columns: {', '.join(columns)[:200]}")
        digest.update(f"{part.url} {size} ".encode() + tail)
    return digest.hexdigest()


def read_batches(lake: Lake, manifest: Manifest, columns: Mapping[str, type]) -> Iterator[pa.RecordBatch]:
    """These columns of all rows of a run, in batches. Raises `ManifestInvalid` if a part cannot be read."""
    for part in manifest.parts:
        with opened(lake, part) as file:
            try:
                yield from read_columns(file, columns)
            except ValueError as error:
                raise _altered(manifest, part, f"not readable ({error})") from None


def read_through(lake: Lake, manifest: Manifest) -> None:
    """Raises `ManifestInvalid` if a part of the manifest cannot be read or has another number of rows."""
    for part in manifest.parts:
        with opened(lake, part) as file:
            try:
                rows = count_rows(file)
            except ValueError as error:
                raise _altered(manifest, part, f"not readable ({error})") from None
        if rows != part.record_count:
            raise _altered(manifest, part, f"{rows} rows long instead of {part.record_count}")


def _key(lake: Lake, part: Part) -> str:
    return part.url.removeprefix(lake.bucket.url(""))


def _altered(manifest: Manifest, part: Part, state: str) -> ManifestInvalid:
    return ManifestInvalid(
        f"{manifest.url} names {part.url}, which is {state}. "
        f"Land the run {manifest.run} of {manifest.dataset} again."
    )
