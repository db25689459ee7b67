"""Where a crawl cuts time, and how much it expects: by what it finds, and what an earlier crawl found."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from include.sources.ticketmaster.windows import Sighting, Window

_STRETCHES = 12
"""The least number of stretches in a crawl, so that enough of them are read concurrently."""
_LEAST, _MOST = 1_800, 6_000
"""Events in a stretch: many, so that there are few half-full last pages, but so that some can be added before the
total is reported as "at least 10,000"."""

_EAST = frozenset(
    ["AE", "AU", "CN", "HK", "ID", "IN", "JP", "KR", "MY", "NZ", "PH", "SG", "TH", "TR", "TW", "VN"]
)


class Plan(msgspec.Struct, frozen=True):
    """How a crawl begins. It is stored before the first request, so that every try of a run begins alike."""

    cuts: dict[str, list[datetime]] = {}
    """By country, the instants between stretches."""
    by_country: list[str] = []
    """The parameters of the undated sweeps that take fewer calls country by country than worldwide."""
    expected: int = 0
    """Events that will come, if about as many as the last time."""


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


def plan_after(windows: Sequence[Crawled], countries: Sequence[str], start: datetime, end: datetime) -> Plan:
    """The plan for a span of time after a crawl whose certificate has these windows.

    Small windows of the earlier crawl are combined.
    """
    cuts: dict[str, list[datetime]] = {}
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
                cuts.setdefault(country, []).append(begins)
                held = 0
            held += holds
            expected += round(holds)
    given_up = [window.name for window in windows if window.given_up]
    by_country = [name for name in ("includeTBA", "includeTBD") if any(name in window for window in given_up)]
    return Plan(cuts, by_country, expected)


def cut_after(window: Window, seen: Sequence[Sighting], target: int) -> datetime | None:
    """An instant after all events seen, with about `target` events before it; None if there is none.

    It is in an early morning, if possible.
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
    """The next early morning, because an event without a time is found somewhere in its local evening."""
    quiet = at.replace(hour=18 if country in _EAST else 10, minute=0, second=0, microsecond=0)
    return quiet if quiet >= at else quiet + timedelta(days=1)
