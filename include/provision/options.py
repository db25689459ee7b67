"""What to create: each field has an option, an environment variable and a default."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, Self, get_args, get_type_hints

from msgspec import Meta

from include.settings import BucketName, checked

_MOST_RANGES = 4  # warehouse.yaml has a rule for each

_Name = Annotated[
    str,
    Meta(
        pattern=r"\A(?!sg-)[a-z](?:-?[a-z0-9]){2,40}\Z",
        description="3 to 41 lower-case letters, digits and single hyphens, starting with a letter",
    ),
]
_Capacity = Annotated[
    int,
    Meta(
        ge=4,
        le=1_024,
        multiple_of=4,
        description="4, or a multiple of 8 up to 512, or a multiple of 32 up to 1024",
    ),
]
_NodeType = Annotated[
    str, Meta(pattern=r"\A[a-z0-9]+\.[a-z0-9]+\Z", description="a node type, such as ra3.large")
]
_Region = Annotated[str, Meta(pattern=r"\A[a-z0-9-]+\Z", description="an AWS region")]
_Kind = Annotated[Literal["serverless", "provisioned"], Meta(description="serverless or provisioned")]
_Networks = Annotated[
    tuple[IPv4Network, ...],
    Meta(
        max_length=_MOST_RANGES,
        description="at most four address ranges that may connect, such as 203.0.113.0/24, "
        "separated by commas and none of them wider than /8",
    ),
]
_Subnets = Annotated[
    tuple[Annotated[str, Meta(pattern=r"\Asubnet-[0-9a-f]+\Z")], ...],
    Meta(description="subnet ids separated by commas, such as subnet-0a1b,subnet-2c3d,subnet-4e5f"),
]


@dataclass(frozen=True, slots=True)
class Options:
    """The requested warehouse. A field that is None keeps its current value, or the default of warehouse.yaml."""

    bucket: BucketName | None = None
    """MUSICIAN_BUCKET: the bucket of the lake, which COPY may read."""
    region: _Region | None = None
    """AWS_DEFAULT_REGION: the bucket's region, because COPY of Parquet cannot cross regions."""
    name: _Name = "musician-warehouse"
    """MUSICIAN_REDSHIFT_NAME: the name of the stack and of its resources."""
    kind: _Kind | None = None
    """MUSICIAN_REDSHIFT_KIND: serverless or provisioned."""
    base_capacity: _Capacity | None = None
    """MUSICIAN_REDSHIFT_BASE_CAPACITY: the RPUs of a serverless warehouse."""
    daily_rpu_hours: Annotated[int, Meta(ge=1)] | None = None
    """MUSICIAN_REDSHIFT_DAILY_RPU_HOURS: beyond them, a serverless warehouse rejects queries until the next day; 8."""
    node_type: _NodeType | None = None
    """MUSICIAN_REDSHIFT_NODE_TYPE: the node type of a provisioned cluster."""
    nodes: Annotated[int, Meta(ge=1)] | None = None
    """MUSICIAN_REDSHIFT_NODES: the number of nodes of a provisioned cluster."""
    allow_cidr: _Networks | None = None
    """MUSICIAN_REDSHIFT_ALLOW_CIDR: address ranges that may reach the port; none by default."""
    subnet_ids: _Subnets | None = None
    """MUSICIAN_REDSHIFT_SUBNET_IDS: the subnets of its network interfaces; by default those of the default VPC."""

    @classmethod
    def parse(cls, given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Self:
        """An option overrides its variable. Raises `SettingInvalid`, naming whichever is not valid."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for field, kind in get_type_hints(cls, include_extras=True).items():
            sources = {_option(field): given.get(field), _variable(field): environ.get(_variable(field))}
            for source, text in sources.items():
                if text:
                    values[field] = checked(source, "" if text == "none" else text, _required(kind), _network)
                    break
        return cls(**values)

    def parameters(self) -> dict[str, str]:
        """The parameters of the template for what is given."""
        given: dict[str, object] = {
            "Kind": self.kind,
            "Bucket": self.bucket,
            "BaseCapacity": self.base_capacity,
            "NodeType": self.node_type,
            "Nodes": self.nodes,
        }
        if self.allow_cidr is not None:
            given["Ranges"] = ",".join([*map(str, self.allow_cidr), *"----"][:_MOST_RANGES])
            # It needs a public address if one of the ranges is public.
            given["Public"] = str(any(not network.is_private for network in self.allow_cidr)).lower()
        if self.subnet_ids is not None:
            given["Subnets"] = ",".join(self.subnet_ids)
        return {name: str(value) for name, value in given.items() if value is not None}


def add_options(parser: argparse.ArgumentParser, fields: Sequence[str] = ()) -> None:
    """Adds an option for each of these fields, or for all, with its environment variable in the help."""
    for field in fields or _HELP:
        parser.add_argument(_option(field), help=f"{_HELP[field]} [{_variable(field)}]", metavar="…")


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _variable(field: str) -> str:
    shared = {"bucket": "MUSICIAN_BUCKET", "region": "AWS_DEFAULT_REGION"}
    return shared.get(field, f"MUSICIAN_REDSHIFT_{field.upper()}")


def _required(kind: Any) -> Any:
    """The type without None, which no text can express."""
    return kind if hasattr(kind, "__metadata__") else get_args(kind)[0]


def _network(kind: type, text: str) -> IPv4Network:
    network = IPv4Network(text)
    if network.prefixlen < 8:
        raise ValueError(f"{network} is wider than /8")
    return network


_HELP = {
    "bucket": "bucket of the lake",
    "region": "AWS region of the bucket and the warehouse",
    "name": "name of the stack and of its resources",
    "kind": "serverless (the default) or provisioned",
    "base_capacity": "serverless: RPUs, 4 by default; some regions start at 8",
    "daily_rpu_hours": "serverless: RPU-hours a day, after which it rejects queries",
    "node_type": "provisioned: node type, such as ra3.large",
    "nodes": "provisioned: number of nodes",
    "allow_cidr": "up to four address ranges that may connect, replacing earlier ones; none closes the port",
    "subnet_ids": "subnets, instead of those of the default VPC",
}
