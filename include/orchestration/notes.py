"""The note of a run in Airflow's UI: what was requested, and what the run worked on."""

from collections.abc import Iterable, Mapping
from typing import Any

DAG_IDS = frozenset({"ingest_events", "ingest_songs", "musician_warehouse"})

_LONGEST_NOTE = 1_000
"""Airflow's own limit."""


def requested(conf: Mapping[str, Any]) -> str:
    """What a run's parameters request beyond its daily work, in one line; empty if nothing."""
    runs = {name: ", ".join(map(str, conf.get(name) or ())) for name in ("retry", "accept")}
    wishes = (
        ("judge again " + runs["retry"], runs["retry"]),
        ("accept " + runs["accept"], runs["accept"]),
        ("rebuild the star", conf.get("rebuild") or conf.get("until")),
        (f"up to {conf.get('until')}", conf.get("until")),
        ("do without published runs that can no longer be read", conf.get("allow_missing")),
        (f"land {conf.get('redrive')} again", conf.get("redrive")),
        ("request everything again if it is cleared", conf.get("ask_again")),
    )
    wanted = ", ".join(wish for wish, is_wanted in wishes if is_wanted)
    return f"Requested: {wanted}" if wanted else ""


def with_lines(note: str | None, lines: Iterable[str]) -> str:
    """The note with the lines that it lacks: a run that is cleared repeats nothing."""
    said = [line for line in (note or "").splitlines() if line]
    said += [line for line in dict.fromkeys(lines) if line and line not in said]
    return "\n".join(said)[:_LONGEST_NOTE]
