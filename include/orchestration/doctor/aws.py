"""Checks the bucket and the COPY role."""

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from botocore.exceptions import ClientError

from include.lake.bucket import Bucket
from include.lake.expiry import expires_raw
from include.orchestration import connections
from include.orchestration.doctor import Finding, bad, examined, good, unknown
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
    """The findings about the bucket and the role."""
    findings: list[Finding] = []
    with examined(findings, "aws_default"):
        bucket = connections.lake(settings).bucket
        findings += _bucket(bucket, settings)
    with examined(findings, "COPY role"):
        findings += _role(settings)
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
    yield _encryption(_configured(lambda: s3.get_bucket_encryption(**of_bucket)), settings)
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
    statements = _statements(found.get("Policy", "{}"))
    denied = [statement.get("Condition", {}) for statement in statements if statement["Effect"] == "Deny"]
    for condition in denied:
        for tested in condition.values():
            age = tested.get("s3:signatureAge")
            if age is not None and int(_listed(age)[0]) < _SHORTEST_SIGNATURE:
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


def _role(settings: Settings) -> Iterator[Finding]:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    name, bucket = settings.copy_role_arn.rpartition("/")[2], settings.bucket
    iam: Any = AwsBaseHook("aws_default", client_type="iam").conn
    try:
        role = iam.get_role(RoleName=name)["Role"]
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        for attached in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            held = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)
            documents.append(held["PolicyVersion"]["Document"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchEntity":
            yield bad(
                "COPY role",
                f"{name} does not exist",
                "create it (make redshift-create), or correct MUSICIAN_COPY_ROLE_ARN",
            )
        else:
            yield unknown(
                "COPY role",
                f"cannot be seen ({code})",
                "allow iam:GetRole and iam:ListRolePolicies, or try make rehearse",
            )
        return
    if role["Arn"] != settings.copy_role_arn:
        yield bad("COPY role", f"{name} is {role['Arn']}", "correct MUSICIAN_COPY_ROLE_ARN")
    yield _trust(_statements(role["AssumeRolePolicyDocument"]))
    yield _reading([statement for each in documents for statement in _statements(each)], bucket)


def _trust(statements: Sequence[Mapping[str, Any]]) -> Finding:
    assuming = [
        (each, service)
        for each in statements
        if any(fnmatchcase("sts:assumerole", action.lower()) for action in _listed(each.get("Action", [])))
        for service in _services(each.get("Principal", {}))
    ]
    allowed = [(each, service) for each, service in assuming if each["Effect"] == "Allow"]
    denied = [each for each, _ in assuming if each["Effect"] == "Deny" and not each.get("Condition")]
    ours = [each for each, service in allowed if service.startswith("redshift")]
    if any(service == "*" for _, service in allowed):
        return bad("COPY role: trust", "anyone may assume it", "let it trust only redshift.amazonaws.com")
    if not ours or denied:
        return bad("COPY role: trust", "Redshift may not assume it", "let it trust redshift.amazonaws.com")
    return good(
        "COPY role: trust", "Redshift" + ("" if not all(map(_conditions, ours)) else f", {_users(ours)}")
    )


def _conditions(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions: Mapping[str, Any] = statement.get("Condition", {})
    return conditions


def _users(statements: Sequence[Mapping[str, Any]]) -> str:
    """For which database users the statements' conditions let Redshift assume the role.

    https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service-database-users.html
    """
    ids = [
        external_id
        for each in statements
        for condition in _conditions(each).values()
        for external_id in _listed(condition.get("sts:ExternalId", []))
    ]
    users = sorted({external_id.rpartition("/")[2] for external_id in ids})
    return f"for {' and '.join(users)} only" if users else "under conditions"


def _reading(statements: Sequence[Mapping[str, Any]], bucket: str) -> Finding:
    arn = f"arn:aws:s3:::{bucket}"
    lacks = [
        action
        for action, resource in (
            ("s3:GetObject", f"{arn}/manifests/x"),
            ("s3:GetObject", f"{arn}/lake/x"),
            ("s3:ListBucket", arn),
        )
        if not any(each["Effect"] == "Allow" and _covers(each, action, resource) for each in statements)
        or any(
            each["Effect"] == "Deny" and not each.get("Condition") and _covers(each, action, resource)
            for each in statements
        )
    ]
    if lacks:
        return bad(
            "COPY role: rights",
            f"lacks {' and '.join(dict.fromkeys(lacks))} on {bucket}",
            "allow it to list the bucket and to read its objects",
        )
    return good("COPY role: rights", f"may read {bucket}")


def _covers(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    return any(
        fnmatchcase(action.lower(), each.lower()) for each in _listed(statement.get("Action", []))
    ) and any(
        fnmatchcase(resource, each.replace("arn:aws-us-gov:", "arn:aws:").replace("arn:aws-cn:", "arn:aws:"))
        for each in _listed(statement.get("Resource", []))
    )


def _services(principal: Any) -> list[str]:
    if isinstance(principal, str):
        return [principal]
    return [name for kind in ("Service", "AWS") for name in _listed(principal.get(kind, []))]


def _statements(document: Any) -> list[dict[str, Any]]:
    held = json.loads(document) if isinstance(document, str) else document
    return _listed(held.get("Statement", []))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
