"""The two IAM policies: of the person who provisions, and of the pipeline at run time.

The person's policy is derived from warehouse.yaml: CloudFormation acts with that person's permissions, and AWS
publishes with each resource type which actions its handlers call (cfn-lint includes those schemas). Each such
action, and each call of our own, must match one of `SCOPES`, which limits it to resources and conditions; an action
in `UNUSED` belongs to a feature that the template does not use.

Changes are allowed only through CloudFormation (`aws:CalledVia`), in a stack of this name and with these resource
types. IAM cannot judge the content of a template: anyone who may update the stack could give it another one, which
opens the port or lets another principal assume the COPY role. Even then, the boundary of that role allows it no more
than reading S3.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

TAG = "musician-warehouse"
"""The tag of a stack and, through CloudFormation, of everything in it; its value is the stack's name."""
_TEMPLATE = Path(__file__).with_name("warehouse.yaml")

CALLS = (
    "cloudformation:CreateChangeSet",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:ListStackResources",
    "cloudformation:UpdateTerminationProtection",
    "ec2:DescribeSubnets",
    "redshift-data:BatchExecuteStatement",
    "redshift-data:DescribeStatement",
    "redshift-serverless:CreateSnapshot",
    "redshift-serverless:CreateUsageLimit",
    "redshift-serverless:GetNamespace",
    "redshift-serverless:GetSnapshot",
    "redshift-serverless:GetWorkgroup",
    "redshift-serverless:ListUsageLimits",
    "redshift-serverless:UpdateUsageLimit",
    "redshift:CreateClusterSnapshot",
    "redshift:DescribeClusterSnapshots",
    "redshift:DescribeClusters",
    "s3:GetBucketLocation",
    "secretsmanager:GetSecretValue",
    "sts:GetCallerIdentity",
)
"""Every action that this package calls itself."""

UNUSED = (
    "cloudwatch:*", "kms:*", "s3tables:*",
    "ec2:DeleteTags", "ec2:UpdateSecurityGroupRule*", "ec2:A*Address", "ec2:AttachNetworkInterface",
    "ec2:*VpcEndpoint", "ec2:*NetworkInterface*", "ec2:*Egress",
    "iam:*PermissionsBoundary", "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:UpdateRoleDescription",
    "redshift:[!DG]*Logging", "redshift:[!DG]*ResourcePolicy", "redshift:DeleteResourcePolicy",
    "redshift:DisableLogging", "redshift:*AquaConfiguration", "redshift:*ableSnapshotCopy",
    "redshift:ModifySnapshotCopy*", "redshift:ModifyClusterDb*", "redshift:ModifyClusterMaintenance",
    "redshift:FailoverPrimaryCompute", "redshift:PauseCluster", "redshift:RestoreFrom*",
    "redshift:RebootCluster", "redshift:ResumeCluster", "redshift:RotateEncryptionKey",
    "redshift-serverless:[!L]*SnapshotCopy*", "redshift-serverless:RestoreFrom*",
    "s3:[!G]*Abac", "s3:[!G]*Accelerate*", "s3:[!G]*Acl", "s3:[!G]*Analytics*", "s3:[!G]*C[Oo][Rr][Ss]",
    "s3:[!G]*IntelligentTiering*", "s3:[!G]*Inventory*", "s3:[!G]*Logging", "s3:[!G]*Metadata*",
    "s3:[!G]*Metrics*", "s3:[!G]*Notification", "s3:[!G]*ObjectLock*", "s3:[!G]*Replication*",
    "s3:[!G]*Versioning", "s3:[!G]*Website", "s3:DeleteBucketEncryption", "s3:DeleteBucketLifecycle",
    "s3:DeleteObject", "s3:UntagResource",
    "secretsmanager:RemoveRegions*", "secretsmanager:Replicate*",
    "secretsmanager:UntagResource",
)  # fmt: skip
"""Patterns of actions with which those handlers change things that the template does not use."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """One statement of the policy."""

    sid: str
    actions: tuple[str, ...]
    """Patterns."""
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] | None = None
    wide: bool = False
    """Whether the patterns themselves are allowed, which keeps the policy within IAM's 6,144 characters."""


_VIA = {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}
_OURS = {"StringEquals": {f"aws:ResourceTag/{TAG}": "{name}"}}
_BOUNDARY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
_STACK = ("arn:aws:cloudformation:*:*:stack/{name}/*",)
_BUCKET = ("arn:aws:s3:::{bucket}",)
_ROLE = ("arn:aws:iam::*:role/{name}-copy",)
_GROUPS = ("arn:aws:ec2:*:*:security-group/*",)
_NAMESPACE, _WORKGROUP = (f"arn:aws:redshift-serverless:*:*:{kind}/*" for kind in ("namespace", "workgroup"))
_SECRETS = (
    "arn:aws:secretsmanager:*:*:secret:redshift!{name}-musician_admin-*",  # the name that Redshift gives its own
    "arn:aws:secretsmanager:*:*:secret:{name}-loader-*",
)

SCOPES = (
    _Scope(
        "Plan", ("cloudformation:CreateChangeSet",), _STACK,
        {
            "ForAllValues:StringEquals": {"cloudformation:ResourceTypes": "{types}"},
            "Null": {"cloudformation:ResourceTypes": "false"},
        },
    ),
    _Scope("Stack", ("cloudformation:*",), _STACK),
    # AWS cannot restrict most of these to a resource, and they reveal only names and settings.
    _Scope("LookWide", ("ec2:Describe*", "redshift:Describe*"), wide=True),
    _Scope(
        "Look",
        (
            "redshift:Get*", "redshift-data:Describe*", "redshift-serverless:Get*", "redshift-serverless:List*",
            "secretsmanager:GetRandomPassword", "sts:*",
        ),
    ),
    _Scope("Bucket", ("s3:Get*", "s3:List*"), _BUCKET, wide=True),  # the bucket itself, not its objects
    _Scope("Role", ("iam:Get*", "iam:List*"), _ROLE, wide=True),
    _Scope(
        "PassRole", ("iam:PassRole",), _ROLE,
        _VIA | {"StringEquals": {
            "iam:PassedToService": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]}},
    ),
    _Scope(
        "ServiceRole", ("iam:CreateServiceLinkedRole",),
        ("arn:aws:iam::*:role/aws-service-role/redshift.amazonaws.com/*",),
    ),
    _Scope(
        "BoundRole", ("iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy"), _ROLE,
        _VIA | {"StringEquals": {"iam:PermissionsBoundary": _BOUNDARY}},
    ),
    _Scope(
        "TagGroup", ("ec2:CreateTags",), _GROUPS,
        _VIA | {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}},
    ),
    _Scope(
        "UseOurs", ("redshift-data:BatchExecuteStatement", "redshift-serverless:CreateSnapshot"),
        (_NAMESPACE, _WORKGROUP), _OURS,
    ),
    _Scope(
        "UseNamed",
        (
            "redshift-data:BatchExecuteStatement", "redshift-serverless:CreateSnapshot",
            "redshift:CreateClusterSnapshot",
        ),
        (
            "arn:aws:redshift:*:*:cluster:{name}", "arn:aws:redshift:*:*:snapshot:{name}/*",
            "arn:aws:redshift-serverless:*:*:snapshot/*",
        ),
    ),
    _Scope("UsageLimit", ("redshift-serverless:*UsageLimit",)),  # AWS cannot restrict these to a resource
    _Scope(
        "Change",
        (
            "ec2:CreateSecurityGroup", "iam:*", "redshift:*", "redshift-serverless:CreateNamespace",
            "redshift-serverless:CreateWorkgroup", "redshift-serverless:TagResource", "s3:*",
        ),
        (
            *_BUCKET, *_ROLE, *_GROUPS, "arn:aws:ec2:*:*:vpc/*", _NAMESPACE, _WORKGROUP,
            "arn:aws:redshift:*:*:cluster:{name}", "arn:aws:redshift:*:*:subnetgroup:{name}-*",
        ),
        _VIA,
    ),
    _Scope(
        "ChangeOurs", ("ec2:*", "redshift-serverless:*"), (*_GROUPS, _NAMESPACE, _WORKGROUP), _VIA | _OURS
    ),
    # Redshift manages the admin's secret with the permissions of whoever creates or deletes the warehouse:
    # https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-secrets-manager-integration.html
    _Scope("Secrets", ("secretsmanager:*",), _SECRETS),
)  # fmt: skip


def resource_types() -> list[str]:
    """The types of the template's resources."""
    return sorted(set(re.findall(r"^    Type: (AWS::\S+)$", _TEMPLATE.read_text(), re.MULTILINE)))


@cache
def handled() -> frozenset[str]:
    """Every action that the handlers of the template's resources call, according to the schemas AWS publishes."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    found = set()
    for kind in resource_types():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
        for name, handler in schema["handlers"].items():
            found |= set(handler["permissions"]) if name != "list" else set()
    return frozenset(found)


def person_policy(name: str, bucket: str) -> dict[str, Any]:
    """The policy to create, inspect and delete a warehouse of this name, with the lake in this bucket."""
    needed = {action for action in handled() if not _fits(action, UNUSED)} | set(CALLS)
    statements, seen = [], set[str]()
    for scope in SCOPES:
        actions = {action for action in needed if _fits(action, scope.actions)}
        # A pattern covers what no earlier statement did; an action that is named again is limited in two ways.
        named = {action for action in actions if action in scope.actions}
        if actions := (actions - seen) | named:
            statements.append(_statement(scope, sorted(actions), name, bucket))
        seen |= actions
    if lost := needed - seen:
        raise LookupError(f"No scope of include/provision/permissions.py fits {', '.join(sorted(lost))}.")
    return {"Version": "2012-10-17", "Statement": statements}


def pipeline_policy(name: str, bucket: str) -> dict[str, Any]:
    """The policy of the pipeline itself: the objects of the lake and of a rehearsal, and the login to Redshift.

    For an existing bucket: to create one, the pipeline needs more (`include/lake/bucket_setup.py`).
    """
    prefixes = (
        "begun",
        "certificates",
        "data-docs",
        "lake",
        "manifests",
        "quota",
        "raw",
        "rehearsal_*",
        "rejected",
        "validations",
    )
    forgotten = ("data-docs", "manifests", "raw", "rehearsal_*", "validations")
    scopes = (
        _Scope(
            "Bucket",
            (
                "s3:GetBucketVersioning",
                "s3:GetLifecycleConfiguration",
                "s3:ListBucket",
                "s3:PutLifecycleConfiguration",
            ),
            _BUCKET,
        ),
        _Scope(
            "Objects",
            ("s3:GetObject", "s3:PutObject"),
            tuple(f"{_BUCKET[0]}/{prefix}/*" for prefix in prefixes),
        ),
        _Scope("Forget", ("s3:DeleteObject",), tuple(f"{_BUCKET[0]}/{prefix}/*" for prefix in forgotten)),
        _Scope("Login", ("secretsmanager:GetSecretValue",), _SECRETS[1:]),
    )
    return {
        "Version": "2012-10-17",
        "Statement": [_statement(scope, scope.actions, name, bucket) for scope in scopes],
    }


def _fits(action: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in patterns)


def _statement(scope: _Scope, actions: Sequence[str], name: str, bucket: str) -> dict[str, Any]:
    def filled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: filled(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [filled(inner) for inner in value]
        return resource_types() if value == "{types}" else value.format(name=name, bucket=bucket)

    statement = {
        "Sid": scope.sid,
        "Effect": "Allow",
        "Action": list(scope.actions if scope.wide else actions),
        "Resource": filled(scope.resources),
    }
    return statement | ({"Condition": filled(scope.condition)} if scope.condition else {})
