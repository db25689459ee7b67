"""The rejected records of a run: one JSON document a line, with its reason and a pointer to the raw response."""

import gzip
import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import msgspec

from include.errors import ManifestInvalid
from include.lake.lake import Lake

_LONGEST_LINE = 1_048_576
"""No line is longer: a rejected record only points to its raw response."""


class RejectedRecord(msgspec.Struct, frozen=True):
    """A record that did not become a row."""

    reason: str
    """A short code, such as `missing_name`."""
    detail: str
    record_id: str | None
    position: int
    """The position of the record in its response, counted from 0."""
    raw: str
    """The URL of the response it came in."""


class _Identified(msgspec.Struct, frozen=True):
    record_id: str | None = None


_rejected = msgspec.json.Decoder(_Identified)


class RejectedFile:
    """Takes rejected records, one JSON document per line, until `put` writes them to the lake."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._packed = gzip.GzipFile("", "wb", 6, file, mtime=0)

    def add(self, record: RejectedRecord) -> None:
        """Appends a record."""
        self._packed.write(msgspec.json.encode(record) + b"\n")

    def put(self, lake: Lake, dataset: str, run: str) -> None:
        """Writes the records of a run; no more can be added."""
        self._packed.close()
        self._file.seek(0)
        lake.bucket.put(_rejected_key(dataset, run), self._file)


@contextmanager
def rejecting() -> Iterator[RejectedFile]:
    """A temporary file for the rejected records of a run, which exists until the block ends."""
    with tempfile.TemporaryFile() as file:
        yield RejectedFile(file)


def rejected_ids(lake: Lake, dataset: str, run: str) -> set[str]:
    """The ids of the records rejected when a run was landed; records without an id are left out.

    Raises `ManifestInvalid` if they cannot be read.
    """
    key = _rejected_key(dataset, run)
    content = lake.bucket.find(key)
    if content is None:
        return set()
    try:
        if not content:
            raise ValueError("it is empty")
        with gzip.open(io.BytesIO(content)) as lines:
            records = (_rejected.decode(line) for line in _lines(lines))
            return {record.record_id for record in records if record.record_id}
    except (ValueError, RecursionError, OSError, EOFError, zlib.error) as error:
        raise ManifestInvalid(
            f"{lake.bucket.url(key)} is malformed ({error}). Land the run {run} of {dataset} again."
        ) from None


def _lines(file: io.BufferedIOBase) -> Iterator[bytes]:
    """The lines of a file. Raises `ValueError` for one that is too long to be read."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise ValueError(f"a line has more than {_LONGEST_LINE} bytes")
        yield line


def _rejected_key(dataset: str, run: str) -> str:
    return f"rejected/{dataset}/{run}/rejected.jsonl.gz"
