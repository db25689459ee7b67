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
    """The JSON document of one recording of `ticketmaster` or `lastfm`."""
    return json.loads((PAYLOADS / source / name).read_text())


def shape(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every place of a JSON document and the type that stands there."""
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
