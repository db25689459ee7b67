"""What the warehouse costs per hour: on-demand prices of us-east-1 in US dollars, without storage.

Source: https://aws.amazon.com/redshift/pricing/ as of October 2026. Other regions differ by up to half.
"""

from collections.abc import Mapping

RPU_HOUR = 0.375
"""Serverless, per RPU and hour in which queries run; billed by the second, at least 60 seconds each time."""

NODE_HOUR: Mapping[str, float] = {
    "ra3.large": 0.543,
}
"""Provisioned, per node and hour in which the cluster is not paused. Only the smallest node type is known."""

_PAGE = "https://aws.amazon.com/redshift/pricing/"
_NOTE = f"Storage and snapshots cost extra. Prices of us-east-1, October 2026: {_PAGE}"


def serverless(base_capacity: int, daily_rpu_hours: int | None) -> str:
    """A sentence per fact."""
    hour = (
        f"${base_capacity * RPU_HOUR:.2f} an hour while queries run ({base_capacity} RPU), nothing while idle"
    )
    limit = (
        f"at most about ${daily_rpu_hours * RPU_HOUR:.2f} a day ({daily_rpu_hours} RPU-hours)"
        if daily_rpu_hours
        else "WITHOUT a daily limit: run create again to set one"
    )
    return f"{hour}; {limit}. {_NOTE}"


def provisioned(node_type: str, nodes: int) -> str:
    """A sentence per fact."""
    if node_type not in NODE_HOUR:
        price = f"{nodes} times the hourly price" if nodes > 1 else "the hourly price"
        return f"{price} of {node_type}, used or not, which is not known here: see {_PAGE}"
    hour = nodes * NODE_HOUR[node_type]
    return f"${hour:.2f} an hour ({nodes} x {node_type}), used or not: ${hour * 730:.0f} a month. {_NOTE}"
