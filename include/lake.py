"""The bucket: where everything the ingestion writes lies, and what makes it count.

    raw/<dataset>/<run>/<request>.jsonl.gz     an answer as received, one JSON document a line
    raw/<dataset>/<run>/crawl.json             what was asked, written when the crawl is over
    lake/<dataset>/<run>/part-00000.parquet    typed rows
    rejected/<dataset>/<run>/rejected.jsonl.gz refused records
    certificates/<dataset>/<run>.json          what was asked, reported, received and refused
    manifests/<dataset>/<run>.json             written last; names the parts that exist

A part that no manifest names does not exist. Objects are put whole, so nobody sees half of one, and
writing the same rows again gives the same bytes. `<run>` is the run's instant, the same for all its tries.
"""

import gzip
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from include.errors import ManifestInvalid, SettingInvalid
from include.parquet import parquet_files, redshift_types

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_RUN = "%Y-%m-%dT%H%M%SZ"
_AUTHOR = {"name": "musician-warehouse", "version": "1.0"}


def run_id(instant: datetime) -> str:
    """The name of the run of this instant, such as 2026-11-22T060000Z."""
    return instant.astimezone(UTC).strftime(_RUN)


def run_instant(run: str) -> datetime:
    """The instant a run is named for, in UTC."""
    return datetime.strptime(run, _RUN).replace(tzinfo=UTC)


class RawAnswer(msgspec.Struct, frozen=True):
    """One line of a raw object: what was asked, without the key, and what came."""

    request: dict[str, str]
    status: int
    received_at: datetime
    body: msgspec.Raw


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

    def ensure_bucket(self, raw_retention_days: int) -> None:
        """Creates the bucket if there is none: encrypted, closed to the public, `raw/` expiring after days.

        One that exists is left as it is. Raises `SettingInvalid` for one that we may not use.
        """
        try:
            self.s3.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise SettingInvalid(
                    f"The bucket {self.bucket} (MUSICIAN_BUCKET) exists but may not be used: {error}. "
                    "Choose another name, or allow the connection `aws_default` to use it."
                ) from None
        else:
            return
        region = self.s3.meta.region_name
        if region == "us-east-1":
            self.s3.create_bucket(Bucket=self.bucket)
        else:
            self.s3.create_bucket(
                Bucket=self.bucket,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
            )
        self.s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        self.s3.put_bucket_encryption(
            Bucket=self.bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=self.bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "raw responses expire",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "raw/"},
                        "Expiration": {"Days": raw_retention_days},
                    }
                ]
            },
        )

    # Raw answers

    def put_raw(
        self,
        dataset: str,
        run: str,
        name: str,
        request: Mapping[str, str],
        status: int,
        received_at: datetime,
        body: bytes,
    ) -> None:
        """Keeps an answer. Its line holds the body byte for byte, unless that spans several lines."""
        if b"\n" in body:
            body = msgspec.json.encode(msgspec.json.decode(body))
        line = msgspec.json.encode(RawAnswer(dict(request), status, received_at, msgspec.Raw(body))) + b"\n"
        self._put(raw_key(dataset, run, name), gzip.compress(line, 1, mtime=0))

    def raw(self, dataset: str, run: str, name: str) -> RawAnswer:
        """An answer kept before."""
        return msgspec.json.decode(gzip.decompress(self._get(raw_key(dataset, run, name))), type=RawAnswer)

    def raw_names(self, dataset: str, run: str) -> set[str]:
        """The requests of a run whose answers are kept."""
        prefix, suffix = raw_key(dataset, run, "\0").split("\0")
        return {
            key.removeprefix(prefix).removesuffix(suffix)
            for key in self._keys(prefix)
            if key.endswith(suffix)
        }

    def put_crawl(self, dataset: str, run: str, crawl: dict[str, Any]) -> None:
        """Says that the crawl is over, and what was asked for what."""
        self._put(f"raw/{dataset}/{run}/crawl.json", _json(crawl))

    def crawl(self, dataset: str, run: str) -> dict[str, Any] | None:
        """What `put_crawl` said; None when the crawl is not over."""
        return self._get_json(f"raw/{dataset}/{run}/crawl.json")

    # What is made of them

    def put_parts(
        self, dataset: str, run: str, row_type: type[msgspec.Struct], rows: Iterable[msgspec.Struct]
    ) -> list[tuple[str, int, int]]:
        """Writes rows as Parquet objects, at least one; the entries for their manifest."""
        entries = []
        with tempfile.TemporaryFile() as file:
            for number, (size, count) in enumerate(parquet_files(file, row_type, rows)):
                key = f"lake/{dataset}/{run}/part-{number:05}.parquet"
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=file)
                entries.append((self.url(key), size, count))
        return entries

    def put_rejected(self, dataset: str, run: str, rejected: Iterable[dict[str, Any]]) -> str:
        """Writes refused records, one JSON document a line; the object's URL."""
        key = f"rejected/{dataset}/{run}/rejected.jsonl.gz"
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in rejected)
        self._put(key, gzip.compress(lines, 6, mtime=0))
        return self.url(key)

    def put_certificate(self, dataset: str, run: str, certificate: dict[str, Any]) -> None:
        """Writes what was asked, received and refused."""
        self._put(f"certificates/{dataset}/{run}.json", _json(certificate))

    def certificate(self, dataset: str, run: str) -> dict[str, Any]:
        """The certificate of a run. Raises `ManifestInvalid` when there is none."""
        found = self._get_json(f"certificates/{dataset}/{run}.json")
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
        self._put(_manifest_key(dataset, run), _json(document))

    def manifests(self, dataset: str) -> list[str]:
        """The runs of a dataset that have a manifest, the oldest first."""
        names = (key.rpartition("/")[2] for key in self._keys(f"manifests/{dataset}/"))
        runs = (re.fullmatch(r"(\d{4}-\d\d-\d\dT\d{6}Z)\.json", name) for name in names)
        return sorted(run[1] for run in runs if run)

    def manifest_url(self, dataset: str, run: str) -> str:
        """Where the manifest of a run is, or will be."""
        return self.url(_manifest_key(dataset, run))

    def has_manifest(self, dataset: str, run: str) -> bool:
        """Whether the run was landed."""
        return self._size(_manifest_key(dataset, run)) is not None

    def manifest(self, dataset: str, run: str) -> Manifest:
        """What a run consists of. Raises `ManifestInvalid` when it has no manifest, or a malformed one."""
        url = self.manifest_url(dataset, run)
        document = self._get_json(_manifest_key(dataset, run))
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

    def verify(self, manifest: Manifest) -> None:
        """Raises `ManifestInvalid` when an object the manifest names is missing, or has another size."""
        for url, size, _ in manifest.entries:
            found = self._size(url.removeprefix(self.url("")))
            if found != size:
                state = "missing" if found is None else f"{found} bytes long instead of {size}"
                raise ManifestInvalid(
                    f"{manifest.url} names {url}, which is {state}. "
                    f"Land the run {manifest.run} of {manifest.dataset} again."
                )

    def url(self, key: str) -> str:
        """The address of an object of the bucket."""
        return f"s3://{self.bucket}/{key}"

    def _put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def _get(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def _get_json(self, key: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self._get(key))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
                return None
            raise
        except ValueError as error:
            raise ManifestInvalid(f"{self.url(key)} is not JSON ({error}). Land the run again.") from None
        if not isinstance(found, dict):
            raise ManifestInvalid(f"{self.url(key)} is not a JSON object. Land the run again.")
        return found

    def _size(self, key: str) -> int | None:
        try:
            return self.s3.head_object(Bucket=self.bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
                return None
            raise

    def _keys(self, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        try:
            for page in pages:
                for found in page.get("Contents", []):
                    yield found["Key"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise


def raw_key(dataset: str, run: str, name: str) -> str:
    """Where the answer to a request lies."""
    return f"raw/{dataset}/{run}/{name}.jsonl.gz"


def _manifest_key(dataset: str, run: str) -> str:
    return f"manifests/{dataset}/{run}.json"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
