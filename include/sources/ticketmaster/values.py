"""The values of an event as they become columns; what cannot be one is None, and noted."""

import re
from datetime import UTC, date, datetime

from include.sources.rows import Noticed
from include.sources.text import text
from include.sources.ticketmaster import wire

STATUSES = {
    "onsale": "onsale",
    "offsale": "offsale",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "postponed": "postponed",
    "rescheduled": "rescheduled",
}
_MOST_PRICE = 1e9
"""In any currency."""
_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")


def day(day: date | None, path: str, noticed: Noticed) -> date | None:
    if day is None or day.year in wire.YEARS:
        return day
    noticed.null(path)
    return None


def utc(instant: datetime | None, path: str, noticed: Noticed) -> datetime | None:
    if instant is None:
        return None
    if instant.year not in wire.YEARS:  # near the ends of the calendar an offset would overflow
        noticed.null(path)
        return None
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.replace(tzinfo=None)


def last_day(end: wire.End | None, first: date | None, noticed: Noticed) -> date | None:
    """The last day of what begins on `first`; a concert whose beginning is unknown has none."""
    last = day(end.local_date, "dates.end.localDate", noticed) if end else None
    if last is None or (first is not None and first <= last):
        return last
    noticed.null("dates.end.localDate")
    return None


def status(code: str | None, noticed: Noticed) -> str | None:
    code = text(code)
    if code is None:
        return None
    status = STATUSES.get(code.lower())
    if status is None:
        noticed.null("dates.status.code")
    return status


def class_name(part: wire.Named | None, path: str, noticed: Noticed) -> str | None:
    name = noticed.name(part.name, path) if part else None
    return None if name == "Undefined" else name


def coordinates(location: wire.Location, noticed: Noticed) -> tuple[float | None, float | None]:
    if location.latitude in (None, "") and location.longitude in (None, ""):
        return None, None
    latitude, longitude = _degrees(location.latitude), _degrees(location.longitude)
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        noticed.null("_embedded.venues.location")
        return None, None
    return (latitude, longitude) if (latitude, longitude) != (0, 0) else (None, None)


def _degrees(value: str | float | None) -> float | None:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value.strip()):
        return None
    return None if value is None else float(value)


def price(ranges: list[wire.PriceRange], noticed: Noticed) -> tuple[str | None, float | None, float | None]:
    price = next((r for r in ranges if r.type == "standard"), None) or next(iter(ranges), None)
    if price is None:
        return None, None, None
    currency = noticed.fitting(price.currency, "priceRanges.currency", 3)
    least, most = price.min, price.max
    if least is None or most is None or not 0 <= least <= most < _MOST_PRICE or not currency:
        noticed.null("priceRanges")
        return None, None, None
    return currency, least, most
