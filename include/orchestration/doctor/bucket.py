"""Checks the bucket."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from include.lake.bucket import Bucket
from include.lake.expiry import expires_raw
from include.orchestration import connections
from include.orchestration.doctor import Finding, bad, examined, good, unknown
from include.orchestration.doctor.policies import listed, statements_of
from include.settings import Settings

_MISSING = (
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchPublicAccessBlockConfiguration",
)
_SHORTEST_SIGNATURE = 3_600_000
"""Milliseconds for which COPY's presigned URLs must be valid: "COPY from columnar data formats"."""


def examine(settings: Settings) -> Iterator[Finding]:
    """The findings about the bucket."""
    findings: list[Finding] = []
    with examined(findings, "aws_default"):
        bucket = connections.lake(settings).bucket
        findings += _bucket(bucket, settings)
    yield from findings


def _bucket(bucket: Bucket, settings: Settings) -> Iterator[Finding]:
    s3, of_bucket = bucket.s3, bucket.of_bucket
    try:
        region = s3.head_bucket(**of_bucket)["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
    except ClientError as error:
        yield _unseen(bucket, error)
        return
    wanted = s3.meta.region_name
    if region and region != wanted:
        yield bad(
            "bucket: region",
            f"{region}, and aws_default says {wanted}",
            "COPY of Parquet needs one region: set `region_name`, or choose another MUSICIAN_BUCKET",
        )
    else:
        yield good("bucket: region", region or wanted)
    yield good("bucket: owner", f"{of_bucket['ExpectedBucketOwner']}, as expected")
    yield _policy(_configured(lambda: s3.get_bucket_policy(**of_bucket)), s3.meta.endpoint_url)
    blocked = _configured(lambda: s3.get_public_access_block(**of_bucket))
    if isinstance(blocked, str):
        yield unknown("bucket: public access", blocked, "allow s3:GetBucketPublicAccessBlock to see it")
    elif not all(blocked.get("PublicAccessBlockConfiguration", {"": False}).values()):
        yield bad("bucket: public access", "not blocked", "block all public access in its permissions")
    else:
        yield good("bucket: public access", "blocked")
    yield _encryption(default_encryption(bucket), settings)
    yield _lifecycle(_configured(lambda: s3.get_bucket_lifecycle_configuration(**of_bucket)), settings)


def _unseen(bucket: Bucket, error: ClientError) -> Finding:
    code = error.response["Error"]["Code"]
    if code == "404":
        return good("bucket", f"{bucket.name} does not exist yet: the first run creates it")
    if code == "301":
        return bad(
            "bucket: region",
            f"{bucket.name} is in another region",
            "set `region_name` in the extra of aws_default",
        )
    owner = bucket.of_bucket["ExpectedBucketOwner"]
    return bad(
        "bucket: owner",
        f"S3 denies access to {bucket.name} (HTTP {code})",
        f"it must belong to {owner} (MUSICIAN_BUCKET_OWNER), and aws_default may need s3:ListBucket",
    )


def _configured(get: Any) -> Any:
    """What is configured, nothing, or why that cannot be seen."""
    try:
        return get()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return {} if code in _MISSING else f"cannot be seen ({code})"


def _policy(found: Any, endpoint: str) -> Finding:
    if isinstance(found, str):
        return unknown("bucket: policy", found, "allow s3:GetBucketPolicy to see it")
    if not found and not endpoint.startswith("https:"):
        return good("bucket: policy", "none, and this S3 is reached without TLS: a sandbox")
    statements = statements_of(found.get("Policy", "{}"))
    denied = [statement.get("Condition", {}) for statement in statements if statement["Effect"] == "Deny"]
    for condition in denied:
        for tested in condition.values():
            age = tested.get("s3:signatureAge")
            if age is not None and int(listed(age)[0]) < _SHORTEST_SIGNATURE:
                return bad(
                    "bucket: policy",
                    "denies presigned URLs after less than an hour",
                    f"COPY of Parquet needs s3:signatureAge of {_SHORTEST_SIGNATURE} or more",
                )
            if "s3:authType" in tested:
                return bad(
                    "bucket: policy",
                    "denies some types of signature (s3:authType)",
                    "COPY of Parquet uses presigned URLs: allow them",
                )
    if not any("aws:SecureTransport" in tested for condition in denied for tested in condition.values()):
        return bad(
            "bucket: policy",
            "allows requests without TLS",
            'deny all requests with "aws:SecureTransport": "false"',
        )
    return good("bucket: policy", "TLS only")


def default_encryption(bucket: Bucket) -> Any:
    """The bucket's default encryption as S3 returns it, empty if it has none, or why it cannot be seen."""
    return _configured(lambda: bucket.s3.get_bucket_encryption(**bucket.of_bucket))


def _encryption(found: Any, settings: Settings) -> Finding:
    if isinstance(found, str):
        return unknown("bucket: encryption", found, "allow s3:GetEncryptionConfiguration to see it")
    rules = found.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    if not rules:
        return bad("bucket: encryption", "none by default", "set one, AES256 or a KMS key, on the bucket")
    kind = rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    asked = f"; puts request {settings.bucket_encryption}" if settings.bucket_encryption else ""
    return good("bucket: encryption", f"{kind}{asked}")


def _lifecycle(found: Any, settings: Settings) -> Finding:
    if isinstance(found, str):
        return unknown("bucket: lifecycle", found, "allow s3:GetLifecycleConfiguration to see it")
    days = [rule["Expiration"]["Days"] for rule in found.get("Rules", []) if expires_raw(rule)]
    if not days:
        return bad(
            "bucket: lifecycle",
            "raw/ does not expire, although Ticketmaster's terms require it",
            f"expire raw/ after {settings.raw_retention_days} days; a run adds that rule to a bucket without rules",
        )
    return good("bucket: lifecycle", f"raw/ expires after {min(days)} days")
