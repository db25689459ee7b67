"""What S3's errors become (`bucket.py` retries temporary ones a few times first):

5xx, no connection, a broken one, `SlowDown` and the like    StorageUnavailable
no credentials, an expired token, a wrong clock              StorageUnavailable
an object that is archived, or whose key is not ours         ManifestInvalid, which names it
any other rejection                                          SettingInvalid, which says what to check
"""

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from include.errors import PipelineError, SettingInvalid, StorageUnavailable

Result = TypeVar("Result")

_MISSING = ("404", "NoSuchKey", "NoSuchBucket")
_PASSES = {
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired",
    "RequestTimeTooSkewed", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException",
    "OperationAborted", "BadDigest", "IncompleteBody",
}  # fmt: skip
"""https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
WITHHELD = {
    "InvalidObjectState", "InvalidRequest", "KeyTooLongError",
    "KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException",
}  # fmt: skip
"""Of one object: it is archived, or encrypted with a key of the customer's or one that is gone."""
BROKEN = (BotoCoreError, OSError)
"""No response, or half of one. Missing credentials are among them: the service that hands them out may be down."""


def translated(
    what: str, error: Exception, *, bucket: str, owner: str | None, ask_why: Callable[[], object], last: bool
) -> PipelineError:
    """The error to raise for one that a request raised; `what` describes the request.

    `ask_why` sends a request that fails in the same way, and whose response has a body. After the `last` try, what is
    still unexplained counts as a rejection.
    """
    if not isinstance(error, ClientError):
        return StorageUnavailable(
            f"S3 cannot be reached ({what}): {error}. If it does not recover, check the credentials and the "
            "endpoint of the connection `aws_default`."
        )
    bare = error.response["Error"]["Code"] in ("400", "403")
    if bare:  # the response to a HEAD has no body that says why; the one to a GET does
        try:
            ask_why()
        except ClientError as reason:
            error = reason
        except BROKEN as broken:
            return translated(what, broken, bucket=bucket, owner=owner, ask_why=ask_why, last=last)
    code = error.response["Error"]["Code"]
    unexplained = bare and code in ("400", "403")  # what may pass has passed since
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    passes = code in _PASSES or code in ("400", "InternalError", "ServiceUnavailable")
    if status >= 500 or passes or (unexplained and not last):
        return StorageUnavailable(
            f"S3 is not available ({what}): {error}. If it does not recover, check the credentials of "
            "the connection `aws_default` and this machine's clock."
        )
    return SettingInvalid(
        f"S3 rejected {what}: {error}. Check MUSICIAN_BUCKET ({bucket}), the permissions of the "
        "connection `aws_default`, and the bucket's policy: "
        + (f"the bucket must belong to account {owner} (MUSICIAN_BUCKET_OWNER), and " if owner else "")
        + "if it requires an encryption header or a KMS key, set MUSICIAN_BUCKET_ENCRYPTION."
    )


def unless_missing(request: Callable[[], Result]) -> Result | None:
    """What a request returns; None if there is no such object."""
    try:
        return request()
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise
