"""Random histories: after every publish the star is what docs/history.md says. `make soak` runs more."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from include.lake.lake import Lake
from include.warehouse.tables import create_tables
from tests.support.histories import Accept, Land, LoseLedger, Rebuild, Retry, Step, Work, history
from tests.support.model import Landed
from tests.support.replay import RememberingBucket, Replay

SEEDS = (253, 285, 52, 135)
"""Short histories with late, parked and accepted runs, additions, delistings and roll-backs."""


@pytest.fixture
def replay(redshift: Any, s3: Any, bucket: str) -> Replay:
    create_tables(redshift)
    return Replay(redshift, Lake(RememberingBucket(s3, bucket)))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_star_is_what_the_documents_say_after_every_publish_and_rebuild(
    replay: Replay, seed: int
) -> None:
    assert replay.tell(history(seed)) > 0  # it would differ, or nothing was published


def test_a_star_that_differs_in_one_value_is_noticed(replay: Replay, redshift: Any) -> None:
    """The comparison itself can fail."""
    steps: list[Step] = [step for step in history(253) if isinstance(step, Land)]
    replay.tell([*steps, Work()])
    with redshift.cursor() as cursor:
        cursor.execute("update dwh.fact_artists set upcoming_concerts = upcoming_concerts + 1")
    redshift.commit()
    with pytest.raises(AssertionError, match="upcoming_concerts is"):
        replay.tell([Work()])


def happenings(steps: list[Step]) -> Iterator[str]:
    """The notable events of a history."""
    for step in steps:
        match step:
            case Retry() | Accept() | LoseLedger():
                yield type(step).__name__
            case Rebuild(until):
                yield "roll-back" if until else "rebuild"
            case Land(by_older_release=True):
                yield "by an older release"
    lands = [step.landed for step in steps if isinstance(step, Land)]
    for position, run in enumerate(lands):
        before = [other for other in lands[:position] if other.dataset == run.dataset]
        if run.run in {other.run for other in before}:
            yield "landed again"
        elif run.run < max((other.run for other in before), default=""):
            yield "late"
        if run.run[:10] in {other.run[:10] for other in before if other.run != run.run}:
            yield "several a day"
        if any(run.countries != other.countries for other in before):
            yield "other countries"
        if any(run.numbers < other.numbers for other in before):
            yield f"fewer {run.dataset}"
        yield from (["incomplete"] if not run.complete else []) + (["rejected"] if run.rejected else [])
        yield from (["empty"] if not run.rows else []) + (["damaged"] if not run.readable else [])
        yield from [run.fault] if run.fault else []
    yield from changes([run for run in lands if run.dataset == "events"])


def changes(runs: list[Landed]) -> Iterator[str]:
    """What happens to the concerts and the billed artists."""
    dates: dict[str, Any] = {}
    ids: dict[str, str | None] = {}
    gone: set[str] = set()
    for run in sorted(runs, key=lambda run: run.run):
        listed = {row["event_id"] for row in run.rows}
        yield from ["returned"] if gone & listed else []
        gone = (gone | (dates.keys() if run.complete else set())) - listed
        for row in run.rows:
            if dates.setdefault(row["event_id"], row["local_date"]) != row["local_date"]:
                yield "rescheduled"
            yield from ["cancelled"] if row["status"] == "cancelled" else []
            name, mbid = row["artist_name"], row["artist_mbid"]
            if name and ids.setdefault(name, mbid) != mbid:
                yield "lost id" if mbid is None else "gained id"
            dates[row["event_id"]], ids[name] = row["local_date"], mbid


def test_the_histories_of_a_soak_cover_everything_that_happens() -> None:
    """Each of these occurs in a share of two hundred histories."""
    met = Counter(kind for seed in range(200) for kind in set(happenings(history(seed))))
    expected = (
        "several a day", "other countries", "fewer events", "fewer songs", "incomplete", "rejected", "empty", "damaged",
        "broken", "differs", "late", "landed again", "by an older release", "rescheduled", "cancelled", "returned",
        "gained id", "lost id", "Retry", "Accept", "LoseLedger", "rebuild", "roll-back",
    )  # fmt: skip
    assert {kind: met[kind] for kind in expected if met[kind] < 10} == {}
