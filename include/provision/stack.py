"""The CloudFormation stack: planned as a change set, shown, executed, followed event by event, deleted.

CloudFormation keeps the order, rolls back what fails and never touches what is outside the stack. A stack that this
command did not create lacks its tag, and is rejected before CloudFormation is asked to change anything.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from include.errors import ProvisioningFailed
from include.provision.aws import Aws
from include.provision.permissions import TAG, resource_types

TEMPLATE = Path(__file__).with_name("warehouse.yaml")
Confirm = Callable[[str], bool]
_UNCHANGED = re.compile("didn't contain changes|No updates are to be performed")
_GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")


def find(aws: Aws, name: str) -> dict[str, Any] | None:
    """The stack as AWS describes it; None if there is none, or only a plan of one.

    Raises `ProvisioningFailed` for a stack of this name that this command did not create.
    """
    found = aws.find("cloudformation:DescribeStacks", "ValidationError", StackName=name)
    if found is None or found["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    stack: dict[str, Any] = found["Stacks"][0]
    if {"Key": TAG, "Value": name} not in stack.get("Tags", []):
        raise ProvisioningFailed(
            f"The stack {name} exists, but this command did not create it: it lacks the tag {TAG}={name}. "
            "It was not changed. Choose another name with --name."
        )
    return stack


def parameters_of(stack: Mapping[str, Any]) -> dict[str, str]:
    """The parameters with which it was created or last updated."""
    return {given["ParameterKey"]: given["ParameterValue"] for given in stack.get("Parameters", [])}


def settled(aws: Aws, name: str) -> dict[str, Any] | None:
    """Like `find`, but waits until no change is in progress, and removes what a failed creation left behind."""

    def look() -> bool | None:
        stack = find(aws, name)
        return None if stack and stack["StackStatus"].endswith("_IN_PROGRESS") else True

    aws.wait(f"The stack {name}", look)
    stack = find(aws, name)
    if stack and stack["StackStatus"] in ("ROLLBACK_COMPLETE", "CREATE_FAILED"):
        aws.say("An earlier creation failed; removing what is left of it first.")
        delete(aws, stack)
        return None
    return stack


def apply(aws: Aws, name: str, parameters: Mapping[str, str], confirm: Confirm) -> bool:
    """Creates or updates the stack if `confirm` agrees to the changes; False if it does not.

    Raises `ProvisioningFailed` with AWS's reasons if the changes fail: CloudFormation has then rolled them back.
    """
    kind = "UPDATE" if find(aws, name) else "CREATE"
    plan = _plan(aws, name, parameters, kind)
    if plan is None:
        aws.say(f"The stack {name} is up to date.")
        return True
    aws.say(f"Changes to the stack {name}:")
    for change in (found["ResourceChange"] for found in plan["Changes"]):
        replaced = "  (REPLACED: its content is lost)" if change.get("Replacement") == "True" else ""
        aws.say(f"  {change['Action']:7} {change['LogicalResourceId']:17} {change['ResourceType']}{replaced}")
    if not plan["Changes"]:
        aws.say("  to its parameters only, to none of its resources")
    if not confirm("Make these changes?"):
        _forget(aws, plan, kind)
        aws.say("Nothing was changed.")
        return False
    seen = {event["EventId"] for event in _events(aws, plan["StackId"])}
    aws.call("cloudformation:ExecuteChangeSet", ChangeSetName=plan["ChangeSetId"], StackName=plan["StackId"])
    _require(name, _follow(aws, plan["StackId"], seen))
    return True


def delete(aws: Aws, stack: Mapping[str, Any]) -> None:
    """Deletes the stack, except for its bucket, and waits until it is gone. Raises `ProvisioningFailed`."""
    identity = stack["StackId"]
    seen = {event["EventId"] for event in _events(aws, identity)}
    aws.call("cloudformation:DeleteStack", StackName=identity)
    _require(stack["StackName"], _follow(aws, identity, seen))


def _plan(aws: Aws, name: str, parameters: Mapping[str, str], kind: str) -> dict[str, Any] | None:
    """The change set as AWS describes it; None if it would change nothing."""
    try:
        created = aws.call(
            "cloudformation:CreateChangeSet",
            StackName=name,
            ChangeSetName=f"change-{uuid.uuid4()}",
            ChangeSetType=kind,
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=[
                "CAPABILITY_NAMED_IAM"
            ],  # the COPY role has a name, on which its permissions depend
            ResourceTypes=resource_types(),
            Tags=[{"Key": TAG, "Value": name}],  # on the stack, and so on everything in it
        )
    except ProvisioningFailed as error:
        if _UNCHANGED.search(str(error)):
            return None
        raise
    change_set = {"ChangeSetName": created["Id"], "StackName": created["StackId"]}

    def look() -> dict[str, Any] | None:
        plan = aws.call("cloudformation:DescribeChangeSet", **change_set)
        return None if plan["Status"].endswith(("_PENDING", "_IN_PROGRESS")) else plan

    plan = aws.wait(f"The change set of the stack {name}", look)
    if plan["Status"] != "FAILED":
        return plan
    _forget(aws, plan, kind)
    if _UNCHANGED.search(plan["StatusReason"]):
        return None
    raise ProvisioningFailed(f"CloudFormation rejected the stack {name}: {plan['StatusReason']}")


def _forget(aws: Aws, plan: Mapping[str, Any], kind: str) -> None:
    """Deletes a change set that is not executed, and the empty stack that comes with one for a new stack."""
    aws.call("cloudformation:DeleteChangeSet", ChangeSetName=plan["ChangeSetId"], StackName=plan["StackId"])
    if kind == "CREATE":
        aws.call("cloudformation:DeleteStack", StackName=plan["StackId"])


def _events(aws: Aws, stack_id: str) -> list[dict[str, Any]]:
    """Its newest events, oldest first."""
    return list(reversed(aws.call("cloudformation:DescribeStackEvents", StackName=stack_id)["StackEvents"]))


def _follow(aws: Aws, stack_id: str, seen: set[str]) -> tuple[str, list[str]]:
    """Prints each new event until the stack has come to rest; its final status, and why resources failed."""
    failures: list[str] = []

    def look() -> str | None:
        rest = None
        for event in _events(aws, stack_id):
            if event["EventId"] in seen:
                continue
            seen.add(event["EventId"])
            what, status = event["LogicalResourceId"], str(event["ResourceStatus"])
            aws.say(f"  {event['Timestamp']:%H:%M:%S} {what:17} {status}")
            reason = event.get("ResourceStatusReason", "")
            if (
                status.endswith("FAILED") and "cancelled" not in reason
            ):  # as the others are after the first failure
                failures.append(f"{what}: {reason}")
            if event["PhysicalResourceId"] == stack_id and not status.endswith("_IN_PROGRESS"):
                rest = status
        return rest

    return aws.wait("The stack", look), failures


def _require(name: str, outcome: tuple[str, list[str]]) -> None:
    status, failures = outcome
    if status not in _GOOD:
        raise ProvisioningFailed(
            f"The stack {name} ended as {status}. {' '.join(failures)} "
            "Correct the cause and run the same command again."
        )
