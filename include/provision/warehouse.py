"""Redshift itself, behind the stack: its address and size, its final snapshot, its daily usage limit.

CloudFormation has no resource type for the usage limit of Redshift Serverless, and takes no snapshot of a namespace.
"""

from dataclasses import dataclass

from include.errors import ProvisioningFailed
from include.provision import prices
from include.provision.aws import Aws

_DAILY_RPU_HOURS = 8


@dataclass(frozen=True, slots=True)
class Warehouse:
    """The warehouse as AWS describes it."""

    kind: str
    """serverless or provisioned."""
    name: str
    state: str
    host: str
    port: int
    database: str
    admin_secret: str
    """The ARN of the secret with which the admin logs in."""
    size: str
    """Such as 4 RPU."""
    cost: str
    """Per hour, as a sentence."""
    workgroup_id: str = "none"
    workgroup_arn: str = ""

    @property
    def data_api(self) -> dict[str, str]:
        """The arguments by which the Data API identifies it."""
        return {"WorkgroupName" if self.kind == "serverless" else "ClusterIdentifier": self.name}


def find(aws: Aws, kind: str, name: str) -> Warehouse | None:
    """The warehouse of this kind and name; None while it does not exist."""
    return _serverless(aws, name) if kind == "serverless" else _provisioned(aws, name)


def _serverless(aws: Aws, name: str) -> Warehouse | None:
    missing = "ResourceNotFoundException"
    found = aws.find("redshift-serverless:GetWorkgroup", missing, workgroupName=name)
    held = aws.find("redshift-serverless:GetNamespace", missing, namespaceName=name)
    if not found or not held:
        return None
    workgroup, namespace = found["workgroup"], held["namespace"]
    limit = _limit(aws, workgroup["workgroupArn"])
    return Warehouse(
        kind="serverless",
        name=name,
        state=workgroup["status"],
        host=workgroup["endpoint"]["address"],
        port=workgroup["endpoint"]["port"],
        database=namespace["dbName"],
        admin_secret=namespace["adminPasswordSecretArn"],
        size=f"{workgroup['baseCapacity']} RPU",
        cost=prices.serverless(workgroup["baseCapacity"], limit[1] if limit else None),
        workgroup_id=workgroup["workgroupId"],
        workgroup_arn=workgroup["workgroupArn"],
    )


def _provisioned(aws: Aws, name: str) -> Warehouse | None:
    found = aws.find("redshift:DescribeClusters", "ClusterNotFound", ClusterIdentifier=name)
    if not found:
        return None
    cluster = found["Clusters"][0]
    return Warehouse(
        kind="provisioned",
        name=name,
        state=cluster["ClusterStatus"],
        host=cluster["Endpoint"]["Address"],
        port=cluster["Endpoint"]["Port"],
        database=cluster["DBName"],
        admin_secret=cluster["MasterPasswordSecretArn"],
        size=f"{cluster['NumberOfNodes']} x {cluster['NodeType']}",
        cost=prices.provisioned(cluster["NodeType"], cluster["NumberOfNodes"]),
    )


def limit_usage(aws: Aws, warehouse: Warehouse, wanted: int | None) -> None:
    """Sets the RPU-hours a day after which a serverless warehouse rejects queries; None keeps the current limit."""
    limit = _limit(aws, warehouse.workgroup_arn)
    if limit is None:
        amount = wanted or _DAILY_RPU_HOURS
        aws.call(
            "redshift-serverless:CreateUsageLimit",
            resourceArn=warehouse.workgroup_arn,
            usageType="serverless-compute",
            period="daily",
            amount=amount,
            breachAction="deactivate",
        )
        aws.say(f"Limited it to {amount} RPU-hours a day; beyond that it rejects queries until the next day.")
    elif wanted not in (None, limit[1]):
        aws.call("redshift-serverless:UpdateUsageLimit", usageLimitId=limit[0], amount=wanted)
        aws.say(f"Changed its limit to {wanted} RPU-hours a day.")


def _limit(aws: Aws, workgroup_arn: str) -> tuple[str, int] | None:
    """The daily limit's id and its RPU-hours."""
    found = aws.call(
        "redshift-serverless:ListUsageLimits", resourceArn=workgroup_arn, usageType="serverless-compute"
    )
    daily = [limit for limit in found.get("usageLimits", []) if limit["period"] == "daily"]
    return (daily[0]["usageLimitId"], int(daily[0]["amount"])) if daily else None


def take_snapshot(aws: Aws, warehouse: Warehouse, snapshot: str) -> None:
    """Takes a snapshot of the data and waits for it. Raises `ProvisioningFailed` if it cannot be taken."""
    if warehouse.kind == "serverless":
        aws.call("redshift-serverless:CreateSnapshot", namespaceName=warehouse.name, snapshotName=snapshot)
    else:
        aws.call(
            "redshift:CreateClusterSnapshot", ClusterIdentifier=warehouse.name, SnapshotIdentifier=snapshot
        )

    def look() -> str | None:
        if warehouse.kind == "serverless":
            found = aws.call("redshift-serverless:GetSnapshot", snapshotName=snapshot)
            status = found["snapshot"]["status"]
        else:
            found = aws.call("redshift:DescribeClusterSnapshots", SnapshotIdentifier=snapshot)
            status = found["Snapshots"][0]["Status"]
        return None if status.lower() == "creating" else status.lower()

    if (status := aws.wait(f"The snapshot {snapshot}", look)) != "available":
        raise ProvisioningFailed(
            f"The final snapshot {snapshot} is {status}, so nothing was deleted. Try again, or add "
            "--skip-final-snapshot."
        )
    aws.say(f"The data is in the snapshot {snapshot}.")
