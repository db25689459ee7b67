"""Create, status and delete. Each can be run again at any time, also after it died half-way."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from include.clock import utc_now
from include.errors import ProvisioningFailed
from include.provision import access, cluster, prices, serverless
from include.provision.aws import Aws, is_ours
from include.provision.options import Options
from include.provision.permissions import OWNER_TAG
from include.provision.tables import Endpoint, create_tables


@dataclass(frozen=True, slots=True)
class Found:
    """One object of the warehouse's name that exists."""

    kind: str
    name: str
    state: str
    is_ours: bool
    """Whether this package created it."""


def create(aws: Aws, options: Options) -> None:
    """Makes the warehouse and prints how the pipeline connects; what is there already stays as it is.

    Raises `ProvisioningFailed` when AWS rejects a call, time is up, or somebody else's object has the name.
    """
    account = aws.call("sts:GetCallerIdentity")["Account"]
    aws.say(f"{options.kind} warehouse {options.name} in account {account}, {aws.region}")
    _check_bucket(aws, options.bucket)
    _check_other_kind(aws, options)
    role_arn = access.create_role(aws, options.name, options.bucket)
    security_group_id = access.create_security_group(aws, options)
    make = serverless.create if options.kind == "serverless" else cluster.create
    endpoint = make(aws, options, role_arn, security_group_id)
    create_tables(aws, endpoint)
    if not any(access.open_to(group) for group in access.find_security_groups(aws, options.name)):
        aws.say(
            "Its port is closed to everybody: run create again with --allow-cidr RANGE to open it to a range."
        )
    aws.say(f"It costs {_cost(aws, options.name)}")
    aws.say("\nFor .env (no password: whoever may read the secret can log in):\n")
    for line in environment(aws, options, endpoint, role_arn):
        aws.say(line)


def environment(aws: Aws, options: Options, endpoint: Endpoint, role_arn: str) -> list[str]:
    """The connections and settings of the pipeline, as lines of `.env`."""
    redshift = {
        "conn_type": "redshift",
        "host": endpoint.host,
        "port": endpoint.port,
        "schema": endpoint.database,
        "extra": {"secret_arn": endpoint.secret_arn},
    }
    default = {"conn_type": "aws", "extra": {"region_name": aws.region}}
    return [
        f"AIRFLOW_CONN_REDSHIFT='{json.dumps(redshift)}'",
        f"AIRFLOW_CONN_AWS_DEFAULT='{json.dumps(default)}'",
        f"MUSICIAN_BUCKET={options.bucket}",
        f"MUSICIAN_COPY_ROLE_ARN={role_arn}",
    ]


def status(aws: Aws, options: Options) -> None:
    """Prints what exists, in which state, its endpoint, and what it costs."""
    account = aws.call("sts:GetCallerIdentity")["Account"]
    aws.say(f"Warehouse {options.name} in account {account}, {aws.region}")
    found = list(_found(aws, options.name))
    for item in found:
        foreign = "" if item.is_ours else "  (created by somebody else)"
        aws.say(f"  {item.kind:15} {item.name:25} {item.state}{foreign}")
    aws.say(f"It costs {_cost(aws, options.name)}" if found else "Nothing of it exists.")


def delete(
    aws: Aws,
    options: Options,
    *,
    final_snapshot: bool,
    confirm: Callable[[str], bool],
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Removes everything that `create` made, once `confirm` agrees to it, and waits until it is gone."""
    account = aws.call("sts:GetCallerIdentity")["Account"]
    found = list(_found(aws, options.name))
    for item in found:
        if not item.is_ours:
            tag = "=".join(OWNER_TAG)
            aws.say(f"Left alone: the {item.kind} {item.name}, which lacks the tag {tag}.")
    doomed = [item for item in found if item.is_ours]
    if not doomed:
        aws.say(f"Nothing of {options.name} that this command created is in account {account}, {aws.region}.")
        return
    aws.say(f"To be deleted in account {account}, {aws.region}:")
    for item in doomed:
        aws.say(f"  {item.kind:15} {item.name:25} {item.state}")
    has_data = any(item.kind in ("namespace", "cluster") for item in doomed)
    snapshot = f"{options.name}-final-{now():%Y%m%d-%H%M%S}" if final_snapshot else None
    if has_data:
        aws.say(
            f"Its data stays in the snapshot {snapshot}."
            if snapshot
            else "Its data is lost: no snapshot is taken."
        )
    if not confirm("Delete all this?"):
        aws.say("Nothing was deleted.")
        return
    serverless.delete(aws, options.name, snapshot)
    cluster.delete(aws, options.name, snapshot)
    access.delete_role(aws, options.name)
    access.delete_security_groups(aws, options.name)
    aws.say(f"Gone. The bucket {options.bucket} was not touched.")
    if has_data and snapshot:
        aws.say(f"The snapshot {snapshot} stays, and costs its storage, until you delete it.")


def _found(aws: Aws, name: str) -> Iterator[Found]:
    if role := access.find_role(aws, name):
        yield Found("role", name, "lets COPY read the lake", is_ours(role.get("Tags", [])))
    for group in access.find_security_groups(aws, name):
        ranges = ", ".join(map(str, access.open_to(group)))
        state = f"{group['GroupId']}, open to {ranges}" if ranges else f"{group['GroupId']}, closed"
        yield Found("security group", name, state, is_ours(group.get("Tags", [])))
    if namespace := serverless.find_namespace(aws, name):
        ours = serverless.created_by_us(aws, namespace["namespaceArn"])
        yield Found("namespace", name, namespace["status"], ours)
    if workgroup := serverless.find_workgroup(aws, name):
        ours = serverless.created_by_us(aws, workgroup["workgroupArn"])
        state = f"{workgroup['status']}, {workgroup['baseCapacity']} RPU{_address(workgroup.get('endpoint'))}"
        yield Found("workgroup", name, state, ours)
        if limit := serverless.find_usage_limit(aws, workgroup["workgroupArn"]):
            yield Found(
                "usage limit", name, f"{limit['amount']} RPU-hours a day, then {limit['breachAction']}", ours
            )
    if nodes := cluster.find(aws, name):
        size = f"{nodes['NumberOfNodes']} x {nodes['NodeType']}"
        state = f"{nodes['ClusterStatus']}, {size}{_address(nodes.get('Endpoint'))}"
        yield Found("cluster", name, state, is_ours(nodes.get("Tags", [])))
    if subnets := cluster.find_subnet_group(aws, name):
        yield Found("subnet group", name, subnets["SubnetGroupStatus"], is_ours(subnets.get("Tags", [])))


def _address(endpoint: dict[str, object] | None) -> str:
    plain = {key.lower(): value for key, value in (endpoint or {}).items()}
    return f", {plain['address']}:{plain.get('port')}" if plain.get("address") else ""


def _cost(aws: Aws, name: str) -> str:
    if workgroup := serverless.find_workgroup(aws, name):
        limit = serverless.find_usage_limit(aws, workgroup["workgroupArn"])
        return prices.serverless(workgroup["baseCapacity"], limit["amount"] if limit else None)
    if nodes := cluster.find(aws, name):
        return prices.provisioned(nodes["NodeType"], nodes["NumberOfNodes"])
    return "nothing by the hour: nothing in it computes."


def _check_bucket(aws: Aws, bucket: str) -> None:
    """COPY of Parquet cannot cross regions. A bucket that does not exist yet is created by the first run."""
    try:
        found = aws.find("s3:GetBucketLocation", "NoSuchBucket", Bucket=bucket)
    except ProvisioningFailed as error:
        raise ProvisioningFailed(
            f"{error} Bucket names are shared by everybody: "
            f"when {bucket} is not yours, choose another --bucket."
        ) from error
    if found is None:
        return
    region = found.get("LocationConstraint") or "us-east-1"
    region = "eu-west-1" if region == "EU" else region  # the name of 2007
    if region != aws.region:
        raise ProvisioningFailed(
            f"The bucket {bucket} is in {region}, but the warehouse is to be in {aws.region}, "
            f"and COPY of Parquet cannot cross regions: give --region {region}, or another --bucket."
        )


def _check_other_kind(aws: Aws, options: Options) -> None:
    other = cluster.find if options.kind == "serverless" else serverless.find_namespace
    if other(aws, options.name):
        kind = "provisioned" if options.kind == "serverless" else "serverless"
        raise ProvisioningFailed(
            f"A {kind} warehouse {options.name} exists: delete it first, or choose another --name."
        )
