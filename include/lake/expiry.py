"""The lifecycle rules that let raw responses and abandoned uploads expire: Ticketmaster's terms forbid keeping its
responses for long."""

import logging
from typing import Any

from botocore.exceptions import ClientError

from include.errors import SettingInvalid
from include.lake.bucket import Bucket

log = logging.getLogger(__name__)

_RAW, _UPLOADS = "raw responses expire", "abandoned uploads go"  # the ids of our rules in existing buckets


def lifecycle_rules(bucket: Bucket) -> list[Any]:
    """The rules of the bucket. Raises `SettingInvalid` if we are not permitted to see them."""

    def ask() -> list[Any]:
        try:
            return list(bucket.s3.get_bucket_lifecycle_configuration(**bucket.of_bucket)["Rules"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
                return []
            raise

    return bucket.ask(f"reading the lifecycle rules of {bucket.name}", ask)


def ensure_raw_expires(bucket: Bucket, rules: list[Any], raw_retention_days: int) -> None:
    """Sets our rules in a bucket that has no `rules`, or has ours; otherwise warns if nothing expires `raw/`."""
    ours = _rules(raw_retention_days)
    if not rules:
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
