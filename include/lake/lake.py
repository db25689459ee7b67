"""The lake: everything the ingestion writes, where it is, and what makes it count.

    raw/<dataset>/<run>/…                      responses as received, see include/lake/raw.py
    lake/<dataset>/<run>/part-00000.parquet    typed rows
    rejected/<dataset>/<run>/rejected.jsonl.gz rejected records
    certificates/<dataset>/<run>.json          what was requested, reported, received and rejected
    manifests/<dataset>/<run>.json             written last; names the run's parts
    begun/<dataset>/<DAG run>.json             the run that a DAG run last began
    quota/<source>.json                        calls made of the day's quota, see include/sources/client/

A part that no manifest names does not exist. Writing the same rows again produces the same bytes.
"""

import gzip
import logging
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import quote

import msgspec

from include.errors import ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.certificate import Certificate, read_certificate
from include.lake.manifests import Manifest, Part, manifest_document, read_manifest
from include.lake.parquet import count_rows, parquet_files
from include.lake.raw import RawRun
from include.lake.runs import is_run

log = logging.getLogger(__name__)


class Lake:
    """The runs of both datasets in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def raw(self, dataset: str, run: str) -> RawRun:
        """The raw responses of a run."""
        return RawRun(self.bucket, dataset, run)

    def begun(self, dataset: str, dag_run: str) -> str | None:
        """The run that a DAG run last began; None if it has begun none."""
        document = self.bucket.get_json(_begun_key(dataset, dag_run))
        return None if document is None else str(document["run"])

    def put_begun(self, dataset: str, dag_run: str, run: str) -> None:
        """Records which run a DAG run begins, for its later tries."""
        self.bucket.put_json(_begun_key(dataset, dag_run), {"dag_run": dag_run, "run": run})

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
        """The ids of the records rejected when a run was landed; records without an id are left out."""
        key = _rejected_key(dataset, run)
        if self.bucket.size(key) is None:
            return set()
        records = map(msgspec.json.decode, gzip.decompress(self.bucket.get(key)).splitlines())
        return {record["record_id"] for record in records if record["record_id"]}

    def put_certificate(self, certificate: Certificate) -> None:
        """Writes the certificate of a run."""
        key = _certificate_key(certificate.dataset, certificate.run)
        self.bucket.put_json(key, msgspec.to_builtins(certificate))

    def certificate(self, dataset: str, run: str) -> Certificate:
        """The certificate of a run. Raises `ManifestInvalid` if it is missing or malformed."""
        key = _certificate_key(dataset, run)
        document = self.bucket.get_json(key)
        if document is None:
            raise ManifestInvalid(f"The run {run} of {dataset} has no certificate; land it again.")
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
        names = (key.rpartition("/")[2] for key, _ in self.bucket.sizes(f"manifests/{dataset}/"))
        runs = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return sorted(filter(is_run, runs))

    def manifest_url(self, dataset: str, run: str) -> str:
        """The URL of a run's manifest, whether or not it exists."""
        return self.bucket.url(_manifest_key(dataset, run))

    def has_manifest(self, dataset: str, run: str) -> bool:
        """Whether the run was landed."""
        return self.bucket.size(_manifest_key(dataset, run)) is not None

    def manifest(self, dataset: str, run: str) -> Manifest:
        """The manifest of a run. Raises `ManifestInvalid` if it is missing or malformed."""
        url = self.manifest_url(dataset, run)
        document = self.bucket.get_json(_manifest_key(dataset, run))
        if document is None:
            raise ManifestInvalid(f"There is no manifest {url}. Land the run {run} of {dataset} again.")
        return read_manifest(dataset, run, url, document)

    def newest_complete(
        self, dataset: str, countries: Collection[str] = ()
    ) -> tuple[Manifest, Certificate] | None:
        """Manifest and certificate of the newest complete run whose scope has these countries and whose parts
        all exist; None if there is none."""
        for run in reversed(self.manifests(dataset)):
            try:
                manifest, certificate = self.manifest(dataset, run), self.certificate(dataset, run)
                if certificate.complete and set(countries) <= set(certificate.scope.countries):
                    self.verify(manifest)
                    return manifest, certificate
            except ManifestInvalid as invalid:
                log.warning("skipped: %s", invalid)
        return None

    def verify(self, manifest: Manifest) -> None:
        """Raises `ManifestInvalid` if a part of the manifest is missing or has another size."""
        for part in manifest.parts:
            size = self.bucket.size(self._key(part))
            if size != part.content_length:
                state = "missing" if size is None else f"{size} bytes long instead of {part.content_length}"
                raise _altered(manifest, part, state)

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
