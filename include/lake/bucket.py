"""Objects in one S3 bucket, through a boto3 client. `bucket_setup.py` sets up the bucket itself.

Every request names the expected owner, so S3 rejects it if the bucket belongs to another account:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html

`s3_errors.py` says what S3's errors become.
"""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TypeVar

import msgspec
from botocore.exceptions import ClientError

from include.errors import ManifestInvalid
from include.lake.s3_errors import BROKEN, WITHHELD, translated, unless_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_Document = TypeVar("_Document")

WAITS: tuple[float, ...] = (1, 4, 10)
"""Seconds before the second, third and last try of a request; boto3 itself makes several attempts in each."""
_CHUNK = 1024 * 1024


class Bucket:
    """One bucket. Objects are written whole, so no reader sees half of one."""

    def __init__(self, s3: "S3Client", name: str, owner: str | None = None, encryption: str = "") -> None:
        """`owner` is the account that must own the bucket; None skips the check. `encryption` is requested for
        every object: `AES256`, `aws:kms`, or a KMS key; empty leaves it to the bucket."""
        self.s3 = s3
        self.name = name
        self.of_bucket: dict[str, Any] = {"Bucket": name} | ({"ExpectedBucketOwner": owner} if owner else {})
        """The arguments of every request."""
        self._encrypted: dict[str, Any] = {}
        if encryption in ("AES256", "aws:kms"):
            self._encrypted = {"ServerSideEncryption": encryption}
        elif encryption:
            self._encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption}

    def url(self, key: str) -> str:
        """The URL of an object."""
        return f"s3://{self.name}/{key}"

    def put(self, key: str, body: bytes | IO[bytes], content_type: str | None = None) -> None:
        """Writes an object."""
        about = self._encrypted | ({"ContentType": content_type} if content_type else {})

        def ask() -> None:
            if not isinstance(body, bytes):
                body.seek(0)
            self.s3.put_object(**self.of_bucket, Key=key, Body=body, **about)

        self.ask(f"writing {self.url(key)}", ask)

    def put_json(self, key: str, document: msgspec.Struct | Mapping[str, Any]) -> None:
        """Writes an object as indented JSON."""
        self.put(
            key, json.dumps(msgspec.to_builtins(document), indent=1, ensure_ascii=False).encode() + b"\n"
        )

    def put_new(self, key: str, body: bytes) -> bool:
        """Writes an object unless it exists, and returns whether it did. Of concurrent writers, only one does."""

        def ask() -> bool:
            try:
                self.s3.put_object(**self.of_bucket, Key=key, Body=body, IfNoneMatch="*", **self._encrypted)
            except ClientError as error:
                # ConditionalRequestConflict: another writer is active (S3 User Guide, conditional writes).
                if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                    return False
                raise
            return True

        return self.ask(f"writing {self.url(key)}", ask)

    def get(self, key: str) -> bytes:
        """An object's content. Raises `ManifestInvalid` if it does not exist."""
        content = self.find(key)
        if content is None:
            raise ManifestInvalid(
                f"{self.url(key)} does not exist. Land the run again, or trigger a new one."
            )
        return content

    def find(self, key: str) -> bytes | None:
        """An object's content; None if it does not exist."""
        return self._read(key, lambda: self.s3.get_object(**self.of_bucket, Key=key)["Body"].read())

    def get_json(self, key: str, kind: type[_Document], remedy: str) -> _Document | None:
        """A document of this type; None if it does not exist.

        Raises `ManifestInvalid`, which tells the reader the `remedy`, if it has another form.
        """
        content = self.find(key)
        if content is None:
            return None
        try:
            return msgspec.json.decode(content, type=kind)
        except (ValueError, RecursionError) as error:  # the latter: it is nested too deep
            raise ManifestInvalid(f"{self.url(key)} is malformed ({error}). {remedy}") from None

    def tail(self, key: str, length: int) -> tuple[int, bytes] | None:
        """The size of an object and at most that many of its last bytes; None if it does not exist."""

        def last() -> tuple[int, bytes]:
            try:
                found = self.s3.get_object(**self.of_bucket, Key=key, Range=f"bytes=-{length}")
            except ClientError as error:
                if error.response["Error"]["Code"] == "InvalidRange":  # it is empty
                    return 0, b""
                raise
            content = found["Body"].read()
            return int(found.get("ContentRange", f"/{len(content)}").rpartition("/")[2]), content

        return self._read(key, last)

    def download(self, key: str, file: IO[bytes]) -> None:
        """Writes an object's content to the file and rewinds it. Raises `ManifestInvalid` if there is none."""

        def ask() -> bool:
            file.seek(0)
            file.truncate()
            # boto3's download_fileobj would hold dozens of megabytes in the queues of its threads.
            shutil.copyfileobj(self.s3.get_object(**self.of_bucket, Key=key)["Body"], file, _CHUNK)
            return True

        if not self._read(key, ask):
            raise ManifestInvalid(f"{self.url(key)} does not exist. Land the run again.")
        file.seek(0)

    def size(self, key: str) -> int | None:
        """An object's size in bytes; None if it does not exist."""
        return self.ask(
            f"looking for {self.url(key)}",
            lambda: unless_missing(lambda: self.s3.head_object(**self.of_bucket, Key=key)["ContentLength"]),
        )

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Key and size of each object under a prefix, in the order of the keys."""
        after: dict[str, Any] = {}
        while True:
            page = self.ask(f"listing {self.url(prefix)}", partial(self._page, prefix, after))
            for found in page.get("Contents", ()) if page else ():
                yield found["Key"], found["Size"]
            if not page or not page.get("IsTruncated"):
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects, one after the other."""
        for key in keys:
            self.ask(
                f"deleting {self.url(key)}",
                lambda key=key: self.s3.delete_object(**self.of_bucket, Key=key),  # type: ignore[misc]
            )

    def ask(self, what: str, request: Callable[[], _Result]) -> _Result:
        """What a request returns; it is retried where that may help.

        Raises `StorageUnavailable` or `SettingInvalid`; `what` describes the request in their messages.
        """
        for wait in (*WAITS, None):
            try:
                return request()
            except (ClientError, *BROKEN) as error:
                ours = translated(
                    what,
                    error,
                    bucket=self.name,
                    owner=self.of_bucket.get("ExpectedBucketOwner"),
                    ask_why=lambda: self.s3.list_objects_v2(**self.of_bucket, MaxKeys=1),
                    last=wait is None,
                )
                if wait is None or not ours.retryable:
                    raise ours from None
                log.info("%s; retrying in %g s", ours, wait)
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _read(self, key: str, request: Callable[[], _Result]) -> _Result | None:
        """What a request for an object returns; None if it does not exist.

        Raises `ManifestInvalid` if S3 has the object and will not hand it out, whoever asks.
        """

        def ask() -> _Result | None:
            try:
                return unless_missing(request)
            except ClientError as error:
                if error.response["Error"]["Code"] not in WITHHELD:
                    raise
                raise ManifestInvalid(
                    f"S3 does not hand out {self.url(key)}: {error}. Restore the object or its key, or land the "
                    "run again."
                ) from None

        return self.ask(f"reading {self.url(key)}", ask)

    def _page(self, prefix: str, after: dict[str, Any]) -> Any:
        return unless_missing(lambda: self.s3.list_objects_v2(**self.of_bucket, Prefix=prefix, **after))
