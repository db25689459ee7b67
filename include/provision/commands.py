"""Create, status and delete. Each can be run again at any time, even after it was interrupted."""

import json
from collections.abc import Callable
from datetime import datetime

from include.clock import utc_now
from include.errors import ProvisioningFailed
from include.provision import stack, warehouse
from include.provision.aws import Aws
from include.provision.options import Options
from include.provision.stack import Confirm
from include.provision.tables import create_tables
from include.settings import Settings


def create(aws: Aws, options: Options, confirm: Confirm) -> None:
    """Creates or updates the stack, sets up the database, and prints how the pipeline connects.

    Raises `ProvisioningFailed` if AWS rejects a call, time is up, or this command did not create the stack of that
    name.
    """
    name, identity = options.name, aws.call("sts:GetCallerIdentity")
    aws.say(f"Warehouse {name} in account {identity['Account']}, {aws.region}")
    held = stack.settled(aws, name)
    parameters = _parameters(aws, options, stack.parameters_of(held) if held else {})
    if not stack.apply(aws, name, parameters, confirm):
        return
    found = warehouse.find(aws, parameters["Kind"], name)
    held = stack.find(aws, name)
    if not found or not held:
        raise ProvisioningFailed(f"The warehouse {name} is gone. Run the same command again.")
    if parameters["WorkgroupId"] != found.workgroup_id:  # only AWS knows it, once the workgroup exists
        aws.say("Making the COPY role trust the new workgroup, and no other:")
        stack.apply(aws, name, parameters | {"WorkgroupId": found.workgroup_id}, lambda _question: True)
    aws.call("cloudformation:UpdateTerminationProtection", StackName=name, EnableTerminationProtection=True)
    if found.kind == "serverless":
        warehouse.limit_usage(aws, found, options.daily_rpu_hours)
    secret = create_tables(aws, found, f"{name}-loader-{held['StackId'].split('/')[2]}")
    if parameters["Ranges"] == "-,-,-,-":
        aws.say(
            "Its port is closed: run create again with --allow-cidr RANGE to open it to a range of addresses."
        )
    found = warehouse.find(aws, found.kind, name) or found
    aws.say(f"It costs {found.cost}")
    redshift = {
        "conn_type": "redshift",
        "host": found.host,
        "port": found.port,
        "schema": found.database,
        "extra": {"secret_arn": secret},
    }
    default = {"conn_type": "aws", "extra": {"region_name": aws.region}}
    role = f"arn:{identity['Arn'].split(':')[1]}:iam::{identity['Account']}:role/{name}-copy"
    aws.say("\nFor .env (no password: anyone who may read the secret can log in):\n")
    aws.say(f"AIRFLOW_CONN_REDSHIFT='{json.dumps(redshift)}'")
    aws.say(f"AIRFLOW_CONN_AWS_DEFAULT='{json.dumps(default)}'")
    aws.say(f"MUSICIAN_BUCKET={parameters['Bucket']}")
    aws.say(f"MUSICIAN_COPY_ROLE_ARN={role}")


def status(aws: Aws, options: Options) -> None:
    """Prints the state of the stack and the warehouse, who may connect, and what it costs per hour."""
    account = aws.call("sts:GetCallerIdentity")["Account"]
    held = stack.find(aws, options.name)
    if held is None:
        aws.say(f"There is no warehouse {options.name} in account {account}, {aws.region}.")
        return
    given = stack.parameters_of(held)
    found = warehouse.find(aws, given["Kind"], options.name)
    open_to = [given_range for given_range in given["Ranges"].split(",") if given_range != "-"]
    aws.say(f"Warehouse {options.name} in account {account}, {aws.region}")
    aws.say(f"  stack      {held['StackStatus']}")
    aws.say(f"  bucket     {given['Bucket']}")
    aws.say(f"  port       {'open to ' + ', '.join(open_to) if open_to else 'closed'}")
    if found:
        aws.say(f"  {found.kind:10} {found.state}, {found.size}, {found.host}:{found.port}")
        aws.say(f"It costs {found.cost}")


def delete(
    aws: Aws,
    options: Options,
    confirm: Confirm,
    *,
    final_snapshot: bool,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Takes a snapshot and deletes the stack, if `confirm` agrees, and waits until it is gone."""
    name, account = options.name, aws.call("sts:GetCallerIdentity")["Account"]
    held = stack.settled(aws, name)
    if held is None:
        aws.say(f"There is no warehouse {name} in account {account}, {aws.region}.")
        return
    given = stack.parameters_of(held)
    found = warehouse.find(aws, given["Kind"], name)
    snapshot = f"{name}-final-{now():%Y%m%d-%H%M%S}" if found and final_snapshot else None
    aws.say(f"To be deleted in account {account}, {aws.region}:")
    for part in aws.call("cloudformation:ListStackResources", StackName=name)["StackResourceSummaries"]:
        if part["LogicalResourceId"] not in ("", "LakeBucket", "LakeBucketPolicy"):
            aws.say(f"  {part['LogicalResourceId']:17} {part.get('PhysicalResourceId', '')}")
    if found:
        aws.say(
            f"Its data will be kept in the snapshot {snapshot}."
            if snapshot
            else "Its data will be lost: no snapshot is taken."
        )
    if not confirm("Delete all this?"):
        aws.say("Nothing was deleted.")
        return
    if found and snapshot:
        warehouse.take_snapshot(aws, found, snapshot)
    aws.call("cloudformation:UpdateTerminationProtection", StackName=name, EnableTerminationProtection=False)
    stack.delete(aws, held)
    aws.say(f"Deleted. The bucket {given['Bucket']} was not touched.")
    if snapshot:
        aws.say(f"The snapshot {snapshot} remains, and you pay for its storage, until you delete it.")


def _parameters(aws: Aws, options: Options, before: dict[str, str]) -> dict[str, str]:
    """The template's parameters: from the options, else from the existing stack, else the defaults."""
    defaults = {
        "Bucket": Settings().bucket, "Kind": "serverless", "Ranges": "-,-,-,-", "Vpc": "", "WorkgroupId": "none"
    }  # fmt: skip
    given = options.parameters()
    parameters = defaults | before | given
    if before and parameters["Kind"] != before["Kind"]:
        raise ProvisioningFailed(
            f"The warehouse {options.name} is {before['Kind']}: delete it first, or choose another --name."
        )
    exists = _bucket_exists(aws, parameters["Bucket"])
    if parameters["Bucket"] != before.get("Bucket"):
        parameters["CreateBucket"] = str(not exists).lower()
        if exists:
            aws.say(
                f"The bucket {parameters['Bucket']} exists: it is used unchanged, and stays outside the stack."
            )
    if options.subnet_ids:
        subnets = aws.call("ec2:DescribeSubnets", SubnetIds=list(options.subnet_ids))["Subnets"]
        parameters["Vpc"] = subnets[0]["VpcId"]
    return parameters


def _bucket_exists(aws: Aws, bucket: str) -> bool:
    """Raises `ProvisioningFailed` for a bucket in another region: COPY of Parquet cannot cross regions."""
    try:
        found = aws.find("s3:GetBucketLocation", "NoSuchBucket", Bucket=bucket)
    except ProvisioningFailed as error:
        raise ProvisioningFailed(
            f"{error} Bucket names are unique across all of AWS: if {bucket} is not yours, choose another --bucket."
        ) from error
    if found is None:
        return False
    region = found.get("LocationConstraint") or "us-east-1"
    region = "eu-west-1" if region == "EU" else region  # the name of 2007
    if region != aws.region:
        raise ProvisioningFailed(
            f"The bucket {bucket} is in {region}, but the warehouse would be in {aws.region}, "
            f"and COPY of Parquet cannot cross regions: give --region {region}, or another --bucket."
        )
    return True
