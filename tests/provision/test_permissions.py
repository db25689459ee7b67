"""What the two policies allow and, above all, what they do not: a policy evaluation judges each request."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.provision.__main__ import main
from include.provision.permissions import CALLS, handled, person_policy, pipeline_policy, resource_types
from tests.support.iam import allows

DOCS = Path(__file__).parents[2] / "docs"
PERSON, PIPELINE = person_policy("mine", "my-lake"), pipeline_policy("mine", "my-lake")
STACK = {"aws__CalledVia": ["cloudformation.amazonaws.com"]}
OURS = {"aws__ResourceTag/musician-warehouse": "mine"}
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/mine-copy"
GROUP = f"arn:aws:ec2:eu-west-1:{ACCOUNT}:security-group/sg-1"
WORKGROUP = f"arn:aws:redshift-serverless:eu-west-1:{ACCOUNT}:workgroup/1f2e"
NAMESPACE = f"arn:aws:redshift-serverless:eu-west-1:{ACCOUNT}:namespace/1f2e"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:"
PLAN = ("cloudformation:CreateChangeSet", f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/mine/1")
BOUND = {"iam__PermissionsBoundary": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}
TO_REDSHIFT = {"iam__PassedToService": "redshift.amazonaws.com"}


@pytest.mark.parametrize(
    ("request_", "context"),
    [
        (PLAN, {"cloudformation__ResourceTypes": resource_types()}),
        (("iam:CreateRole", ROLE), STACK | BOUND),
        (("iam:PutRolePolicy", ROLE), STACK | BOUND),
        (("iam:UpdateAssumeRolePolicy", ROLE), STACK),
        (("iam:PassRole", ROLE), STACK | TO_REDSHIFT),
        (("ec2:AuthorizeSecurityGroupIngress", GROUP), STACK | OURS),
        (("redshift-serverless:CreateWorkgroup", WORKGROUP), STACK),
        (("redshift-serverless:DeleteNamespace", NAMESPACE), STACK | OURS),
        (("redshift-serverless:CreateSnapshot", NAMESPACE), OURS),
        (("redshift:DeleteCluster", f"arn:aws:redshift:eu-west-1:{ACCOUNT}:cluster:mine"), STACK),
        (("redshift-data:BatchExecuteStatement", WORKGROUP), OURS),
        (("redshift-data:BatchExecuteStatement", f"arn:aws:redshift:eu-west-1:{ACCOUNT}:cluster:mine"), {}),
        (("secretsmanager:GetSecretValue", f"{SECRET}redshift!mine-musician_admin-AbCdEf"), {}),
        (("secretsmanager:GetSecretValue", f"{SECRET}mine-loader-1f2e-AbCdEf"), {}),
        (("s3:CreateBucket", "arn:aws:s3:::my-lake"), STACK),
    ],
)
def test_the_person_may_do_what_the_commands_do(request_: tuple[str, str], context: dict[str, Any]) -> None:
    assert allows(PERSON, *request_, **context)


@pytest.mark.parametrize(
    ("request_", "context"),
    [
        # any of Redshift's secrets, or another warehouse's
        (("secretsmanager:GetSecretValue", f"{SECRET}redshift!other-musician_admin-AbCdEf"), STACK),
        (("secretsmanager:GetSecretValue", f"{SECRET}redshift!mine2-musician_admin-AbCdEf"), STACK),
        (("secretsmanager:GetSecretValue", f"{SECRET}other-loader-1-AbCdEf"), STACK),
        (("secretsmanager:GetSecretValue", f"{SECRET}mine2-loader-1-AbCdEf"), STACK),
        (("secretsmanager:DeleteSecret", f"{SECRET}other-loader-1-AbCdEf"), STACK),
        (("secretsmanager:GetSecretValue", f"{SECRET}stripe-AbCdEf"), STACK),
        # SQL in any workgroup or cluster, or its data
        (("redshift-data:BatchExecuteStatement", WORKGROUP), {}),
        (("redshift-data:BatchExecuteStatement", WORKGROUP), {"aws__ResourceTag/musician-warehouse": "other"}),
        (("redshift-data:BatchExecuteStatement", f"arn:aws:redshift:eu-west-1:{ACCOUNT}:cluster:other"), {}),
        (("redshift-data:ExecuteStatement", WORKGROUP), OURS),
        (("redshift-serverless:GetCredentials", WORKGROUP), OURS),
        (("redshift-serverless:DeleteNamespace", NAMESPACE), STACK),
        (("redshift-serverless:DeleteNamespace", NAMESPACE), OURS),
        (("redshift-serverless:UpdateNamespace", NAMESPACE), OURS),
        (("redshift-serverless:CreateSnapshot", NAMESPACE), {}),
        (("redshift:DeleteCluster", f"arn:aws:redshift:eu-west-1:{ACCOUNT}:cluster:mine"), {}),
        (("redshift:DeleteCluster", f"arn:aws:redshift:eu-west-1:{ACCOUNT}:cluster:other"), STACK),
        # a role with any trust or permissions, or one outside the stack
        (("iam:CreateRole", ROLE), BOUND),
        (("iam:CreateRole", ROLE), STACK),
        (("iam:CreateRole", ROLE), STACK | {"iam__PermissionsBoundary": "arn:aws:iam::aws:policy/Admin"}),
        (("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin"), STACK | BOUND),
        (("iam:PutRolePolicy", ROLE), STACK),
        (("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/admin"), STACK | BOUND),
        (("iam:AttachRolePolicy", ROLE), STACK | BOUND),
        (("iam:DeleteRolePermissionsBoundary", ROLE), STACK | BOUND),
        (("iam:UpdateAssumeRolePolicy", ROLE), {}),
        (("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/admin"), STACK),
        (("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin"), STACK | TO_REDSHIFT),
        (("iam:PassRole", ROLE), STACK | {"iam__PassedToService": "ec2.amazonaws.com"}),
        (("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/eve"), STACK),
        # what a role may do, of any account
        (("sts:AssumeRole", ROLE), STACK),
        (("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/admin"), STACK),
        (("sts:AssumeRole", "arn:aws:iam::999999999999:role/admin"), {}),
        # a port open to the world, by hand or in another group
        (("ec2:AuthorizeSecurityGroupIngress", GROUP), {}),
        (("ec2:AuthorizeSecurityGroupIngress", GROUP), OURS),
        (("ec2:AuthorizeSecurityGroupIngress", GROUP), STACK),
        (("ec2:CreateTags", GROUP), STACK),
        # another stack, or one with other resource types
        (("cloudformation:CreateChangeSet", PLAN[1].replace("mine", "other")),
         {"cloudformation__ResourceTypes": resource_types()}),
        (PLAN, {}),
        (PLAN, {"cloudformation__ResourceTypes": [*resource_types(), "AWS::IAM::User"]}),
        (("cloudformation:DeleteStack", PLAN[1].replace("mine", "other")), {}),
        # other buckets, and the objects of any
        (("s3:CreateBucket", "arn:aws:s3:::my-lake"), {}),
        (("s3:PutBucketPolicy", "arn:aws:s3:::other"), STACK),
        (("s3:GetObject", "arn:aws:s3:::my-lake/lake/events/part"), STACK),
        (("s3:DeleteObject", "arn:aws:s3:::my-lake/lake/events/part"), STACK),
    ],
)  # fmt: skip
def test_the_person_may_not(request_: tuple[str, str], context: dict[str, Any]) -> None:
    assert not allows(PERSON, *request_, **context)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("secretsmanager:GetSecretValue", f"{SECRET}redshift!mine-musician_admin-AbCdEf"),
        ("secretsmanager:PutSecretValue", f"{SECRET}mine-loader-1-AbCdEf"),
        ("secretsmanager:GetSecretValue", f"{SECRET}other-loader-1-AbCdEf"),
        ("secretsmanager:GetSecretValue", f"{SECRET}mine2-loader-1-AbCdEf"),
        ("s3:DeleteBucket", "arn:aws:s3:::my-lake"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::my-lake"),
        ("s3:DeleteObject", "arn:aws:s3:::my-lake/lake/events/part"),
        ("s3:DeleteObject", "arn:aws:s3:::my-lake/certificates/events/run.json"),
        ("s3:PutObject", "arn:aws:s3:::my-lake/elsewhere"),
        ("s3:GetObject", "arn:aws:s3:::other/lake/events/part"),
        ("redshift-data:BatchExecuteStatement", WORKGROUP),
        ("iam:PassRole", ROLE),
        ("sts:AssumeRole", ROLE),
        ("sts:AssumeRole", "arn:aws:iam::999999999999:role/admin"),
    ],
)
def test_the_pipeline_may_not(action: str, resource: str) -> None:
    assert not allows(PIPELINE, action, resource, **STACK, **OURS)


def test_every_action_belongs_to_a_handler_or_a_call_and_none_matches_any_action() -> None:
    named = {
        action for statement in PERSON["Statement"] for action in statement["Action"] if "*" not in action
    }
    assert named <= handled() | set(CALLS)
    wide = {action for statement in PERSON["Statement"] for action in statement["Action"] if "*" in action}
    assert wide == {"ec2:Describe*", "redshift:Describe*", "s3:Get*", "s3:List*", "iam:Get*", "iam:List*"}


@pytest.mark.parametrize(
    ("file", "arguments"), [("iam-policy.json", []), ("iam-policy-pipeline.json", ["--pipeline"])]
)
def test_the_policies_in_the_docs_are_the_generated_ones_and_fit_into_iam(
    capsys: pytest.CaptureFixture[str], file: str, arguments: list[str]
) -> None:
    assert main(["policy", "--name", "musician-warehouse", "--bucket", "musician-warehouse", *arguments]) == 0
    printed = capsys.readouterr().out
    assert (DOCS / file).read_text() == printed
    assert len("".join(json.dumps(json.loads(printed), separators=(",", ":")))) <= 6_144
