"""A provisioned cluster: nodes by the hour, used or not. There is no usage limit that stops its compute."""

from typing import Any

from include.errors import ProvisioningFailed
from include.provision.aws import TAGS, Aws, is_ours, not_ours
from include.provision.options import ADMIN, DATABASE, PORT, Options
from include.provision.tables import Endpoint

_MISSING = "ClusterNotFound"
_NEVER = (
    "deleting",
    "final-snapshot",
    "hardware-failure",
    "incompatible-hsm",
    "incompatible-network",
    "incompatible-parameters",
    "incompatible-restore",
    "paused",
    "pausing",
    "storage-full",
)
"""States from which a cluster does not become available by itself."""


def find(aws: Aws, name: str) -> dict[str, Any] | None:
    """The cluster as AWS describes it."""
    found = aws.find("redshift:DescribeClusters", _MISSING, ClusterIdentifier=name)
    return found and found["Clusters"][0]


def find_subnet_group(aws: Aws, name: str) -> dict[str, Any] | None:
    """The cluster's subnet group as AWS describes it."""
    found = aws.find(
        "redshift:DescribeClusterSubnetGroups", "ClusterSubnetGroupNotFoundFault", ClusterSubnetGroupName=name
    )
    return found and found["ClusterSubnetGroups"][0]


def create(aws: Aws, options: Options, role_arn: str, security_group_id: str) -> Endpoint:
    """The endpoint of the warehouse, as soon as it has one."""
    name = options.name
    cluster = find(aws, name)
    if cluster and not is_ours(cluster.get("Tags", [])):
        raise not_ours("cluster", name)
    if cluster and cluster["ClusterStatus"] in ("deleting", "final-snapshot"):
        aws.wait(f"cluster {name}", lambda: _status(aws, name), None)
        cluster = None
    if cluster is None:
        aws.call(
            "redshift:CreateCluster",
            ClusterIdentifier=name,
            DBName=DATABASE,
            Port=PORT,
            ClusterType="multi-node" if options.nodes > 1 else "single-node",
            NodeType=options.node_type,
            **({"NumberOfNodes": options.nodes} if options.nodes > 1 else {}),
            MasterUsername=ADMIN,
            ManageMasterPassword=True,
            Encrypted=True,
            PubliclyAccessible=options.public,
            VpcSecurityGroupIds=[security_group_id],
            **_subnets(aws, options),
            IamRoles=[role_arn],
            DefaultIamRoleArn=role_arn,
            Tags=TAGS,
        )
        aws.say(f"Created the cluster {name}; AWS Secrets Manager keeps the password of {ADMIN}.")
        aws.say("It costs by the hour until it is paused or deleted: no usage limit can stop that.")
    _await(aws, name)
    cluster = find(aws, name) or {}
    if options.public and not cluster["PubliclyAccessible"]:
        aws.call("redshift:ModifyCluster", ClusterIdentifier=name, PubliclyAccessible=True)
        aws.say(f"Gave the cluster {name} an address in the internet.")
        _await(aws, name)
        cluster = find(aws, name) or {}
    if "MasterPasswordSecretArn" not in cluster:
        raise ProvisioningFailed(
            f"The cluster {name} does not keep its admin password in AWS Secrets Manager: "
            "turn that on in the console, then run create again."
        )
    return Endpoint(
        host=cluster["Endpoint"]["Address"],
        port=cluster["Endpoint"]["Port"],
        database=cluster["DBName"],
        secret_arn=cluster["MasterPasswordSecretArn"],
        warehouse={"ClusterIdentifier": name},
    )


def _subnets(aws: Aws, options: Options) -> dict[str, str]:
    """A cluster outside the default VPC names its subnets by a group."""
    if not options.subnet_ids:
        return {}
    group = find_subnet_group(aws, options.name)
    if group and not is_ours(group.get("Tags", [])):
        raise not_ours("cluster subnet group", options.name)
    if group is None:
        aws.call(
            "redshift:CreateClusterSubnetGroup",
            ClusterSubnetGroupName=options.name,
            Description="Where the musician warehouse is",
            SubnetIds=list(options.subnet_ids),
            Tags=TAGS,
        )
        aws.say(f"Created the cluster subnet group {options.name}.")
    return {"ClusterSubnetGroupName": options.name}


def _status(aws: Aws, name: str) -> str | None:
    cluster = find(aws, name)
    if cluster and cluster["ClusterStatus"] == "available" and not cluster.get("Endpoint", {}).get("Address"):
        return "without an address"
    return str(cluster["ClusterStatus"]) if cluster else None


def _await(aws: Aws, name: str) -> None:
    aws.wait(f"cluster {name}", lambda: _status(aws, name), "available", never=_NEVER)


def delete(aws: Aws, name: str, final_snapshot: str | None) -> None:
    """Removes our cluster and its subnet group; what does not exist or is not ours is left."""
    cluster = find(aws, name)
    if cluster and is_ours(cluster.get("Tags", [])):
        if cluster["ClusterStatus"] not in ("deleting", "final-snapshot"):
            last: dict[str, Any] = {"SkipFinalClusterSnapshot": True}
            if final_snapshot:
                last = {"SkipFinalClusterSnapshot": False, "FinalClusterSnapshotIdentifier": final_snapshot}
                aws.say(f"AWS takes the final snapshot {final_snapshot}.")
            aws.find("redshift:DeleteCluster", _MISSING, ClusterIdentifier=name, **last)
        aws.wait(f"cluster {name}", lambda: _status(aws, name), None)
        aws.say(f"Deleted the cluster {name}, and with it the secret of its admin password.")
    group = find_subnet_group(aws, name)
    if group and is_ours(group.get("Tags", [])):
        aws.find(
            "redshift:DeleteClusterSubnetGroup",
            "ClusterSubnetGroupNotFoundFault",
            ClusterSubnetGroupName=name,
        )
        aws.say(f"Deleted the cluster subnet group {name}.")
