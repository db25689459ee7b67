"""What a run of the warehouse works on: the oldest pending load that can be read.

Along the way, pending runs that are late or dated in the future are recorded in the ledger. A run whose manifest,
certificate or rejected records cannot be read is parked, and the next load is tried. A published run that cannot be
read is not used as context: the next newest is.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.errors import ContextInvalid, ManifestInvalid
from include.lake.lake import Lake
from include.lake.parts import verify
from include.lake.rejected import rejected_ids
from include.lake.runs import run_instant
from include.warehouse import ledger
from include.warehouse.current_load import Description, note_load, note_rejected, note_run
from include.warehouse.pairing import (
    Judged,
    Ledger,
    Load,
    Unreadable,
    facts_of,
    gives_way,
    other,
    partner_published,
    plan_loads,
    song_facts_of,
)
from include.warehouse.parking import invalid_when_unreadable, park
from include.warehouse.tables import DATASETS
from include.warehouse.transactions import transaction

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Found:
    """The load that has begun, and whatever else was found in the lake. What is in the ledger is here, too, if the
    search fails: no other search finds it again."""

    load: Load | None = None
    """None if nothing is waiting that can be loaded."""
    waiting: int = 0
    """How many loads are waiting behind it."""
    late: list[tuple[str, str]] = field(default_factory=list)
    """Datasets and runs that were recorded as late."""
    parked: list[str] = field(default_factory=list)
    """Why runs were parked."""
    passed_over: list[str] = field(default_factory=list)
    """Why published runs were not used as context."""


def begin_next(connection: Any, lake: Lake, now: datetime, found: Found) -> Load | None:
    """Begins the oldest pending load that can be read, and returns it; fills `found` along the way.

    Raises `ContextInvalid` if every pending run is waiting for a published run that cannot be read.
    """
    manifests = ledger.landed(lake)
    known, late, early = ledger.note_untimely(connection, lake, manifests, now)
    found.late += late
    found.parked += early
    unreadable: dict[tuple[str, str], ContextInvalid] = {}
    while loads := find_loads(manifests, known, lake, unreadable):
        try:
            _begin(connection, lake, loads[0], now, known)
        except ContextInvalid as error:
            unreadable[_context(loads[0])] = error
            continue
        except ManifestInvalid as error:  # `_begin` has parked a pending run, so there is one less
            found.parked.append(str(error))
            known = _ledger(connection)
            continue
        found.load, found.waiting = loads[0], len(loads) - 1
        found.passed_over += map(str, unreadable.values())
        return found.load
    if unreadable:
        raise ContextInvalid(f"The pending runs wait: {' '.join(map(str, unreadable.values()))}")
    return None


def passed_over(manifests: Mapping[str, Sequence[str]], known: Ledger, lake: Lake) -> tuple[bool, list[str]]:
    """Whether a load can begin, and why published runs are no context of it."""
    unreadable: dict[tuple[str, str], ContextInvalid] = {}
    while loads := find_loads(manifests, known, lake, unreadable):
        context = _context(loads[0])
        dataset = context[0]
        try:
            if dataset not in loads[0].pending:
                with invalid_when_unreadable(lake, loads[0], dataset):
                    _describe(lake, loads[0], dataset, known)
        except ContextInvalid as error:
            unreadable[context] = error
            continue
        break
    return bool(loads), [*map(str, unreadable.values())]


def _context(load: Load) -> tuple[str, str]:
    """The dataset and run of a load that is context, if it has one."""
    dataset = other(load.pending[0])
    return dataset, load.run(dataset)


def _ledger(connection: Any) -> Ledger:
    with transaction(connection) as cursor:
        return ledger.read_ledger(cursor)


def find_loads(
    manifests: Mapping[str, Sequence[str]], known: Ledger, lake: Lake, unreadable: Unreadable = ()
) -> list[Load]:
    """The loads that are waiting, oldest first. The first never combines an addition with a run that is not one.

    Published runs that are `unreadable` are not used as context.
    """
    loads = plan_loads(manifests, known, unreadable)
    if loads and len(loads[0].pending) > 1:
        load, additions = loads[0], _additions(lake, known, loads[0])
        oldest = min(DATASETS, key=load.run)
        context = partner_published(known, other(oldest), unreadable)
        if len(additions) == 1 and context is not None:
            newer = other(oldest)
            return [
                Load.of(oldest, load.run(oldest), context, both=False),
                Load.of(newer, load.run(newer), load.run(oldest), both=False),
                *loads[1:],
            ]
    return loads


def _additions(lake: Lake, known: Ledger, load: Load) -> set[str]:
    """The pending datasets whose run gives way to one on which facts rest.

    Those are the facts of the load's date and, for songs, which have a date of their own, the plays of that date.
    """
    rest_on = set()
    if (facts := facts_of(known, load.snapshot_date)) is not None:
        rest_on |= {(dataset, facts.run(dataset)) for dataset in load.pending}
    if "songs" in load.pending and (songs := song_facts_of(known, run_instant(load.songs).date())):
        rest_on.add(("songs", songs))
    found = set()
    for dataset, old in rest_on - {(dataset, load.run(dataset)) for dataset in load.pending}:
        try:
            new = lake.certificate(dataset, load.run(dataset))
        except ManifestInvalid:  # `begin` parks it
            continue
        try:
            leaves_facts = gives_way(new, lake.certificate(dataset, old))
        except ManifestInvalid as invalid:
            log.warning(
                "%s %s leaves the facts of its date to %s: %s", dataset, load.run(dataset), old, invalid
            )
            leaves_facts = True
        found |= {dataset} if leaves_facts else set()
    return found


def begin(connection: Any, lake: Lake, load: Load, now: datetime) -> None:
    """Records in `audit` which load staging and audit are about to hold, its runs, and when it is judged.

    Parks a pending run and raises `ManifestInvalid` if its manifest, certificate or rejected records cannot be read.
    Raises `ContextInvalid` if those of the published run cannot be read, its objects are missing or altered, or it
    was landed again with other rows.
    """
    _begin(connection, lake, load, now, _ledger(connection))


def _begin(connection: Any, lake: Lake, load: Load, now: datetime, known: Ledger) -> None:
    additions = _additions(lake, known, load)
    described: dict[str, Description] = {}
    invalid: dict[str, ManifestInvalid] = {}
    with ThreadPoolExecutor(len(DATASETS), thread_name_prefix="runs") as readers:
        reads = {dataset: readers.submit(_describe, lake, load, dataset, known) for dataset in DATASETS}
    for dataset, read in reads.items():
        try:
            with invalid_when_unreadable(lake, load, dataset):
                described[dataset] = read.result()
        except ManifestInvalid as error:
            invalid[dataset] = error
    # All at once: another run of the same load may be building from these rows.
    with transaction(connection) as cursor:
        cursor.execute("lock audit.current_load")
        note_load(cursor, load, now)
        cursor.execute("delete from audit.current_runs")
        cursor.execute("delete from audit.rejected_concerts")
        for dataset in DATASETS:
            is_accepted = known.get((dataset, load.run(dataset)), Judged("pending")).is_accepted
            note_run(cursor, lake, load, dataset, described.get(dataset), dataset in additions, is_accepted)
        for run in described.values():
            note_rejected(cursor, run.rejected)
    for dataset, found in invalid.items():
        if not isinstance(found, ContextInvalid):
            park(connection, load, str(found), datasets=(dataset,))
        raise found


def _describe(lake: Lake, load: Load, dataset: str, known: Ledger) -> Description:
    run = load.run(dataset)
    manifest = lake.manifest(dataset, run)
    certificate = lake.certificate(dataset, run)
    rejected = rejected_ids(lake, dataset, run) if dataset == "events" else set()
    if dataset in load.pending:
        with suppress(ManifestInvalid):  # `stage` parks it
            return Description(manifest, certificate, rejected, verify(lake, manifest))
        return Description(manifest, certificate, rejected, None)
    digest = verify(lake, manifest)  # while another run can still be the context
    if known.get((dataset, run), Judged("published")).digest not in (None, digest):
        raise ContextInvalid(
            f"{dataset} {run} was landed again with other rows after it was published, so it cannot be the "
            f"context of {other(dataset)} {load.run(other(dataset))}. To take in the new rows, rebuild the star: "
            "python -m include rebuild, or the parameter `rebuild` of musician_warehouse."
        )
    return Description(manifest, certificate, rejected, digest)
