"""The IAM policy of the person who provisions: the calls that `Aws` lets through, and what they imply.

docs/iam-policy.json is what `python -m include.provision policy` prints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWNER_TAG = ("created-by", "musician-warehouse")
_OURS = {"StringEquals": {f"aws:ResourceTag/{OWNER_TAG[0]}": OWNER_TAG[1]}}


@dataclass(frozen=True, slots=True)
class Permission:
    """One statement of the policy."""

    sid: str
    calls: tuple[str, ...] = ()
    """Actions that this package calls."""
    implied: tuple[str, ...] = ()
    """Actions that AWS asks of the caller while it performs a call."""
    resources: tuple[str, ...] = ("*",)
    condition: Mapping[str, Any] | None = None


PERMISSIONS = (
    Permission("Account", calls=("sts:GetCallerIdentity",)),
    Permission("LakeRegion", calls=("s3:GetBucketLocation",), resources=("arn:aws:s3:::{bucket}",)),
    Permission(
        "CopyRole",
        calls=(
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:PutRolePolicy",
        ),
        implied=("iam:TagRole",),
        resources=("arn:aws:iam::*:role/{name}",),
    ),
    Permission(
        "PassCopyRole",
        implied=("iam:PassRole",),
        resources=("arn:aws:iam::*:role/{name}",),
        condition={
            "StringEquals": {
                "iam:PassedToService": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]
            }
        },
    ),
    Permission(
        "ServiceLinkedRole",
        implied=("iam:CreateServiceLinkedRole",),
        resources=("arn:aws:iam::*:role/aws-service-role/redshift.amazonaws.com/AWSServiceRoleForRedshift",),
    ),
    Permission(
        "Network",
        calls=("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
        # Creating a workgroup or cluster looks at the network with the caller's permissions:
        # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonRedshiftFullAccess.html
        implied=(
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAddresses",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeVpcAttribute",
        ),
    ),
    Permission(
        "CreateSecurityGroup",
        calls=("ec2:CreateSecurityGroup",),
        resources=("arn:aws:ec2:*:*:security-group/*", "arn:aws:ec2:*:*:vpc/*"),
    ),
    Permission(
        "TagSecurityGroup",
        implied=("ec2:CreateTags",),
        resources=("arn:aws:ec2:*:*:security-group/*",),
        condition={"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}},
    ),
    Permission(
        "OwnSecurityGroup",
        calls=("ec2:AuthorizeSecurityGroupIngress", "ec2:DeleteSecurityGroup"),
        resources=("arn:aws:ec2:*:*:security-group/*",),
        condition=_OURS,
    ),
    Permission(
        "Serverless",
        calls=(
            "redshift-serverless:CreateNamespace",
            "redshift-serverless:CreateUsageLimit",
            "redshift-serverless:CreateWorkgroup",
            "redshift-serverless:DeleteUsageLimit",
            "redshift-serverless:GetNamespace",
            "redshift-serverless:GetWorkgroup",
            "redshift-serverless:ListTagsForResource",
            "redshift-serverless:ListUsageLimits",
            "redshift-serverless:UpdateUsageLimit",
        ),
        implied=("redshift-serverless:TagResource",),
    ),
    Permission(
        "OwnServerless",
        calls=(
            "redshift-serverless:DeleteNamespace",
            "redshift-serverless:DeleteWorkgroup",
            "redshift-serverless:UpdateWorkgroup",
        ),
        resources=(
            "arn:aws:redshift-serverless:*:*:namespace/*",
            "arn:aws:redshift-serverless:*:*:workgroup/*",
        ),
        condition=_OURS,
    ),
    Permission(
        "Clusters",
        calls=("redshift:DescribeClusters", "redshift:DescribeClusterSubnetGroups"),
    ),
    Permission(
        "Cluster",
        calls=(
            "redshift:CreateCluster",
            "redshift:CreateClusterSubnetGroup",
            "redshift:DeleteCluster",
            "redshift:DeleteClusterSubnetGroup",
            "redshift:ModifyCluster",
        ),
        implied=("redshift:CreateClusterSnapshot", "redshift:CreateTags"),
        resources=(
            "arn:aws:redshift:*:*:cluster:{name}",
            "arn:aws:redshift:*:*:snapshot:{name}/*",
            "arn:aws:redshift:*:*:subnetgroup:{name}",
        ),
    ),
    Permission(
        "AdminPassword",
        # Redshift creates, keeps and deletes the secret with the caller's permissions; the Data API reads it:
        # https://docs.aws.amazon.com/redshift/latest/mgmt/redshift-secrets-manager-integration.html
        implied=(
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:RotateSecret",
            "secretsmanager:TagResource",
            "secretsmanager:UpdateSecret",
        ),
        resources=("arn:aws:secretsmanager:*:*:secret:redshift!*",),
    ),
    Permission("RandomPassword", implied=("secretsmanager:GetRandomPassword",)),
    Permission("Tables", calls=("redshift-data:BatchExecuteStatement", "redshift-data:DescribeStatement")),
)

CALLS = frozenset(action for permission in PERMISSIONS for action in permission.calls)
"""Every action this package may call."""


def policy(name: str, bucket: str) -> dict[str, Any]:
    """The policy document for a warehouse of this name and the lake in this bucket."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": permission.sid,
                "Effect": "Allow",
                "Action": sorted((*permission.calls, *permission.implied)),
                "Resource": [arn.format(name=name, bucket=bucket) for arn in permission.resources],
                **({"Condition": permission.condition} if permission.condition else {}),
            }
            for permission in PERMISSIONS
        ],
    }
