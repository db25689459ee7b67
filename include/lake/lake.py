"""The lake: everything the ingestion writes, where it is, and what makes it count.

    raw/<dataset>/<run>/…                      responses as received, see include/lake/raw.py
    lake/<dataset>/<run>/part-00000.parquet    typed rows
    rejected/<dataset>/<run>/rejected.jsonl.gz rejected records
    certificates/<dataset>/<run>.json          what was requested, reported, received and rejected
    manifests/<dataset>/<run>.json             written last; names the run's parts
    begun/<dataset>/<DAG run>.json             the run that a DAG run last began
    quota/<connection>.json                    calls made of the day's quota, see include/sources/client/

A part that no manifest names does not exist. Writing the same rows again produces the same bytes.
"""

import gzip
import hashlib
import io
import logging
import tempfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any
from urllib.parse import quote

import msgspec
import pyarrow as pa

from include.errors import ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.certificate import Certificate, read_certificate
from include.lake.manifests import Manifest, ManifestDocument, Part, manifest_document, read_manifest
from include.lake.parquet import count_rows, described, footer_bytes, parquet_files, read_columns
from include.lake.raw import RawRun
from include.lake.runs import is_run, run_id

log = logging.getLogger(__name__)

_FOOTER_BYTES = 65_536
"""How much of an object's end is read at first: it almost always contains the whole footer."""
_SEARCHED = 30
"""The newest complete run is looked for among this many runs."""
_AT_ONCE = 10
"""This many certificates are read at a time."""
_LONGEST_LINE = 1_048_576
"""No line is longer: a rejected record only points to its raw response."""


class Begun(msgspec.Struct, frozen=True):
    """The run that a DAG run last began."""

    run: str
    asked_again: int = 0
    """How often the DAG run had been asked to fetch everything again."""


class _Rejected(msgspec.Struct, frozen=True):
    record_id: str | None = None


_rejected = msgspec.json.Decoder(_Rejected)


class Lake:
    """The runs of both datasets in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def raw(self, dataset: str, run: str) -> RawRun:
        """The raw responses of a run."""
        return RawRun(self.bucket, dataset, run)

    def begun(self, dataset: str, dag_run: str) -> Begun | None:
        """What a DAG run last began; None if it has begun nothing."""
        try:
            begun = self.bucket.get_json(_begun_key(dataset, dag_run), Begun, "A new run begins.")
        except ManifestInvalid as invalid:
            log.warning("%s", invalid)
            return None
        return begun if begun is not None and is_run(begun.run) else None

    def put_begun(self, dataset: str, dag_run: str, begun: Begun) -> None:
        """Records which run a DAG run begins, for its later tries."""
        document = {"dag_run": dag_run, **msgspec.to_builtins(begun)}
        self.bucket.put_json(_begun_key(dataset, dag_run), document)

    def put_parts(
        self, dataset: str, run: str, row_type: type[msgspec.Struct], rows: Iterable[msgspec.Struct]
    ) -> list[Part]:
        """Writes rows as one or more Parquet objects."""
        parts = []
        with tempfile.TemporaryFile() as file:
            for number, (size, count) in enumerate(parquet_files(file, row_type, rows)):
                key = f"lake/{dataset}/{run}/part-{number:05}.parquet"
                self.bucket.put(key, file)
                parts.append(Part(self.bucket.url(key), size, count))
        return parts

    @contextmanager
    def opened(self, part: Part) -> Iterator[IO[bytes]]:
        """The content of a part, in a temporary file."""
        with tempfile.TemporaryFile() as file:
            self.bucket.download(self._key(part), file)
            yield file

    @contextmanager
    def rejecting(self, dataset: str, run: str) -> Iterator[Callable[[dict[str, Any]], object]]:
        """Yields a function that takes rejected records; they are written, one JSON document per line, when the
        block ends."""
        with tempfile.TemporaryFile() as file:
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                yield lambda record: packed.write(msgspec.json.encode(record) + b"\n")
            file.seek(0)
            self.bucket.put(_rejected_key(dataset, run), file)

    def rejected(self, dataset: str, run: str) -> set[str]:
        """The ids of the records rejected when a run was landed; records without an id are left out.

        Raises `ManifestInvalid` if they cannot be read.
        """
        key = _rejected_key(dataset, run)
        content = self.bucket.find(key)
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
                f"{self.bucket.url(key)} is malformed ({error}). Land the run {run} of {dataset} again."
            ) from None

    def put_certificate(self, certificate: Certificate) -> None:
        """Writes the certificate of a run."""
        key = _certificate_key(certificate.dataset, certificate.run)
        self.bucket.put_json(key, msgspec.to_builtins(certificate))

    def certificate(self, dataset: str, run: str) -> Certificate:
        """The certificate of a run. Raises `ManifestInvalid` if it is missing or malformed."""
        key = _certificate_key(dataset, run)
        document = self.bucket.get_json(key, dict[str, Any], f"Land the run {run} of {dataset} again.")
        if document is None:
            raise ManifestInvalid(
                f"The run {run} of {dataset} has no certificate {self.bucket.url(key)}; land it again."
            )
        return read_certificate(dataset, run, self.bucket.url(key), document)

    def put_manifest(
        self, dataset: str, run: str, row_type: type[msgspec.Struct], parts: Sequence[Part]
    ) -> None:
        """Writes the manifest, which makes the parts exist."""
        self.bucket.put_json(_manifest_key(dataset, run), manifest_document(row_type, parts))

    def remove_manifest(self, dataset: str, run: str) -> None:
        """Deletes the manifest, so that the run's parts no longer exist, before they are written again."""
        self.bucket.delete([_manifest_key(dataset, run)])

    def manifests(self, dataset: str) -> list[str]:
        """The runs of a dataset that have a manifest, oldest first."""
        runs, strangers, folder = [], [], f"manifests/{dataset}/"
        for key, _ in self.bucket.sizes(folder):
            run = key.removeprefix(folder).removesuffix(".json")
            if key == _manifest_key(dataset, run) and is_run(run):
                runs.append(run)
            elif key != folder:
                strangers.append(self.bucket.url(key))
        if strangers:
            log.warning(
                "Skipped, because their names are not those of runs: %s. Delete these objects (%d in all).",
                ", ".join(strangers[:3]), len(strangers),
            )  # fmt: skip
        return sorted(runs)

    def manifest_url(self, dataset: str, run: str) -> str:
        """The URL of a run's manifest, whether or not it exists."""
        return self.bucket.url(_manifest_key(dataset, run))

    def has_manifest(self, dataset: str, run: str) -> bool:
        """Whether the run was landed."""
        return self.bucket.size(_manifest_key(dataset, run)) is not None

    def manifest(self, dataset: str, run: str) -> Manifest:
        """The manifest of a run. Raises `ManifestInvalid` if it is missing or malformed."""
        url = self.manifest_url(dataset, run)
        remedy = f"Land the run {run} of {dataset} again."
        document = self.bucket.get_json(_manifest_key(dataset, run), ManifestDocument, remedy)
        if document is None:
            raise ManifestInvalid(f"There is no manifest {url}. {remedy}")
        return read_manifest(dataset, run, url, self.bucket.url(f"lake/{dataset}/{run}/"), document)

    def newest_complete_events(
        self, before: datetime, countries: Collection[str] = (), horizon_days: int = 0
    ) -> tuple[Manifest, Certificate] | None:
        """Manifest and certificate of the newest complete events run before this instant whose scope has these
        countries and at least this horizon, and whose parts all exist; None if there is none.

        Only the 30 newest runs are searched, which bounds the requests. Each one's certificate is read: a run that
        was landed again may have become complete after later runs looked for one.
        """
        upto = run_id(before)  # a later run may be dated in the future by a wrong clock
        newest_first = [run for run in reversed(self.manifests("events")) if run < upto][:_SEARCHED]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="certificates") as readers:
            for first in range(0, len(newest_first), _AT_ONCE):
                block = newest_first[first : first + _AT_ONCE]
                for run, certificate in zip(block, readers.map(self._events_certificate, block), strict=True):
                    if certificate is None or not certificate.complete:
                        continue
                    scope = certificate.scope
                    if not set(countries) <= set(scope.countries) or horizon_days > (scope.horizon_days or 0):
                        continue
                    try:
                        manifest = self.manifest("events", run)
                        self.verify(manifest)
                        return manifest, certificate
                    except ManifestInvalid as invalid:
                        log.warning("skipped: %s", invalid)
        return None

    def _events_certificate(self, run: str) -> Certificate | None:
        try:
            return self.certificate("events", run)
        except ManifestInvalid as invalid:
            log.warning("skipped: %s", invalid)
            return None

    def verify(self, manifest: Manifest) -> str:
        """Raises `ManifestInvalid` if a part is missing, or is not what the manifest says of it.

        That is its size and, as its footer tells, its rows and columns: COPY takes columns by position. Returns 32
        hexadecimal digits that differ once the run is landed with other rows: a hash of the parts' sizes and footers,
        which have a hash of the rows.
        """
        digest = hashlib.blake2b(digest_size=16)
        for part in manifest.parts:
            found = self.bucket.tail(self._key(part), _FOOTER_BYTES)
            if found is None:
                raise _altered(manifest, part, "missing")
            size, tail = found
            if size != part.content_length:
                raise _altered(manifest, part, f"{size} bytes long instead of {part.content_length}")
            try:
                if (missing := footer_bytes(tail)) > len(tail):
                    tail = (self.bucket.tail(self._key(part), missing) or found)[1]
                count, columns = described(tail)
            except ValueError as error:
                raise _altered(manifest, part, f"not readable ({error})") from None
            if count != part.record_count:
                raise _altered(manifest, part, f"{count} rows long instead of {part.record_count}")
            if columns != manifest.columns:
                raise _altered(manifest, part, f"one of other columns: {', '.join(columns)[:200]}")
            digest.update(f"{part.url} {size} ".encode() + tail)
        return digest.hexdigest()

    def read(self, manifest: Manifest, columns: Mapping[str, type]) -> Iterator[pa.RecordBatch]:
        """These columns of all rows of a run, in batches. Raises `ManifestInvalid` if a part cannot be read."""
        for part in manifest.parts:
            with self.opened(part) as file:
                try:
                    yield from read_columns(file, columns)
                except ValueError as error:
                    raise _altered(manifest, part, f"not readable ({error})") from None

    def read_through(self, manifest: Manifest) -> None:
        """Raises `ManifestInvalid` if a part of the manifest cannot be read or has another number of rows."""
        for part in manifest.parts:
            with self.opened(part) as file:
                try:
                    rows = count_rows(file)
                except ValueError as error:
                    raise _altered(manifest, part, f"not readable ({error})") from None
            if rows != part.record_count:
                raise _altered(manifest, part, f"{rows} rows long instead of {part.record_count}")

    def _key(self, part: Part) -> str:
        return part.url.removeprefix(self.bucket.url(""))


def _lines(file: io.BufferedIOBase) -> Iterator[bytes]:
    """The lines of a file. Raises `ValueError` for one that is too long to be read."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise ValueError(f"a line has more than {_LONGEST_LINE} bytes")
        yield line


def _altered(manifest: Manifest, part: Part, state: str) -> ManifestInvalid:
    return ManifestInvalid(
        f"{manifest.url} names {part.url}, which is {state}. "
        f"Land the run {manifest.run} of {manifest.dataset} again."
    )


def _begun_key(dataset: str, dag_run: str) -> str:
    return f"begun/{dataset}/{quote(dag_run, safe='')}.json"


def _manifest_key(dataset: str, run: str) -> str:
    return f"manifests/{dataset}/{run}.json"


def _certificate_key(dataset: str, run: str) -> str:
    return f"certificates/{dataset}/{run}.json"


def _rejected_key(dataset: str, run: str) -> str:
    return f"rejected/{dataset}/{run}/rejected.jsonl.gz"
