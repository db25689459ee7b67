"""Who may do what: the role with which COPY reads the lake, and the security group that guards the port."""

import json
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Network
from typing import Any

from botocore.exceptions import ClientError

from include.errors import ProvisioningFailed
from include.provision.aws import TAGS, Aws, code, is_ours, not_ours
from include.provision.options import PORT, Options

_POLICY = "read-the-lake"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}


def copy_policy(bucket: str) -> dict[str, Any]:
    """What COPY may do: read the typed rows and the manifests of the lake, and nothing else."""
    lake = f"arn:aws:s3:::{bucket}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetBucketLocation", "s3:ListBucket"], "Resource": lake},
            {
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": [f"{lake}/lake/*", f"{lake}/manifests/*"],
            },
        ],
    }


# The role of COPY


def find_role(aws: Aws, name: str) -> dict[str, Any] | None:
    """The role as IAM describes it."""
    found = aws.find("iam:GetRole", "NoSuchEntity", RoleName=name)
    return found and found["Role"]


def create_role(aws: Aws, name: str, bucket: str) -> str:
    """The ARN of the role, which reads exactly this bucket."""
    role = find_role(aws, name)
    if role is None:
        role = aws.call(
            "iam:CreateRole",
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(_TRUST),
            Description=f"Redshift reads s3://{bucket} in COPY",
            Tags=TAGS,
        )["Role"]
        aws.say(f"Created the role {role['Arn']}.")
    elif not is_ours(role.get("Tags", [])):
        raise not_ours("IAM role", name)
    given = aws.find("iam:GetRolePolicy", "NoSuchEntity", RoleName=name, PolicyName=_POLICY)
    if given is None or given["PolicyDocument"] != copy_policy(bucket):
        document = json.dumps(copy_policy(bucket))
        aws.call("iam:PutRolePolicy", RoleName=name, PolicyName=_POLICY, PolicyDocument=document)
        aws.say(f"The role may read s3://{bucket}/lake and s3://{bucket}/manifests, and nothing else.")
    return str(role["Arn"])


def delete_role(aws: Aws, name: str) -> None:
    """Removes our role, if it exists."""
    role = find_role(aws, name)
    if role and is_ours(role.get("Tags", [])):
        aws.find("iam:DeleteRolePolicy", "NoSuchEntity", RoleName=name, PolicyName=_POLICY)
        aws.find("iam:DeleteRole", "NoSuchEntity", RoleName=name)
        aws.say(f"Deleted the role {name}.")


# The security group


def find_security_groups(aws: Aws, name: str) -> list[dict[str, Any]]:
    """Every security group of this name, in whichever VPC."""
    filters = [{"Name": "group-name", "Values": [name]}]
    return list(aws.call("ec2:DescribeSecurityGroups", Filters=filters)["SecurityGroups"])


def create_security_group(aws: Aws, options: Options) -> str:
    """The id of the security group, whose port is open to the wanted ranges and those opened before."""
    groups = find_security_groups(aws, options.name)
    ours = [group for group in groups if is_ours(group.get("Tags", []))]
    if ours:
        group = ours[0]
    else:
        vpc = _vpc(aws, options)
        if any(group["VpcId"] == vpc for group in groups):
            raise not_ours("security group", options.name)
        group = aws.call(
            "ec2:CreateSecurityGroup",
            GroupName=options.name,
            Description="Who may connect to the musician warehouse",
            VpcId=vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": TAGS}],
        )
        aws.say(f"Created the security group {group['GroupId']} in {vpc}; its port is closed.")
    for network in options.allow_cidr:
        if network not in open_to(group):
            ranges = [{"CidrIp": str(network), "Description": "musician warehouse"}]
            permission = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": ranges}
            group_id = group["GroupId"]
            aws.call("ec2:AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[permission])
            aws.say(f"Opened port {PORT} to {network}.")
    return str(group["GroupId"])


def open_to(group: dict[str, Any]) -> list[IPv4Network]:
    """The ranges that may reach the port."""
    return list(_open_to(group))


def _open_to(group: dict[str, Any]) -> Iterator[IPv4Network]:
    for permission in group.get("IpPermissions", []):
        if permission.get("FromPort", 0) <= PORT <= permission.get("ToPort", 65_535):
            yield from (IPv4Network(given["CidrIp"]) for given in permission["IpRanges"])


def _vpc(aws: Aws, options: Options) -> str:
    if options.subnet_ids:
        subnets = aws.call("ec2:DescribeSubnets", SubnetIds=list(options.subnet_ids))["Subnets"]
        vpcs = sorted({subnet["VpcId"] for subnet in subnets})
        if len(vpcs) > 1:
            raise ProvisioningFailed(f"The given subnets lie in {' and '.join(vpcs)}: give those of one VPC.")
    else:
        default = [{"Name": "is-default", "Values": ["true"]}]
        vpcs = [vpc["VpcId"] for vpc in aws.call("ec2:DescribeVpcs", Filters=default)["Vpcs"]]
    if not vpcs:
        raise ProvisioningFailed(
            f"There is no default VPC in {aws.region}: "
            "give --subnet-ids, in three availability zones of one VPC."
        )
    return str(vpcs[0])


def delete_security_groups(aws: Aws, name: str) -> None:
    """Removes our security group, if it exists. It is in use for some minutes after the warehouse is gone."""
    for group in find_security_groups(aws, name):
        if is_ours(group.get("Tags", [])):
            identity = str(group["GroupId"])
            aws.wait(f"security group {name}", partial(_delete_security_group, aws, identity), None)
            aws.say(f"Deleted the security group {identity}.")


def _delete_security_group(aws: Aws, group_id: str) -> str | None:
    try:
        aws.find("ec2:DeleteSecurityGroup", "InvalidGroup.NotFound", GroupId=group_id)
    except ProvisioningFailed as error:
        if isinstance(error.__cause__, ClientError) and code(error.__cause__) == "DependencyViolation":
            return "in use"
        raise
    return None
