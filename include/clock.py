"""The only place in `include` that reads the clock. Whatever depends on it has a field or an argument `now`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)
