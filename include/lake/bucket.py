"""Objects in one S3 bucket, and the bucket itself."""

import json
import logging
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from include.errors import ManifestInvalid, SettingInvalid

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)
_MISSING = ("404", "NoSuchKey", "NoSuchBucket")


class Bucket:
    """One bucket, through a boto3 client. Objects are put whole, so nobody sees half of one."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self.s3 = s3
        self.name = name

    def ensure(self, raw_retention_days: int) -> None:
        """Creates the bucket if there is none: encrypted, closed to the public, `raw/` expiring after days.

        One that exists is left as it is, but for the expiry, if it has no lifecycle rules. Raises
        `SettingInvalid` for one that we may not use.
        """
        try:
            self.s3.head_bucket(Bucket=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "404":
                raise SettingInvalid(
                    f"The bucket {self.name} (MUSICIAN_BUCKET) exists but may not be used: {error}. "
                    "Choose another name, or allow the connection `aws_default` to use it."
                ) from None
        else:
            self._ensure_raw_expires(raw_retention_days)
            return
        region = self.s3.meta.region_name
        if region == "us-east-1":
            self.s3.create_bucket(Bucket=self.name)
        else:
            self.s3.create_bucket(
                Bucket=self.name,
                CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
            )
        self.s3.put_public_access_block(
            Bucket=self.name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        self.s3.put_bucket_encryption(
            Bucket=self.name,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        self._expire_raw(raw_retention_days)

    def _ensure_raw_expires(self, days: int) -> None:
        try:
            self.s3.get_bucket_lifecycle_configuration(Bucket=self.name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
                self._expire_raw(days)
            else:
                log.warning(
                    "%s: cannot see whether raw/ expires, which the terms of the APIs ask for: %s",
                    self.name, error,
                )  # fmt: skip

    def _expire_raw(self, days: int) -> None:
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=self.name,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "raw responses expire",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "raw/"},
                        "Expiration": {"Days": days},
                    }
                ]
            },
        )

    def url(self, key: str) -> str:
        """The address of an object."""
        return f"s3://{self.name}/{key}"

    def put(self, key: str, body: bytes | IO[bytes]) -> None:
        """Writes an object."""
        self.s3.put_object(Bucket=self.name, Key=key, Body=body)

    def put_json(self, key: str, document: dict[str, Any]) -> None:
        """Writes a document for people and programs to read."""
        self.put(key, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")

    def put_new(self, key: str, body: bytes) -> bool:
        """Writes an object unless there is one; whether it did. Of several writers, one does."""
        try:
            self.s3.put_object(Bucket=self.name, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            # The second one: another writer is at it, see S3's user guide, conditional writes.
            if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def get(self, key: str) -> bytes:
        """An object's content."""
        return self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()

    def get_json(self, key: str) -> dict[str, Any] | None:
        """A document; None when there is none. Raises `ManifestInvalid` when it cannot be read."""
        try:
            found = json.loads(self.get(key))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        except ValueError as error:
            raise ManifestInvalid(f"{self.url(key)} is not JSON ({error}). Land the run again.") from None
        if not isinstance(found, dict):
            raise ManifestInvalid(f"{self.url(key)} is not a JSON object. Land the run again.")
        return found

    def size(self, key: str) -> int | None:
        """An object's size in bytes; None when there is none."""
        try:
            return self.s3.head_object(Bucket=self.name, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Key and size of each object whose key begins so, in the order of the keys."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        try:
            for page in pages:
                for found in page.get("Contents", []):
                    yield found["Key"], found["Size"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects, one after the other."""
        for key in keys:
            self.s3.delete_object(Bucket=self.name, Key=key)
