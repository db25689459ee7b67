"""Where a crawl cuts time and how many events it expects, based on its own findings and those of an earlier crawl."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from include.sources.ticketmaster.windows import Sighting, Window

_STRETCHES = 12
"""The minimum number of stretches in a crawl, so that enough of them can be read concurrently."""
_LEAST, _MOST = 3_000, 7_000
"""Events in a stretch: enough that few last pages are half empty, but with room for new events before the total is
reported as "at least 10,000"."""

_EAST = frozenset(
    ["AE", "AU", "CN", "HK", "ID", "IN", "JP", "KR", "MY", "NZ", "PH", "SG", "TH", "TR", "TW", "VN"]
)


class Cuts(msgspec.Struct, frozen=True):
    """How a crawl begins. Stored before the first request, so that every try of a run begins the same way."""

    instants: dict[str, list[datetime]] = {}
    """By country, the instants between stretches."""
    by_country: list[str] = []
    """The parameters of the undated sweeps that take fewer calls country by country than worldwide."""
    expected: int = 0
    """How many events to expect, assuming about as many as last time."""


class Crawled(Protocol):
    """A window of an earlier crawl, from its certificate."""

    @property
    def name(self) -> str: ...
    @property
    def country(self) -> str | None: ...
    @property
    def start(self) -> datetime | None: ...
    @property
    def end(self) -> datetime | None: ...
    @property
    def reported(self) -> int: ...
    @property
    def given_up(self) -> bool: ...


def planned_cuts(
    windows: Sequence[Crawled], countries: Sequence[str], start: datetime, end: datetime
) -> Cuts:
    """The cuts of a span of time, based on the windows in the certificate of an earlier crawl.

    Small windows of the earlier crawl are combined.
    """
    instants: dict[str, list[datetime]] = {}
    expected = 0
    full = min(max(sum(window.reported for window in windows) // _STRETCHES, _LEAST), _MOST)
    for country in countries:
        dated = sorted(
            (window.start, window.end, window.reported)
            for window in windows
            if window.country == country and window.start and window.end
        )
        held = 0.0
        for begins, ends, reported in dated:
            inside = (min(ends, end) - max(begins, start)) / (ends - begins) if ends > begins else 0
            if inside <= 0:
                continue
            holds = reported * inside
            if held and held + holds > full and start < begins:
                instants.setdefault(country, []).append(begins)
                held = 0
            held += holds
            expected += round(holds)
    given_up = [window.name for window in windows if window.given_up]
    by_country = [name for name in ("includeTBA", "includeTBD") if any(name in window for window in given_up)]
    return Cuts(instants, by_country, expected)


def cut_after(window: Window, seen: Sequence[Sighting], target: int) -> datetime | None:
    """An instant after all events seen, with about `target` events before it; None if there is none.

    It falls in the early morning if possible.
    """
    start, end = window.start, window.end
    assert start is not None and end is not None
    last = max((sighting.starts_at for sighting in seen if sighting.starts_at), default=start)
    wished = start + (end - start) / 2
    if last > start:
        wished = min(wished, start + (last - start) * (target / len(seen)))
    wished = max(wished, last + timedelta(seconds=1)).replace(microsecond=0)
    return next((cut for cut in (early_morning(wished, window.country), wished) if last < cut < end), None)


def early_morning(at: datetime, country: str | None) -> datetime:
    """The next early morning: the search places an event without a time somewhere in its local evening."""
    quiet = at.replace(hour=18 if country in _EAST else 10, minute=0, second=0, microsecond=0)
    return quiet if quiet >= at else quiet + timedelta(days=1)
