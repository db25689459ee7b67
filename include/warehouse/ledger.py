"""The ledger, `dwh.load_ledger`: what became of each manifest. A load's rows are written with its data."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from include.errors import ManifestInvalid
from include.lake.lake import Lake
from include.lake.runs import is_in_future, is_run, run_instant
from include.warehouse.pairing import Judged, Ledger, Load, late_runs, pending_runs
from include.warehouse.tables import DATASETS
from include.warehouse.transactions import transaction
from include.wording import counted

log = logging.getLogger(__name__)

Changes = Mapping[str, Mapping[str, int]]
"""For each table of the star, how many rows were added, changed, removed and unchanged."""

_LONGEST_REASON = 1_000
_JUDGED = tuple(field.name for field in fields(Judged))
_LATE = (
    "{dataset} {run} is older than a published run of {dataset}, so it was not merged. To include it, rebuild "
    "the star: python -m include rebuild, or the parameter `rebuild` of musician_warehouse."
)
_EARLY = (
    "{url} is dated in the future: it is {now:%Y-%m-%d %H:%M} UTC now. Correct the clock of the machine that "
    "wrote it, delete it, and trigger a new run."
)


def read_ledger(cursor: Any) -> dict[tuple[str, str], Judged]:
    """What the ledger says, by dataset and run; columns that an older release lacked have their defaults.

    Without the columns that identify a run it says nothing, as if it had been lost. Rows that are about no run are
    passed over.
    """
    cursor.execute("select * from dwh.load_ledger")
    columns = [column[0] for column in cursor.description]
    if not {"dataset", "run", "state"} <= set(columns):
        return {}
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    known, strangers = {}, []
    for row in rows:
        if row["dataset"] in DATASETS and is_run(str(row["run"])):
            judged = Judged(**{name: row[name] for name in _JUDGED if name in row})
            known[row["dataset"], row["run"]] = judged
        else:
            strangers.append(row["run"])
    if strangers:
        log.warning(
            "Passed over %s of dwh.load_ledger that %s about no run of events or songs, such as %r: delete from "
            "dwh.load_ledger where run = '...'",
            counted(len(strangers), "row"), "is" if len(strangers) == 1 else "are", strangers[0],
        )  # fmt: skip
    return known


def published_changes(cursor: Any, dataset: str, run: str) -> dict[str, dict[str, int]] | None:
    """What publishing a run changed; None if it is not published."""
    cursor.execute(
        "select changes from dwh.load_ledger where dataset = %s and run = %s and state = 'published'",
        (dataset, run),
    )
    row = cursor.fetchone()
    return None if row is None else json.loads(row[0])


def published_by(connection: Any, dag_run: str) -> int:
    """How many loads in the star a run of musician_warehouse has published or rebuilt."""
    with transaction(connection) as cursor:
        cursor.execute(
            "select count(distinct load_number) from dwh.load_ledger where state = 'published' and dag_run = %s",
            (dag_run,),
        )
        return int(cursor.fetchone()[0])


def next_load_number(cursor: Any) -> int:
    """The number of the load that is published next."""
    cursor.execute("select coalesce(max(load_number), 0) + 1 from dwh.load_ledger")
    return int(cursor.fetchone()[0])


def record(
    cursor: Any,
    load: Load,
    dataset: str,
    state: str,
    *,
    reason: str | None = None,
    changes: Changes | None = None,
    load_number: int | None = None,
    dag_run: str | None = None,
) -> None:
    """Records that a run of the load in progress was published, or parked unless it is already published."""
    run = load.run(dataset)
    if state == "parked" and published_changes(cursor, dataset, run) is not None:
        return  # a task that was cleared or slow must not mark as parked what is in the star
    cursor.execute("delete from dwh.load_ledger where dataset = %s and run = %s", (dataset, run))
    cursor.execute(
        "insert into dwh.load_ledger (dataset, run, loaded_with, load_number, state, reason, scope, "
        "is_complete, is_addition, is_accepted, manifest_url, record_count, digest, changes, snapshot_date, "
        "judged_at, dag_run) "
        "select runs.dataset, runs.run, runs.loaded_with, cast(%s as bigint), cast(%s as varchar(16)), "
        "cast(%s as varchar(4096)), runs.scope, runs.is_complete, runs.is_addition, runs.is_accepted, "
        "runs.manifest_url, runs.record_count, runs.digest, cast(%s as varchar(4096)), current_load.snapshot_date, "
        "current_load.judged_at, cast(%s as varchar(1000)) "
        "from audit.current_runs as runs cross join audit.current_load where runs.dataset = %s",
        (
            load_number,
            state,
            reason and reason[:_LONGEST_REASON],
            changes and json.dumps(changes),
            dag_run,
            dataset,
        ),
    )


def landed(lake: Lake) -> dict[str, list[str]]:
    """The runs of each dataset that have a manifest, oldest first."""
    return {dataset: lake.manifests(dataset) for dataset in DATASETS}


def note_untimely(
    connection: Any, lake: Lake, manifests: Mapping[str, Sequence[str]], now: datetime
) -> tuple[Ledger, list[tuple[str, str]], list[str]]:
    """Records which pending runs are late, and parks those that are dated in the future.

    Returns what the ledger then says, the datasets and runs that are late, and the reasons of those that are parked:
    if a run of the future were published, it would stay the newest until its date, and all others would be late.
    """
    with transaction(connection) as cursor:
        known = read_ledger(cursor)
        late = late_runs(manifests, known)
        for dataset, run in late:
            is_accepted = known.get((dataset, run), Judged("pending")).is_accepted  # for the rebuild
            reason = _LATE.format(dataset=dataset, run=run)
            note(cursor, lake, dataset, run, "late", reason, now, is_accepted)
        if late:
            known = read_ledger(cursor)
        early = early_runs(manifests, known, lake, now)
        for (dataset, run), reason in early.items():
            note(cursor, lake, dataset, run, "parked", reason, now)
        if early:
            known = read_ledger(cursor)
    return known, late, list(early.values())


def early_runs(
    manifests: Mapping[str, Sequence[str]], known: Ledger, lake: Lake, now: datetime
) -> dict[tuple[str, str], str]:
    """The pending runs that are dated in the future, and the reasons for the ledger."""
    return {
        (dataset, run): _EARLY.format(url=lake.manifest_url(dataset, run), now=now.astimezone(UTC))
        for dataset, runs in pending_runs(manifests, known).items()
        for run in runs
        if is_in_future(run, now)
    }


def note(
    cursor: Any,
    lake: Lake,
    dataset: str,
    run: str,
    state: str,
    reason: str | None,
    now: datetime,
    is_accepted: bool = False,
) -> None:
    """Records what became of a run that is not part of the load in progress, with whatever can be read of it."""
    certificate = rows = None
    with suppress(ManifestInvalid):
        certificate = lake.certificate(dataset, run)
        rows = lake.manifest(dataset, run).record_count
    cursor.execute("delete from dwh.load_ledger where dataset = %s and run = %s", (dataset, run))
    cursor.execute(
        "insert into dwh.load_ledger (dataset, run, state, reason, scope, is_complete, is_addition, is_accepted, "
        "manifest_url, record_count, snapshot_date, judged_at) "
        "values (%s, %s, %s, %s, %s, %s, false, %s, %s, %s, %s, %s)",
        (
            dataset,
            run,
            state,
            reason and reason[:_LONGEST_REASON],
            certificate and certificate.scope.text,
            certificate and certificate.complete,
            is_accepted,
            lake.manifest_url(dataset, run),
            rows,
            run_instant(run).date(),
            now.astimezone(UTC).replace(tzinfo=None),
        ),
    )


def note_unreadable(connection: Any, dataset: str, run: str, reason: str) -> None:
    """Records why a published run cannot be staged again: until a rebuild, it is no context if another run can be."""
    with transaction(connection) as cursor:
        cursor.execute(
            "update dwh.load_ledger set reason = %s where dataset = %s and run = %s and state = 'published'",
            (reason[:_LONGEST_REASON], dataset, run),
        )


def retry(connection: Any, dataset: str, run: str) -> int:
    """Removes a parked run from the ledger, so that the next load judges it again; returns the rows removed."""
    with transaction(connection) as cursor:
        cursor.execute(
            "delete from dwh.load_ledger where dataset = %s and run = %s and state = 'parked'", (dataset, run)
        )
        return int(cursor.rowcount)


def accept(connection: Any, dataset: str, run: str) -> int:
    """Has a parked run judged once more, without comparing it with earlier loads; returns the rows changed."""
    with transaction(connection) as cursor:
        cursor.execute("select * from dwh.load_ledger limit 0")
        if "is_accepted" not in [
            column[0] for column in cursor.description
        ]:  # the rebuild replaces the table
            cursor.execute("alter table dwh.load_ledger add column is_accepted boolean")
        cursor.execute(
            "update dwh.load_ledger set state = 'pending', is_accepted = true, reason = null "
            "where dataset = %s and run = %s and state = 'parked'",
            (dataset, run),
        )
        return int(cursor.rowcount)


def waits(connection: Any, lake: Lake, dataset: str, run: str, *, is_accepted: bool) -> bool:
    """Whether a run is pending, and accepted if that is asked."""
    with transaction(connection) as cursor:
        judged = read_ledger(cursor).get((dataset, run))
    if judged is None:
        return not is_accepted and run in lake.manifests(dataset)
    return judged.state == "pending" and (judged.is_accepted or not is_accepted)


def accepted(connection: Any, load: Load) -> tuple[str, ...]:
    """The datasets whose pending run in the load may differ from earlier ones."""
    with transaction(connection) as cursor:
        ledger: Ledger = read_ledger(cursor)
    return tuple(
        dataset
        for dataset in load.pending
        if (judged := ledger.get((dataset, load.run(dataset)))) is not None and judged.is_accepted
    )
