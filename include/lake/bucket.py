"""Objects in one S3 bucket, through a boto3 client. How the bucket itself is set up is in `bucket_setup.py`.

Every request names the expected owner, so a bucket of somebody else is refused before it is read or written:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html

What S3's errors become (those that pass are asked again a few times before):

    5xx, no connection, a broken one, `SlowDown` and the like    StorageUnavailable
    an expired token, a clock that is wrong                      StorageUnavailable
    anything else that is refused                                SettingInvalid, which names what to look at
"""

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import IO, TYPE_CHECKING, Any, TypeVar

import msgspec
from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
)

from include.errors import ManifestInvalid, PipelineError, SettingInvalid, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_Document = TypeVar("_Document")

WAITS: tuple[float, ...] = (1, 4, 10)
"""Seconds before the second, third and last try of a request; boto3 makes several within each."""
_MISSING = ("404", "NoSuchKey", "NoSuchBucket")
_PASSES = {
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired",
    "RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException",
    "OperationAborted", "BadDigest", "IncompleteBody",
}  # fmt: skip
"""https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
_BROKEN = (
    HTTPClientError, IncompleteReadError, CredentialRetrievalError, MetadataRetrievalError, Boto3Error, OSError,
)  # fmt: skip


class Bucket:
    """One bucket. Objects are put whole, so nobody sees half of one."""

    def __init__(self, s3: "S3Client", name: str, owner: str | None = None, encryption: str = "") -> None:
        """`owner` is the account that must own the bucket; None does not ask. `encryption` is what each put
        asks for: `AES256`, `aws:kms`, or a KMS key; empty leaves it to the bucket."""
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
        """The address of an object."""
        return f"s3://{self.name}/{key}"

    def put(self, key: str, body: bytes | IO[bytes], content_type: str | None = None) -> None:
        """Writes an object."""
        about = self._encrypted | ({"ContentType": content_type} if content_type else {})

        def ask() -> None:
            if not isinstance(body, bytes):
                body.seek(0)
            self.s3.put_object(**self.of_bucket, Key=key, Body=body, **about)

        self.ask(f"writing {self.url(key)}", ask)

    def put_json(self, key: str, document: dict[str, Any]) -> None:
        """Writes a document for people and programs to read."""
        self.put(key, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")

    def put_new(self, key: str, body: bytes) -> bool:
        """Writes an object unless there is one; whether it did. Of several writers, one does."""

        def ask() -> bool:
            try:
                self.s3.put_object(**self.of_bucket, Key=key, Body=body, IfNoneMatch="*", **self._encrypted)
            except ClientError as error:
                # The second one: another writer is at it, see S3's user guide, conditional writes.
                if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                    return False
                raise
            return True

        return self.ask(f"writing {self.url(key)}", ask)

    def get(self, key: str) -> bytes:
        """An object's content. Raises `ManifestInvalid` when there is none."""
        found = self._get(key)
        if found is None:
            raise ManifestInvalid(f"There is no {self.url(key)}. Land the run again, or trigger a new one.")
        return found

    def get_json(self, key: str, kind: type[_Document], remedy: str) -> _Document | None:
        """A document of this type; None when there is none.

        Raises `ManifestInvalid` when it has another form, which says that `remedy` is what to do.
        """
        content = self._get(key)
        if content is None:
            return None
        try:
            return msgspec.json.decode(content, type=kind)
        except (ValueError, RecursionError) as error:  # the latter: it is nested too deep
            raise ManifestInvalid(f"{self.url(key)} is malformed ({error}). {remedy}") from None

    def tail(self, key: str, length: int) -> tuple[int, bytes] | None:
        """An object's size and, at most, so many of its last bytes; None when there is none."""

        def last() -> tuple[int, bytes]:
            try:
                found = self.s3.get_object(**self.of_bucket, Key=key, Range=f"bytes=-{length}")
            except ClientError as error:
                if error.response["Error"]["Code"] == "InvalidRange":  # it is empty
                    return 0, b""
                raise
            content = found["Body"].read()
            return int(found.get("ContentRange", f"/{len(content)}").rpartition("/")[2]), content

        return self.ask(f"reading {self.url(key)}", lambda: _unless_missing(last))

    def download(self, key: str, file: IO[bytes]) -> None:
        """Writes an object's content to the file, which then stands at its start."""

        def ask() -> bool:
            file.seek(0)
            file.truncate()
            owner = {name: value for name, value in self.of_bucket.items() if name != "Bucket"}
            self.s3.download_fileobj(self.name, key, file, ExtraArgs=owner)
            return True

        if not self.ask(f"reading {self.url(key)}", lambda: _unless_missing(ask)):
            raise ManifestInvalid(f"There is no {self.url(key)}. Land the run again.")
        file.seek(0)

    def size(self, key: str) -> int | None:
        """An object's size in bytes; None when there is none."""
        return self.ask(
            f"looking for {self.url(key)}",
            lambda: _unless_missing(lambda: self.s3.head_object(**self.of_bucket, Key=key)["ContentLength"]),
        )

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Key and size of each object whose key begins so, in the order of the keys."""
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
        """What a request returns, in several tries where that may help.

        Raises `StorageUnavailable` or `SettingInvalid`; `what` is what their messages say was being done.
        """
        for wait in (*WAITS, None):
            try:
                return request()
            except (ClientError, *_BROKEN) as error:
                named = self._named(what, error)
                if wait is None or not named.retryable:
                    raise named from None
                log.info("%s; asking again in %g s", named, wait)
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _get(self, key: str) -> bytes | None:
        def content() -> bytes:
            return self.s3.get_object(**self.of_bucket, Key=key)["Body"].read()

        return self.ask(f"reading {self.url(key)}", lambda: _unless_missing(content))

    def _page(self, prefix: str, after: dict[str, Any]) -> Any:
        return _unless_missing(lambda: self.s3.list_objects_v2(**self.of_bucket, Prefix=prefix, **after))

    def _named(self, what: str, error: Exception) -> PipelineError:
        if not isinstance(error, ClientError):
            return StorageUnavailable(f"S3 cannot be reached ({what}): {error}")
        bare = error.response["Error"]["Code"] in ("400", "403")
        if bare:  # the response to a HEAD has no body that says why; that to a GET has
            try:
                self.s3.list_objects_v2(**self.of_bucket, MaxKeys=1)
            except ClientError as reason:
                error = reason
            except _BROKEN as broken:
                return StorageUnavailable(f"S3 cannot be reached ({what}): {broken}")
        code = error.response["Error"]["Code"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or code in _PASSES or code in ("400", "InternalError", "ServiceUnavailable"):
            return StorageUnavailable(
                f"S3 is not available ({what}): {error}. It may be later; if not, look at the credentials of "
                "the connection `aws_default` and at this machine's clock."
            )
        owner = self.of_bucket.get("ExpectedBucketOwner")
        return SettingInvalid(
            f"S3 refused {what}: {error}. Look at MUSICIAN_BUCKET ({self.name}), at what the connection "
            "`aws_default` may do, and at the bucket's policy: "
            + (f"it must belong to account {owner} (MUSICIAN_BUCKET_OWNER), and " if owner else "")
            + "if it demands an encryption header or a KMS key, set MUSICIAN_BUCKET_ENCRYPTION."
        )


def _unless_missing(request: Callable[[], _Result]) -> _Result | None:
    try:
        return request()
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise
