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

log = logging.getLogger(__name__)

_TLS = "a policy for TLS only"
_RAW, _UPLOADS = "raw responses expire", "abandoned uploads go"  # the ids of our rules in existing buckets
_CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def ensure_bucket(bucket: Bucket, raw_retention_days: int) -> None:
    """Creates the bucket if it does not exist, completes its protection, and makes sure that `raw/` expires.

    Raises `SettingInvalid` for a bucket that we may not use, and `StorageUnavailable`.
    """
    if not bucket.ask(f"looking for the bucket {bucket.name}", lambda: _exists(bucket)):
        bucket.ask(f"creating the bucket {bucket.name}", lambda: _create(bucket))
        _protect(bucket)
        _put_rules(bucket, _rules(raw_retention_days))
        return
    try:
        rules = bucket.ask(f"reading the lifecycle rules of {bucket.name}", lambda: _lifecycle_rules(bucket))
    except SettingInvalid as error:
        log.warning("%s: cannot check whether raw/ expires, which the APIs' terms require: %s",
                    bucket.name, error)  # fmt: skip
        return
    ours = _rules(raw_retention_days)
    if not rules:
        if next(bucket.sizes(""), None) is None:
            _protect(bucket)
        _put_rules(bucket, ours)
    elif any(rule.get("ID") == _RAW for rule in rules):
        others = [rule for rule in rules if rule.get("ID") not in (_RAW, _UPLOADS)]
        if [rule for rule in rules if rule not in others] != ours:
            _put_rules(bucket, others + ours)
    elif not any(map(expires_raw, rules)) or (
        not any(map(_expires_noncurrent_raw, rules)) and _is_versioned(bucket)
    ):
        log.warning(
            "%s has lifecycle rules, but none that lets raw/ expire with its noncurrent versions, which the APIs' "
            "terms require. Add a rule that expires the prefix raw/ after %d days, noncurrent versions included.",
            bucket.name, raw_retention_days,
        )  # fmt: skip


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
    except ClientError as error:  # another task was faster
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


def _lifecycle_rules(bucket: Bucket) -> list[Any]:
    try:
        found = bucket.s3.get_bucket_lifecycle_configuration(**bucket.of_bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return []
        raise
    return list(found["Rules"])


def _rules(raw_retention_days: int) -> list[dict[str, Any]]:
    return [
        {
            "ID": _RAW,
            "Filter": {"Prefix": "raw/"},
            "Status": "Enabled",
            "Expiration": {"Days": raw_retention_days},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {
            "ID": _UPLOADS,
            "Filter": {"Prefix": ""},
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
    ]


def _put_rules(bucket: Bucket, rules: list[Any]) -> None:
    bucket.ask(
        f"setting the lifecycle rules of {bucket.name}",
        lambda: bucket.s3.put_bucket_lifecycle_configuration(
            **bucket.of_bucket, LifecycleConfiguration={"Rules": rules}
        ),
    )


def expires_raw(rule: dict[str, Any]) -> bool:
    """Whether a rule lets everything under `raw/` expire."""
    return "Days" in rule.get("Expiration", {}) and _is_about_raw(rule)


def _expires_noncurrent_raw(rule: dict[str, Any]) -> bool:
    return "NoncurrentVersionExpiration" in rule and _is_about_raw(rule)


def _is_about_raw(rule: dict[str, Any]) -> bool:
    """Whether a rule is in force for everything under `raw/`."""
    prefix = rule.get("Filter", {}).get("Prefix", rule.get("Prefix"))
    only_some = set(rule.get("Filter", {})) - {"Prefix"}
    return rule.get("Status") == "Enabled" and not only_some and "raw/".startswith(prefix or "")


def _is_versioned(bucket: Bucket) -> bool:
    """Whether the bucket keeps noncurrent versions; False if we are not permitted to see that."""
    try:
        found = bucket.ask(
            f"reading the versioning of {bucket.name}",
            lambda: bucket.s3.get_bucket_versioning(**bucket.of_bucket),
        )
    except SettingInvalid:
        return False
    return "Status" in found
