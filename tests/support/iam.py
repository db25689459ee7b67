"""Whether an IAM policy allows a request, as far as our policies go: Allow statements and these operators.

    StringEquals, Null, ForAnyValue:StringEquals, ForAllValues:StringEquals

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. What nothing allows is
denied; a key that is not in the request's context matches no StringEquals and every ForAllValues.
"""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import yaml

from include.provision.stack import TEMPLATE


class _Template(yaml.SafeLoader):
    """Reads a template whose functions are left as their arguments."""


_Template.add_multi_constructor("!", lambda loader, _function, node: (
    loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else loader.construct_sequence(node)
))  # fmt: skip


def copy_policy(bucket: str) -> dict[str, Any]:
    """What the template allows the role of COPY, with the lake in this bucket."""
    role = yaml.load(TEMPLATE.read_text(), _Template)["Resources"]["CopyRole"]["Properties"]
    [policy] = role["Policies"]
    filled = (
        json.dumps(policy["PolicyDocument"]).replace("${AWS::Partition}", "aws").replace("${Bucket}", bucket)
    )
    document: dict[str, Any] = json.loads(filled)
    return document


def allows(policy: Mapping[str, Any], action: str, resource: str = "*", **context: Any) -> bool:
    """`context` is the request's condition keys, with `__` for the colon: `aws__CalledVia=[…]`."""
    given = {key.replace("__", ":", 1): value for key, value in context.items()}
    return any(
        _matches(statement["Action"], action.lower(), lower=True)
        and _matches(statement["Resource"], resource)
        and all(
            _holds(operator, given.get(key), _list(wanted))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
        for statement in policy["Statement"]
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(patterns: Any, value: str, lower: bool = False) -> bool:
    # IAM knows * and ?, not the brackets of fnmatch, which none of our patterns has.
    return any(fnmatchcase(value, pattern.lower() if lower else pattern) for pattern in _list(patterns))


def _holds(operator: str, given: Any, wanted: list[Any]) -> bool:
    if operator == "Null":
        return (given is None) == (wanted == ["true"])
    quantifier, _, plain = operator.rpartition(":")
    if plain != "StringEquals":
        raise NotImplementedError(operator)
    if quantifier == "ForAllValues":
        return given is None or set(_list(given)) <= set(wanted)
    return given is not None and bool(set(_list(given)) & set(wanted))
