"""What a COPY loads: handed to PostgreSQL through a pipe.

Each COPY has two files: `path`.json describes the content of the objects (including the longest text read so
far in each column) or says what is wrong with them; `path`.csv is a pipe that delivers their rows as CSV. The
function `pg_catalog.redshift_load` (sandbox/redshift/catalog.sql) reads the first, checks it against the table,
and then loads from the second, inside the caller's transaction.
"""

import contextlib
import fcntl
import json
import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

log = logging.getLogger(__name__)


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
