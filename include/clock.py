"""The only place in `include` that reads the clock. What depends on it has a field or argument `now`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)
