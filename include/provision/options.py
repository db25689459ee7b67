"""What is to be created: per field one option and one environment variable, and a default for each."""

import argparse
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Self

from include.errors import SettingInvalid
from include.settings import Settings

DATABASE = "musician"
ADMIN = "musician_admin"
PORT = 5439


@dataclass(frozen=True, slots=True)
class Options:
    """The warehouse as it is wanted. A capacity or limit of None leaves alone what exists."""

    bucket: str
    """MUSICIAN_BUCKET: the bucket of the lake, which COPY may read."""
    region: str | None = None
    """AWS_DEFAULT_REGION: where; that of the bucket, because COPY of Parquet cannot cross regions."""
    name: str = "musician-warehouse"
    """MUSICIAN_REDSHIFT_NAME: of everything that is created."""
    kind: str = "serverless"
    """MUSICIAN_REDSHIFT_KIND: serverless, or provisioned."""
    base_capacity: int | None = None
    """MUSICIAN_REDSHIFT_BASE_CAPACITY: RPUs of a serverless warehouse; the smallest the region offers."""
    daily_rpu_hours: int | None = None
    """MUSICIAN_REDSHIFT_DAILY_RPU_HOURS: a serverless warehouse refuses queries after so many in a day; 8."""
    node_type: str = "ra3.large"
    """MUSICIAN_REDSHIFT_NODE_TYPE: of a provisioned cluster."""
    nodes: int = 1
    """MUSICIAN_REDSHIFT_NODES: of a provisioned cluster."""
    allow_cidr: tuple[IPv4Network, ...] = ()
    """MUSICIAN_REDSHIFT_ALLOW_CIDR: address ranges that may reach the port; nobody may."""
    subnet_ids: tuple[str, ...] = ()
    """MUSICIAN_REDSHIFT_SUBNET_IDS: where its network interfaces are; the default VPC."""

    @classmethod
    def parse(cls, given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Self:
        """An option wins over its variable. Raises `SettingInvalid`, naming it, if it does not parse."""
        environ = os.environ if environ is None else environ
        values = {}
        for field, (variable, parse, _) in _FIELDS.items():
            option = f"--{field.replace('_', '-')}"
            for source, text in ((option, given.get(field)), (variable, environ.get(variable))):
                if text:
                    try:
                        values[field] = parse(text)
                    except SettingInvalid:
                        raise
                    except ValueError as error:
                        raise SettingInvalid(f"{source} {text!r} is not valid: {error}.") from None
                    break
        values.setdefault("bucket", Settings().bucket)
        return cls(**values)

    @property
    def public(self) -> bool:
        """Whether it needs an address in the internet: a range that may reach it lies there."""
        return any(not network.is_private for network in self.allow_cidr)


def add_options(parser: argparse.ArgumentParser) -> None:
    """One option per field, with its environment variable in the help."""
    for field, (variable, _, text) in _FIELDS.items():
        parser.add_argument(f"--{field.replace('_', '-')}", help=f"{text} [{variable}]", metavar="…")


def _bucket(text: str) -> str:
    return Settings.from_environment({"MUSICIAN_BUCKET": text}).bucket


def _name(text: str) -> str:
    if not re.fullmatch(r"(?!sg-)[a-z](?:-?[a-z0-9]){2,40}", text):
        raise ValueError("give 3 to 41 lower-case letters, digits and single hyphens, a letter first")
    return text


def _kind(text: str) -> str:
    if text not in ("serverless", "provisioned"):
        raise ValueError("give serverless or provisioned")
    return text


def _capacity(text: str) -> int:
    number = int(text)
    if number != 4 and number not in range(8, 513, 8) and number not in range(544, 1025, 32):
        raise ValueError("give 4, or a multiple of 8 up to 512, or a multiple of 32 up to 1024")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("give a whole number from 1")
    return number


def _node_type(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+\.[a-z0-9]+", text):
        raise ValueError("a node type looks like ra3.large")
    return text


def _networks(text: str) -> tuple[IPv4Network, ...]:
    networks = tuple(IPv4Network(part.strip()) for part in text.split(",") if part.strip())
    for network in networks:
        if network.prefixlen < 8:
            raise ValueError(
                f"{network} is the internet; give the range of those who work with the warehouse"
            )
    return networks


def _subnets(text: str) -> tuple[str, ...]:
    subnets = tuple(part.strip() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"subnet-[0-9a-f]+", subnet) for subnet in subnets):
        raise ValueError("give subnet ids separated by commas, such as subnet-0a1b,subnet-2c3d,subnet-4e5f")
    return subnets


_FIELDS: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "bucket": ("MUSICIAN_BUCKET", _bucket, "bucket of the lake"),
    "region": ("AWS_DEFAULT_REGION", str, "AWS region, that of the bucket"),
    "name": ("MUSICIAN_REDSHIFT_NAME", _name, "name of everything that is created"),
    "kind": ("MUSICIAN_REDSHIFT_KIND", _kind, "serverless (the default) or provisioned"),
    "base_capacity": ("MUSICIAN_REDSHIFT_BASE_CAPACITY", _capacity, "serverless: RPUs, from 4"),
    "daily_rpu_hours": (
        "MUSICIAN_REDSHIFT_DAILY_RPU_HOURS",
        _positive,
        "serverless: RPU-hours a day, then it stops",
    ),
    "node_type": ("MUSICIAN_REDSHIFT_NODE_TYPE", _node_type, "provisioned: node type, such as ra3.large"),
    "nodes": ("MUSICIAN_REDSHIFT_NODES", _positive, "provisioned: number of nodes"),
    "allow_cidr": ("MUSICIAN_REDSHIFT_ALLOW_CIDR", _networks, "address ranges that may connect"),
    "subnet_ids": ("MUSICIAN_REDSHIFT_SUBNET_IDS", _subnets, "subnets, if not those of the default VPC"),
}
