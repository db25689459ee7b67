"""What policies say, as AWS returns them: a single value may stand for a list, and a text for a document."""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any


def statements_of(document: Any) -> list[dict[str, Any]]:
    """The statements of a policy."""
    held = json.loads(document) if isinstance(document, str) else document
    return listed(held.get("Statement", []))


def listed(value: Any) -> list[Any]:
    """The value, in a list if it is none."""
    return list(value) if isinstance(value, list | tuple) else [value]


def allows(statements: Iterable[Mapping[str, Any]], action: str, resource: str | None) -> bool:
    """Whether statements without a principal allow an action on a resource, and deny it under no condition only.

    Without a resource, on any.
    """
    covering = [each for each in statements if _covers(each, action, resource)]
    return any(each["Effect"] == "Allow" for each in covering) and not any(
        each["Effect"] == "Deny" and not each.get("Condition") for each in covering
    )


def names_action(statement: Mapping[str, Any], action: str) -> bool:
    """Whether a statement is about an action."""
    return any(fnmatchcase(action.lower(), each.lower()) for each in listed(statement.get("Action", [])))


def _covers(statement: Mapping[str, Any], action: str, resource: str | None) -> bool:
    return names_action(statement, action) and any(
        resource is None or fnmatchcase(_in_any_partition(resource), _in_any_partition(each))
        for each in listed(statement.get("Resource", []))
    )


def _in_any_partition(arn: str) -> str:
    return arn.replace("arn:aws-us-gov:", "arn:aws:").replace("arn:aws-cn:", "arn:aws:")
