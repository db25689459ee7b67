"""What is to be created: per field one option and one environment variable, and a default for each."""

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
        description="3 to 41 lower-case letters, digits and single hyphens, a letter first",
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
        description="at most four address ranges of those who work with the warehouse, such as 203.0.113.0/24, "
        "separated by commas and none of them wider than /8",
    ),
]
_Subnets = Annotated[
    tuple[Annotated[str, Meta(pattern=r"\Asubnet-[0-9a-f]+\Z")], ...],
    Meta(description="subnet ids separated by commas, such as subnet-0a1b,subnet-2c3d,subnet-4e5f"),
]


@dataclass(frozen=True, slots=True)
class Options:
    """The warehouse that is wanted. What is None keeps its value, or is the default of warehouse.yaml."""

    bucket: BucketName | None = None
    """MUSICIAN_BUCKET: the bucket of the lake, which COPY may read."""
    region: _Region | None = None
    """AWS_DEFAULT_REGION: where; that of the bucket, because COPY of Parquet cannot cross regions."""
    name: _Name = "musician-warehouse"
    """MUSICIAN_REDSHIFT_NAME: of the stack and of what is in it."""
    kind: _Kind | None = None
    """MUSICIAN_REDSHIFT_KIND: serverless, or provisioned."""
    base_capacity: _Capacity | None = None
    """MUSICIAN_REDSHIFT_BASE_CAPACITY: RPUs of a serverless warehouse."""
    daily_rpu_hours: Annotated[int, Meta(ge=1)] | None = None
    """MUSICIAN_REDSHIFT_DAILY_RPU_HOURS: a serverless warehouse rejects queries beyond them, per day; 8."""
    node_type: _NodeType | None = None
    """MUSICIAN_REDSHIFT_NODE_TYPE: of a provisioned cluster."""
    nodes: Annotated[int, Meta(ge=1)] | None = None
    """MUSICIAN_REDSHIFT_NODES: of a provisioned cluster."""
    allow_cidr: _Networks | None = None
    """MUSICIAN_REDSHIFT_ALLOW_CIDR: address ranges that may reach the port; nobody may."""
    subnet_ids: _Subnets | None = None
    """MUSICIAN_REDSHIFT_SUBNET_IDS: where its network interfaces are; the default VPC."""

    @classmethod
    def parse(cls, given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Self:
        """An option wins over its variable. Raises `SettingInvalid`, naming the one that is not valid."""
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
            # It needs an address in the internet if a range that may reach it is there.
            given["Public"] = str(any(not network.is_private for network in self.allow_cidr)).lower()
        if self.subnet_ids is not None:
            given["Subnets"] = ",".join(self.subnet_ids)
        return {name: str(value) for name, value in given.items() if value is not None}


def add_options(parser: argparse.ArgumentParser, fields: Sequence[str] = ()) -> None:
    """One option per field, or for these, with its environment variable in the help."""
    for field in fields or _HELP:
        parser.add_argument(_option(field), help=f"{_HELP[field]} [{_variable(field)}]", metavar="…")


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _variable(field: str) -> str:
    shared = {"bucket": "MUSICIAN_BUCKET", "region": "AWS_DEFAULT_REGION"}
    return shared.get(field, f"MUSICIAN_REDSHIFT_{field.upper()}")


def _required(kind: Any) -> Any:
    """The type without None, which no text stands for."""
    return kind if hasattr(kind, "__metadata__") else get_args(kind)[0]


def _network(kind: type, text: str) -> IPv4Network:
    network = IPv4Network(text)
    if network.prefixlen < 8:
        raise ValueError(f"{network} is the internet")
    return network


_HELP = {
    "bucket": "bucket of the lake",
    "region": "AWS region, that of the bucket",
    "name": "name of the stack and of what is in it",
    "kind": "serverless (the default) or provisioned",
    "base_capacity": "serverless: RPUs, 4 if not given; some regions begin at 8",
    "daily_rpu_hours": "serverless: RPU-hours a day, then it stops",
    "node_type": "provisioned: node type, such as ra3.large",
    "nodes": "provisioned: number of nodes",
    "allow_cidr": "up to four address ranges that may connect, instead of those before; none closes the port",
    "subnet_ids": "subnets, if not those of the default VPC",
}
