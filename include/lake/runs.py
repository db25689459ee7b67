"""The bucket: where everything the ingestion writes lies, and what makes it count.

    raw/<dataset>/<run>/…                      answers as received, see include/lake/raw.py
    lake/<dataset>/<run>/part-00000.parquet    typed rows
    rejected/<dataset>/<run>/rejected.jsonl.gz refused records
    certificates/<dataset>/<run>.json          what was asked, reported, received and refused
    manifests/<dataset>/<run>.json             written last; names the parts that exist
    quota/<source>.json                        calls made of the day's quota, see include/sources/client/

A part that no manifest names does not exist. Writing the same rows again gives the same bytes. `<run>` is
the run's instant, the same for all its tries.
"""

import gzip
import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from include.errors import ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.parquet import count_rows, parquet_files, redshift_types
from include.lake.raw import RawRun

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

_RUN = "%Y-%m-%dT%H%M%SZ"
_AUTHOR = {"name": "musician-warehouse", "version": "1.0"}


def run_id(instant: datetime) -> str:
    """The name of the run of this instant, such as 2026-11-22T060000Z."""
    return instant.astimezone(UTC).strftime(_RUN)


def run_instant(run: str) -> datetime:
    """The instant a run is named for, in UTC."""
    return datetime.strptime(run, _RUN).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The objects that a run of a dataset consists of."""

    dataset: str
    run: str
    url: str
    record_count: int
    entries: tuple[tuple[str, int, int], ...]
    """Per object: URL, bytes, rows."""


class Lake:
    """One bucket, through a boto3 client."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.objects = Bucket(s3, bucket)

    def raw(self, dataset: str, run: str) -> RawRun:
        """What the fetch of a run keeps."""
        return RawRun(self.objects, dataset, run)

    def put_parts(
        self, dataset: str, run: str, row_type: type[msgspec.Struct], rows: Iterable[msgspec.Struct]
    ) -> list[tuple[str, int, int]]:
        """Writes rows as Parquet objects, at least one; the entries for their manifest."""
        entries = []
        with tempfile.TemporaryFile() as file:
            for number, (size, count) in enumerate(parquet_files(file, row_type, rows)):
                key = f"lake/{dataset}/{run}/part-{number:05}.parquet"
                self.objects.put(key, file)
                entries.append((self.url(key), size, count))
        return entries

    @contextmanager
    def rejecting(self, dataset: str, run: str) -> Iterator[Callable[[dict[str, Any]], object]]:
        """Takes refused records one by one, and writes them, a JSON document a line, when the block ends."""
        with tempfile.TemporaryFile() as file:
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                yield lambda record: packed.write(msgspec.json.encode(record) + b"\n")
            file.seek(0)
            self.objects.put(_rejected_key(dataset, run), file)

    def refused(self, dataset: str, run: str) -> set[str]:
        """The ids of the records that landing a run refused, of those that have one."""
        key = _rejected_key(dataset, run)
        if self.objects.size(key) is None:
            return set()
        records = map(msgspec.json.decode, gzip.decompress(self.objects.get(key)).splitlines())
        return {record["record_id"] for record in records if record["record_id"]}

    def put_certificate(self, dataset: str, run: str, certificate: dict[str, Any]) -> None:
        """Writes what was asked, received and refused."""
        self.objects.put_json(f"certificates/{dataset}/{run}.json", certificate)

    def certificate(self, dataset: str, run: str) -> dict[str, Any]:
        """The certificate of a run. Raises `ManifestInvalid` when there is none."""
        found = self.objects.get_json(f"certificates/{dataset}/{run}.json")
        if found is None:
            raise ManifestInvalid(f"The run {run} of {dataset} has no certificate; land it again.")
        return found

    def put_manifest(
        self,
        dataset: str,
        run: str,
        row_type: type[msgspec.Struct],
        entries: Sequence[tuple[str, int, int]],
    ) -> None:
        """Makes the parts exist, in the form of UNLOAD … MANIFEST VERBOSE, which COPY … MANIFEST reads."""
        document = {
            "entries": [
                {
                    "url": url,
                    "mandatory": True,
                    "meta": {"content_length": size, "record_count": count},
                }
                for url, size, count in entries
            ],
            "schema": {
                "elements": [
                    {"name": name, "type": {"base": base}} for name, base in redshift_types(row_type).items()
                ]
            },
            "meta": {
                "content_length": sum(size for _, size, _ in entries),
                "record_count": sum(count for _, _, count in entries),
            },
            "author": _AUTHOR,
        }
        self.objects.put_json(_manifest_key(dataset, run), document)

    def remove_manifest(self, dataset: str, run: str) -> None:
        """Makes the parts of a run cease to exist, before they are written anew."""
        self.objects.delete([_manifest_key(dataset, run)])

    def manifests(self, dataset: str) -> list[str]:
        """The runs of a dataset that have a manifest, the oldest first."""
        names = (key.rpartition("/")[2] for key, _ in self.objects.sizes(f"manifests/{dataset}/"))
        runs = (re.fullmatch(r"(\d{4}-\d\d-\d\dT\d{6}Z)\.json", name) for name in names)
        return sorted(run[1] for run in runs if run)

    def manifest_url(self, dataset: str, run: str) -> str:
        """Where the manifest of a run is, or will be."""
        return self.url(_manifest_key(dataset, run))

    def has_manifest(self, dataset: str, run: str) -> bool:
        """Whether the run was landed."""
        return self.objects.size(_manifest_key(dataset, run)) is not None

    def manifest(self, dataset: str, run: str) -> Manifest:
        """What a run consists of. Raises `ManifestInvalid` when it has no manifest, or a malformed one."""
        url = self.manifest_url(dataset, run)
        document = self.objects.get_json(_manifest_key(dataset, run))
        if document is None:
            raise ManifestInvalid(f"There is no manifest {url}. Land the run {run} of {dataset} again.")
        try:
            return Manifest(
                dataset,
                run,
                url,
                int(document["meta"]["record_count"]),
                tuple(
                    (
                        str(entry["url"]),
                        int(entry["meta"]["content_length"]),
                        int(entry["meta"]["record_count"]),
                    )
                    for entry in document["entries"]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestInvalid(f"{url} is malformed ({error!r}). Land the run again.") from None

    def newest_complete(self, dataset: str) -> tuple[Manifest, dict[str, Any]] | None:
        """Manifest and certificate of the newest run that proved complete and whose parts are all there."""
        for run in reversed(self.manifests(dataset)):
            try:
                manifest, certificate = self.manifest(dataset, run), self.certificate(dataset, run)
                if certificate.get("complete"):
                    self.verify(manifest)
                    return manifest, certificate
            except ManifestInvalid as invalid:
                log.warning("passed over: %s", invalid)
        return None

    def verify(self, manifest: Manifest) -> None:
        """Raises `ManifestInvalid` when an object the manifest names is missing, or has another size."""
        for url, size, _ in manifest.entries:
            found = self.objects.size(url.removeprefix(self.url("")))
            if found != size:
                state = "missing" if found is None else f"{found} bytes long instead of {size}"
                raise _altered(manifest, url, state)

    def read_through(self, manifest: Manifest) -> None:
        """Raises `ManifestInvalid` when an object the manifest names cannot be read, or has other rows."""
        for url, _, rows in manifest.entries:
            with tempfile.TemporaryFile() as file:
                self.s3.download_fileobj(self.bucket, url.removeprefix(self.url("")), file)
                try:
                    found = count_rows(file)
                except ValueError as error:
                    raise _altered(manifest, url, f"not readable ({error})") from None
            if found != rows:
                raise _altered(manifest, url, f"{found} rows long instead of {rows}")

    def url(self, key: str) -> str:
        """The address of an object of the bucket."""
        return self.objects.url(key)


def _altered(manifest: Manifest, url: str, state: str) -> ManifestInvalid:
    return ManifestInvalid(
        f"{manifest.url} names {url}, which is {state}. "
        f"Land the run {manifest.run} of {manifest.dataset} again."
    )


def _manifest_key(dataset: str, run: str) -> str:
    return f"manifests/{dataset}/{run}.json"


def _rejected_key(dataset: str, run: str) -> str:
    return f"rejected/{dataset}/{run}/rejected.jsonl.gz"
