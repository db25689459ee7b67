"""Checks the COPY role: who may assume it, and what it may read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from include.lake.bucket import Bucket
from include.orchestration import connections
from include.orchestration.doctor import Finding, bad, examined, good, unknown
from include.orchestration.doctor.bucket import default_encryption
from include.orchestration.doctor.policies import allows, listed, names_action, statements_of
from include.settings import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """The findings about the role."""
    findings: list[Finding] = []
    with examined(findings, "COPY role"):
        findings += _role(settings)
    yield from findings


def _client(service: str) -> Any:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    return AwsBaseHook("aws_default", client_type=service).conn


def _role(settings: Settings) -> Iterator[Finding]:
    name, bucket = settings.copy_role_arn.rpartition("/")[2], connections.lake(settings).bucket
    iam = _client("iam")
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
    yield _trust(statements_of(role["AssumeRolePolicyDocument"]))
    statements = [statement for each in documents for statement in statements_of(each)]
    yield _reading(statements, settings.bucket)
    for key in sorted(_keys(bucket, settings)):
        yield _decrypting(statements, key, role["Arn"], bucket.s3.meta.region_name)


def _trust(statements: Sequence[Mapping[str, Any]]) -> Finding:
    assuming = [
        (each, service)
        for each in statements
        if names_action(each, "sts:AssumeRole")
        for service in _principals(each.get("Principal", {}))
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
        for external_id in listed(condition.get("sts:ExternalId", []))
    ]
    users = sorted({external_id.rpartition("/")[2] for external_id in ids})
    return f"for {' and '.join(users)} only" if users else "under conditions"


def _reading(statements: Sequence[Mapping[str, Any]], bucket: str) -> Finding:
    arn = f"arn:aws:s3:::{bucket}"
    needed = (
        ("s3:GetObject", f"{arn}/manifests/x"),
        ("s3:GetObject", f"{arn}/lake/x"),
        ("s3:ListBucket", arn),
    )
    if lacks := [action for action, resource in needed if not allows(statements, action, resource)]:
        return bad(
            "COPY role: rights",
            f"lacks {' and '.join(dict.fromkeys(lacks))} on {bucket}",
            "allow it to list the bucket and to read its objects",
        )
    return good("COPY role: rights", f"may read {bucket}")


def _keys(bucket: Bucket, settings: Settings) -> set[str]:
    """The customer's KMS keys that objects of the bucket are encrypted with."""
    found = default_encryption(bucket)
    rules = (
        [] if isinstance(found, str) else found.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    )
    keys = {rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID") for rule in rules}
    return {
        key
        for key in {*keys, settings.bucket_encryption}
        if key and key not in ("AES256", "aws:kms") and not key.endswith("alias/aws/s3")
    }


def _decrypting(statements: Sequence[Mapping[str, Any]], key: str, role: str, region: str) -> Finding:
    """The role needs kms:Decrypt, from its own policies or from the key's.

    https://docs.aws.amazon.com/redshift/latest/dg/c_loading-encrypted-files.html
    """
    subject, account = "COPY role: decryption", role.split(":")[4]
    is_id = not key.startswith(("arn:", "alias/"))
    arn = f"arn:aws:kms:{region}:{account}:key/{key}" if is_id else key
    if allows(statements, "kms:Decrypt", None if "alias/" in key else arn):
        return good(subject, f"may use {key}")
    kms = _client("kms")
    advice = "allow it kms:Decrypt on the key, in a policy of the role or in the key's"
    try:
        policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        return unknown(
            subject, f"no policy of the role names {key}, and its own cannot be seen ({code})", advice
        )
    granted = [
        each
        for each in statements_of(policy)
        if each["Effect"] == "Allow"
        and names_action(each, "kms:Decrypt")
        and not {"*", role}.isdisjoint(_principals(each.get("Principal", {})))
    ]
    return good(subject, f"may use {key}") if granted else bad(subject, f"lacks kms:Decrypt on {key}", advice)


def _principals(principal: Any) -> list[str]:
    if isinstance(principal, str):
        return [principal]
    return [name for kind in ("Service", "AWS") for name in listed(principal.get(kind, []))]
