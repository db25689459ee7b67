"""The recorded responses of both real APIs, in ../shared/payloads beside the checkout."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAYLOADS = Path(__file__).resolve().parents[3] / "shared" / "payloads"
needs_recordings = pytest.mark.skipif(
    not PAYLOADS.is_dir(), reason="the recorded responses (../shared/payloads) are not on this machine"
)


def recorded(source: str, name: str) -> Any:
    """One recorded response of `ticketmaster` or `lastfm`, as JSON."""
    return json.loads((PAYLOADS / source / name).read_text())


def shape(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """The path and type of every value in a JSON document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if place.endswith("upcomingEvents"):
                key = "*"  # counts per source, an open set
            yield from shape(inner, f"{place}.{key}")
    elif isinstance(value, list):
        yield place, "list"
        for inner in value:
            yield from shape(inner, f"{place}[]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, "number"
    else:
        yield place, type(value).__name__
