"""Instants and pauses in HTTP headers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MAX_RETRY_AFTER = 86_400.0
"""The longest pause, in seconds, that is honoured, whatever the source asks for."""


def http_date(text: str) -> datetime | None:
    """The instant that an HTTP date gives (RFC 9110); None if it is not a date."""
    try:
        at = parsedate_to_datetime(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str], received_at: datetime) -> float:
    """The seconds that a response's `Retry-After` header asks for, as a number or an HTTP date (RFC 9110).

    A date is compared with the source's own clock. The result is at most a day.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_RETRY_AFTER)
    until = http_date(text)
    now = http_date(headers.get("Date", "")) or received_at
    return min(max(0.0, (until - now).total_seconds()), _MAX_RETRY_AFTER) if until else 0.0
