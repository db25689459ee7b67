"""The notes of runs: what they were asked for, what they took up, and how the scheduler writes them."""

from types import SimpleNamespace
from typing import Any

import pytest

from include.ingestion.land import Landed
from include.orchestration.ingestion import landed_note
from include.orchestration.notes import requested, with_lines


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({}, ""),
        ({"rebuild": False, "until": None, "retry": [], "accept": [], "redrive": None}, ""),
        ({"rebuild": True}, "Requested: rebuild the star"),
        (
            {"rebuild": True, "allow_missing": True},
            "Requested: rebuild the star, do without published runs that can no longer be read",
        ),
        ({"until": "2026-11-20"}, "Requested: rebuild the star, up to 2026-11-20"),
        (
            {"retry": ["events 2026-11-22T060003Z"], "accept": ["songs 2026-11-22T070003Z"]},
            "Requested: judge again events 2026-11-22T060003Z, accept songs 2026-11-22T070003Z",
        ),
        ({"redrive": "2026-11-22T060003Z"}, "Requested: land 2026-11-22T060003Z again"),
    ],
)
def test_a_run_says_what_it_was_asked_for(conf: dict[str, Any], said: str) -> None:
    assert requested(conf) == said


def test_a_note_keeps_what_somebody_wrote_and_says_nothing_twice() -> None:
    assert with_lines("by hand", ["one", "", "two"]) == "by hand\none\ntwo"
    assert with_lines("by hand\none", ["one"]) == "by hand\none"
    assert with_lines(None, []) == ""
    assert len(with_lines(None, ["x" * 2_000])) == 1_000


def test_the_scheduler_notes_what_a_run_of_ours_was_asked_for_when_it_begins() -> None:
    from plugins.run_notes import Notes

    ours = SimpleNamespace(dag_id="musician_warehouse", conf={"rebuild": True}, note=None)
    daily = SimpleNamespace(dag_id="musician_warehouse", conf=None, note=None)
    others = SimpleNamespace(dag_id="another", conf={"rebuild": True}, note=None)
    for run in (ours, daily, others):
        Notes().on_dag_run_running(run, "started")
    assert (ours.note, daily.note, others.note) == ("Requested: rebuild the star", None, None)


def test_the_note_of_an_ingestion_says_what_it_landed_and_why_it_is_not_complete() -> None:
    def note(*reasons: str) -> str:
        landed = Landed(
            "events", "2026-11-22T060003Z", "s3://b/m.json", 4_810, 2_692, 0, not reasons, reasons
        )
        return landed_note(landed)

    assert note() == "Run 2026-11-22T060003Z: 4,810 rows, complete"
    assert note("US: received 9 of 10").endswith("4,810 rows, not complete: US: received 9 of 10")
    assert note("one", "two", "three").endswith("not complete: one (and 2 more reasons)")
