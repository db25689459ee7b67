"""Creates the bucket if it does not exist, and protects it.

A bucket we create blocks public access, is encrypted, accepts TLS only, and lets raw responses and abandoned
uploads expire. The lifecycle rules are written last: a bucket with neither rules nor objects is one whose
creation was interrupted, or an empty one made for us, and gets the protections it lacks. In any other bucket we
set only the expiry of `raw/`: Ticketmaster's terms forbid keeping its responses for long.
"""

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from include.errors import SettingInvalid
from include.lake.bucket import Bucket
from include.lake.expiry import ensure_raw_expires, lifecycle_rules

log = logging.getLogger(__name__)

_TLS = "a policy for TLS only"
_CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def ensure_bucket(bucket: Bucket, raw_retention_days: int) -> None:
    """Creates the bucket if it does not exist, completes its protection, and makes sure that `raw/` expires.

    Raises `SettingInvalid` for a bucket that we may not use, and `StorageUnavailable`.
    """
    if not bucket.ask(f"looking for the bucket {bucket.name}", lambda: _exists(bucket)):
        bucket.ask(f"creating the bucket {bucket.name}", lambda: _create(bucket))
        _protect(bucket)
        ensure_raw_expires(bucket, [], raw_retention_days)
        return
    try:
        rules = lifecycle_rules(bucket)
    except SettingInvalid as error:
        log.warning("%s: cannot check whether raw/ expires, which the APIs' terms require: %s",
                    bucket.name, error)  # fmt: skip
        return
    if not rules and next(bucket.sizes(""), None) is None:
        _protect(bucket)
    ensure_raw_expires(bucket, rules, raw_retention_days)


def _exists(bucket: Bucket) -> bool:
    try:
        bucket.s3.head_bucket(**bucket.of_bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":
            return False
        raise
    return True


def _create(bucket: Bucket) -> None:
    region = bucket.s3.meta.region_name
    where: Any = {}
    if region != "us-east-1":
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        bucket.s3.create_bucket(Bucket=bucket.name, **where)
    except ClientError as error:  # another task has just created it
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise


def _protect(bucket: Bucket) -> None:
    """Adds each protection that the bucket lacks, or logs a warning if we are not permitted to."""
    s3, of_bucket = bucket.s3, bucket.of_bucket
    arn = f"arn:{s3.meta.partition}:s3:::{bucket.name}"
    tls_only = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    encrypted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    protections: tuple[tuple[str, Callable[[], object], Callable[[], object]], ...] = (
        (
            "blocking of public access",
            lambda: s3.get_public_access_block(**of_bucket),
            lambda: s3.put_public_access_block(
                **of_bucket,
                PublicAccessBlockConfiguration=dict.fromkeys(_CLOSED, True),  # type: ignore[arg-type]
            ),
        ),
        (
            "encryption",
            lambda: s3.get_bucket_encryption(**of_bucket),
            lambda: s3.put_bucket_encryption(**of_bucket, ServerSideEncryptionConfiguration=encrypted),  # type: ignore[arg-type]
        ),
        (
            _TLS,
            lambda: s3.get_bucket_policy(**of_bucket),
            lambda: s3.put_bucket_policy(**of_bucket, Policy=json.dumps(tls_only)),
        ),
    )
    for name, get, put in protections:
        if name == _TLS and not s3.meta.endpoint_url.startswith("https:"):
            continue  # it would lock us out
        try:
            if not bucket.ask(f"reading {name} of {bucket.name}", partial(_configured, get)):
                bucket.ask(f"setting {name} of {bucket.name}", put)
        except SettingInvalid as error:
            log.warning("%s may lack %s: %s", bucket.name, name, error)


def _configured(get: Callable[[], object]) -> bool:
    try:
        get()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code.startswith("NoSuch") or code == "ServerSideEncryptionConfigurationNotFoundError":
            return False
        raise
    return True
