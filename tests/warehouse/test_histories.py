"""Random histories: after every publish the star is what docs/history.md says. `make soak` runs more."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest

from include.lake.lake import Lake
from include.warehouse.tables import create_tables
from tests.support.histories import Land, LoseLedger, Rebuild, Retry, Step, Story, Work, history
from tests.support.model import DATASETS, MATCHES, Entry, Landed, Load, Model, Row
from tests.support.model import Lake as Runs
from tests.support.replay import RememberingBucket, Replay

SEEDS = (319, 540, 562, 599)
"""Short histories with late, parked, retried and accepted runs, additions, delistings, roll-backs, redrives, and
concerts under way."""


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
    steps: list[Step] = [step for step in history(SEEDS[0]) if isinstance(step, Land)]
    replay.tell([*steps, Work()])
    with redshift.cursor() as cursor:
        cursor.execute("update dwh.fact_artists set upcoming_concerts = upcoming_concerts + 1")
    redshift.commit()
    with pytest.raises(AssertionError, match="upcoming_concerts is"):
        replay.tell([Work()])


class Watched(Model):
    """Tells what happened in it."""

    def __init__(self) -> None:
        super().__init__()
        self.met: set[str] = set()

    def _enter(self, lake: Runs, load: Load, dataset: str, state: str) -> None:
        super()._enter(lake, load, dataset, state)
        entry = self.ledger[dataset, load.run(dataset)]
        self.met |= {f"{dataset} {state}"}
        self.met |= {f"{dataset} added"} if entry.is_addition and state == "published" else set()
        self.met |= {f"accepted {dataset} {state}"} if entry.is_accepted else set()
        if state == "published" and load.pending != DATASETS:
            self.met |= {f"{dataset} with context"}

    def context(self, lake: Runs, dataset: str) -> str | None:
        found = super().context(lake, dataset)
        newest = max((run for run in self._published(dataset)), default=None)
        if found != newest and newest is not None and not self.ledger[dataset, newest].is_addition:
            self.met.add("context landed again")
        return found

    def _under_way(self, run: Landed, on: date) -> Iterator[tuple[str, Row]]:
        listed = {row["event_id"] for row in run.rows}
        for concert_id, concert in super()._under_way(run, on):
            self.met |= {"under way"} if concert_id not in listed else set()
            yield concert_id, concert


def happenings(steps: list[Step]) -> set[str]:
    """What happened in a history, counting what an operator did only if it had an effect."""
    model = Watched()
    so_far, met = Story(model), model.met
    retried: set[tuple[str, str]] = set()
    for position, step in enumerate(steps, 1):
        before = dict(model.ledger)
        so_far.tell(steps[:position])
        match step:
            case Land(landed, by_older_release):
                if (was := before.get((landed.dataset, landed.run))) is not None:
                    met.add(f"{was.state}, then landed again")
                met |= {"by an older release"} if by_older_release else set()
            case Retry(dataset, run) if (dataset, run) in before and (dataset, run) not in model.ledger:
                retried.add((dataset, run))
            case LoseLedger() if before:
                met.add("ledger lost")
            case Rebuild(until) if until:
                met |= {"rolled back"} if parked(model.ledger) > parked(before) else set()
            case Rebuild():
                met |= {"late, then rebuilt"} if any(e.state == "late" for e in before.values()) else set()
        met |= {"late"} if any(entry.state == "late" for entry in model.ledger.values()) else set()
        if any(model.state(*key) == "published" for key in retried):
            met.add("retried and published")
        for rows in model.billings.values():
            met |= {f"matched by {row['matched_by']}" for row in rows.values()}
        for versions in model.versions.values():
            listed = [version["is_listed"] for version in versions]
            met |= {"delisted"} if False in listed else set()
            met |= {"listed again"} if False in listed and listed[-1] else set()
    lands = [step.landed for step in steps if isinstance(step, Land)]
    met |= set(differences(lands)) | set(changes([run for run in lands if run.dataset == "events"]))
    return met


def parked(ledger: Mapping[tuple[str, str], Entry]) -> set[tuple[str, str]]:
    return {key for key, entry in ledger.items() if entry.state == "parked"}


def differences(lands: list[Landed]) -> Iterator[str]:
    """How runs differ from earlier ones of their dataset."""
    for position, run in enumerate(lands):
        before = [other for other in lands[:position] if other.dataset == run.dataset]
        if run.run[:10] in {other.run[:10] for other in before if other.run != run.run}:
            yield "several a day"
        if any(run.countries != other.countries for other in before):
            yield "other countries"
        if any(run.numbers < other.numbers for other in before):
            yield f"fewer {run.dataset}"
        yield from (["incomplete"] if not run.complete else []) + (["rejected"] if run.rejected else [])
        yield from (["empty"] if not run.rows else []) + (["damaged"] if not run.readable else [])
    yield f"runs on {len({run.run[:10] for run in lands})} days"


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
    met = Counter(kind for seed in range(200) for kind in happenings(history(seed)))
    expected = (
        *(f"runs on {days} days" for days in range(2, 9)), "several a day", "other countries", "fewer events",
        "fewer songs", "incomplete", "empty", "damaged", "by an older release", "rejected", "rescheduled",
        "cancelled", "returned", "gained id", "lost id", "delisted", "under way",
        *(f"matched by {match}" for match in MATCHES),
        *(f"{dataset} {what}" for dataset in DATASETS for what in ("published", "parked", "added", "with context")),
        *(f"accepted {dataset} published" for dataset in DATASETS), "retried and published",
        "published, then landed again", "parked, then landed again", "context landed again",
        "late", "late, then rebuilt", "rolled back", "ledger lost",
    )  # fmt: skip
    assert {kind: met[kind] for kind in expected if met[kind] < 7} == {}
    assert met["listed again"] >= 4  # after two complete crawls that did not list it


def test_the_fixed_histories_contain_what_they_are_for() -> None:
    met = set().union(*(happenings(history(seed)) for seed in SEEDS))
    assert {
        *("late", "delisted", "rolled back", "under way", "events parked", "songs parked"),
        *("accepted events published", "retried and published", "events added", "songs added"),
        "context landed again",
    } <= met
