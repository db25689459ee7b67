"""Redshift Serverless: a namespace (the data), a workgroup (the compute) and a usage limit (its cost)."""

from typing import Any

from botocore.exceptions import ClientError

from include.errors import ProvisioningFailed
from include.provision.aws import SERVERLESS_TAGS, Aws, code, is_ours, not_ours
from include.provision.options import ADMIN, DATABASE, PORT, Options
from include.provision.tables import Endpoint

_MISSING = "ResourceNotFoundException"
_CAPACITIES = (4, 8)  # not every region offers 4 RPU
_DAILY_RPU_HOURS = 8


def find_namespace(aws: Aws, name: str) -> dict[str, Any] | None:
    """The namespace as AWS describes it."""
    found = aws.find("redshift-serverless:GetNamespace", _MISSING, namespaceName=name)
    return found and found["namespace"]


def find_workgroup(aws: Aws, name: str) -> dict[str, Any] | None:
    """The workgroup as AWS describes it."""
    found = aws.find("redshift-serverless:GetWorkgroup", _MISSING, workgroupName=name)
    return found and found["workgroup"]


def find_usage_limit(aws: Aws, workgroup_arn: str) -> dict[str, Any] | None:
    """The daily limit of the workgroup's compute."""
    found = aws.call(
        "redshift-serverless:ListUsageLimits", resourceArn=workgroup_arn, usageType="serverless-compute"
    )
    return next((limit for limit in found.get("usageLimits", []) if limit["period"] == "daily"), None)


def created_by_us(aws: Aws, arn: str) -> bool:
    """Whether the namespace or workgroup carries our tag; one that is just gone does not."""
    found = aws.find("redshift-serverless:ListTagsForResource", _MISSING, resourceArn=arn)
    return found is not None and is_ours(found.get("tags", []))


def create(aws: Aws, options: Options, role_arn: str, security_group_id: str) -> Endpoint:
    """The endpoint of the warehouse, as soon as it has one."""
    name = options.name
    namespace = _create_namespace(aws, name, role_arn)
    workgroup = _create_workgroup(aws, options, security_group_id)
    _limit_usage(aws, workgroup["workgroupArn"], options.daily_rpu_hours)
    return Endpoint(
        host=workgroup["endpoint"]["address"],
        port=workgroup["endpoint"]["port"],
        database=namespace["dbName"],
        secret_arn=namespace["adminPasswordSecretArn"],
        warehouse={"WorkgroupName": name},
    )


def _create_namespace(aws: Aws, name: str, role_arn: str) -> dict[str, Any]:
    namespace = find_namespace(aws, name)
    if namespace and not created_by_us(aws, namespace["namespaceArn"]):
        raise not_ours("namespace", name)
    if namespace and namespace["status"] == "DELETING":
        aws.wait(f"namespace {name}", lambda: _namespace_status(aws, name), None)
        namespace = None
    if namespace is None:
        aws.call(
            "redshift-serverless:CreateNamespace",
            namespaceName=name,
            dbName=DATABASE,
            adminUsername=ADMIN,
            manageAdminPassword=True,
            iamRoles=[role_arn],
            defaultIamRoleArn=role_arn,
            tags=SERVERLESS_TAGS,
        )
        aws.say(f"Created the namespace {name}; AWS Secrets Manager keeps the password of {ADMIN}.")
    aws.wait(f"namespace {name}", lambda: _namespace_status(aws, name), "AVAILABLE", never=("DELETING",))
    return find_namespace(aws, name) or {}


def _create_workgroup(aws: Aws, options: Options, security_group_id: str) -> dict[str, Any]:
    name = options.name
    workgroup = find_workgroup(aws, name)
    if workgroup and not created_by_us(aws, workgroup["workgroupArn"]):
        raise not_ours("workgroup", name)
    if workgroup and workgroup["status"] == "DELETING":
        aws.wait(f"workgroup {name}", lambda: _workgroup_status(aws, name), None)
        workgroup = None
    if workgroup is None:
        wanted = (options.base_capacity,) if options.base_capacity else _CAPACITIES
        _call_create_workgroup(aws, options, security_group_id, wanted)
        aws.say(f"Created the workgroup {name}; it takes some minutes to start.")
    _await_workgroup(aws, name)
    workgroup = find_workgroup(aws, name) or {}
    changes: dict[str, Any] = {}
    if options.base_capacity not in (None, workgroup["baseCapacity"]):
        changes["baseCapacity"] = options.base_capacity
    if options.public and not workgroup["publiclyAccessible"]:
        changes["publiclyAccessible"] = True
    if changes:
        aws.call("redshift-serverless:UpdateWorkgroup", workgroupName=name, **changes)
        aws.say(f"Changed the workgroup {name}: {changes}.")
        _await_workgroup(aws, name)
        workgroup = find_workgroup(aws, name) or {}
    return workgroup


def _call_create_workgroup(
    aws: Aws, options: Options, security_group_id: str, capacities: tuple[int, ...]
) -> None:
    """Takes the first capacity that AWS does not reject as invalid."""
    for capacity in capacities:
        try:
            aws.call(
                "redshift-serverless:CreateWorkgroup",
                workgroupName=options.name,
                namespaceName=options.name,
                baseCapacity=capacity,
                publiclyAccessible=options.public,
                port=PORT,
                securityGroupIds=[security_group_id],
                **({"subnetIds": list(options.subnet_ids)} if options.subnet_ids else {}),
                tags=SERVERLESS_TAGS,
            )
            return
        except ProvisioningFailed as error:
            rejected = error.__cause__
            is_invalid = isinstance(rejected, ClientError) and code(rejected) == "ValidationException"
            if not is_invalid or capacity == capacities[-1]:
                raise
            aws.say(f"  not with {capacity} RPU in {aws.region}: {rejected}")


def _limit_usage(aws: Aws, workgroup_arn: str, wanted: int | None) -> None:
    limit = find_usage_limit(aws, workgroup_arn)
    if limit is None:
        amount = wanted or _DAILY_RPU_HOURS
        aws.call(
            "redshift-serverless:CreateUsageLimit",
            resourceArn=workgroup_arn,
            usageType="serverless-compute",
            period="daily",
            amount=amount,
            breachAction="deactivate",
        )
        aws.say(f"Limited it to {amount} RPU-hours a day; beyond that it rejects queries until the next day.")
    elif wanted not in (None, limit["amount"]):
        aws.call("redshift-serverless:UpdateUsageLimit", usageLimitId=limit["usageLimitId"], amount=wanted)
        aws.say(f"Changed its limit to {wanted} RPU-hours a day.")


def _namespace_status(aws: Aws, name: str) -> str | None:
    namespace = find_namespace(aws, name)
    return str(namespace["status"]) if namespace else None


def _workgroup_status(aws: Aws, name: str) -> str | None:
    workgroup = find_workgroup(aws, name)
    if workgroup and workgroup["status"] == "AVAILABLE" and not workgroup.get("endpoint", {}).get("address"):
        return "without an address"
    return str(workgroup["status"]) if workgroup else None


def _await_workgroup(aws: Aws, name: str) -> None:
    aws.wait(f"workgroup {name}", lambda: _workgroup_status(aws, name), "AVAILABLE", never=("DELETING",))


def delete(aws: Aws, name: str, final_snapshot: str | None) -> None:
    """Removes our workgroup, then our namespace; what does not exist or is not ours is left."""
    workgroup = find_workgroup(aws, name)
    if workgroup and created_by_us(aws, workgroup["workgroupArn"]):
        if workgroup["status"] != "DELETING":
            _await_workgroup(aws, name)
            if limit := find_usage_limit(aws, workgroup["workgroupArn"]):
                identity = limit["usageLimitId"]
                aws.find("redshift-serverless:DeleteUsageLimit", _MISSING, usageLimitId=identity)
            aws.find("redshift-serverless:DeleteWorkgroup", _MISSING, workgroupName=name)
        aws.wait(f"workgroup {name}", lambda: _workgroup_status(aws, name), None)
        aws.say(f"Deleted the workgroup {name}.")
    namespace = find_namespace(aws, name)
    if namespace and created_by_us(aws, namespace["namespaceArn"]):
        if namespace["status"] != "DELETING":
            aws.wait(f"namespace {name}", lambda: _namespace_status(aws, name), "AVAILABLE")
            _call_delete_namespace(aws, name, final_snapshot)
        aws.wait(f"namespace {name}", lambda: _namespace_status(aws, name), None)
        aws.say(f"Deleted the namespace {name}, and with it the secret of its admin password.")


def _call_delete_namespace(aws: Aws, name: str, final_snapshot: str | None) -> None:
    last = {"finalSnapshotName": final_snapshot} if final_snapshot else {}
    try:
        aws.find("redshift-serverless:DeleteNamespace", _MISSING, namespaceName=name, **last)
    except ProvisioningFailed as error:
        if not final_snapshot:
            raise
        raise ProvisioningFailed(
            f"{error} When it is the final snapshot that cannot be taken, add --skip-final-snapshot."
        ) from error
    if final_snapshot:
        aws.say(f"AWS takes the final snapshot {final_snapshot}.")
