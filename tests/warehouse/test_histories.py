"""Random histories: the star is what docs/history.md says after every publish. `make soak` runs more."""

from typing import Any

import pytest

from include.lake.lake import Lake
from include.warehouse.tables import create_tables
from tests.support.histories import Land, Step, Work, history
from tests.support.replay import RememberingBucket, Replay

SEEDS = (253, 285, 52, 135)
"""Short ones, with late, parked, accepted and added runs, delistings and roll-backs."""


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
