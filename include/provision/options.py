"""What is to be created: per field one option and one environment variable, and a default for each."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, Self, get_args, get_type_hints

from msgspec import Meta

from include.settings import BucketName, Settings, checked

DATABASE = "musician"
ADMIN = "musician_admin"
PORT = 5439

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
        description="the address ranges of those who work with the warehouse, such as 203.0.113.0/24, "
        "separated by commas and none of them wider than /8"
    ),
]
_Subnets = Annotated[
    tuple[Annotated[str, Meta(pattern=r"\Asubnet-[0-9a-f]+\Z")], ...],
    Meta(description="subnet ids separated by commas, such as subnet-0a1b,subnet-2c3d,subnet-4e5f"),
]


@dataclass(frozen=True, slots=True)
class Options:
    """The warehouse as it is wanted. A capacity or limit of None leaves alone what exists."""

    bucket: BucketName
    """MUSICIAN_BUCKET: the bucket of the lake, which COPY may read."""
    region: _Region | None = None
    """AWS_DEFAULT_REGION: where; that of the bucket, because COPY of Parquet cannot cross regions."""
    name: _Name = "musician-warehouse"
    """MUSICIAN_REDSHIFT_NAME: of everything that is created."""
    kind: _Kind = "serverless"
    """MUSICIAN_REDSHIFT_KIND: serverless, or provisioned."""
    base_capacity: _Capacity | None = None
    """MUSICIAN_REDSHIFT_BASE_CAPACITY: RPUs of a serverless warehouse; the smallest the region offers."""
    daily_rpu_hours: Annotated[int, Meta(ge=1)] | None = None
    """MUSICIAN_REDSHIFT_DAILY_RPU_HOURS: a serverless warehouse refuses queries after so many in a day; 8."""
    node_type: _NodeType = "ra3.large"
    """MUSICIAN_REDSHIFT_NODE_TYPE: of a provisioned cluster."""
    nodes: Annotated[int, Meta(ge=1)] = 1
    """MUSICIAN_REDSHIFT_NODES: of a provisioned cluster."""
    allow_cidr: _Networks = ()
    """MUSICIAN_REDSHIFT_ALLOW_CIDR: address ranges that may reach the port; nobody may."""
    subnet_ids: _Subnets = ()
    """MUSICIAN_REDSHIFT_SUBNET_IDS: where its network interfaces are; the default VPC."""

    @classmethod
    def parse(cls, given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Self:
        """An option wins over its variable. Raises `SettingInvalid`, naming the one that is not valid."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {"bucket": Settings().bucket}
        for field, kind in get_type_hints(cls, include_extras=True).items():
            sources = {_option(field): given.get(field), _variable(field): environ.get(_variable(field))}
            for source, text in sources.items():
                if text:
                    values[field] = checked(source, text, _required(kind), _network)
                    break
        return cls(**values)

    @property
    def public(self) -> bool:
        """Whether it needs an address in the internet: a range that may reach it lies there."""
        return any(not network.is_private for network in self.allow_cidr)


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option per field, with its environment variable in the help."""
    for field, text in _HELP.items():
        parser.add_argument(_option(field), help=f"{text} [{_variable(field)}]", metavar="…")


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
    "name": "name of everything that is created",
    "kind": "serverless (the default) or provisioned",
    "base_capacity": "serverless: RPUs, from 4",
    "daily_rpu_hours": "serverless: RPU-hours a day, then it stops",
    "node_type": "provisioned: node type, such as ra3.large",
    "nodes": "provisioned: number of nodes",
    "allow_cidr": "address ranges that may connect",
    "subnet_ids": "subnets, if not those of the default VPC",
}
