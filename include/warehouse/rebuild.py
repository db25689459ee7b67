"""Rebuild: derives the star again from the manifests of the lake, using the functions of the daily load.

Late and redriven runs, a parked run that finally passes, a lost ledger, a rollback and an upgrade all end up
here. Everything happens in one transaction: readers see the old star until it commits, and keep it if it
fails.

The result is judged inside that transaction by the suites of the daily audit, over the connection that sees the
uncommitted rows. The alternative, building under other schema names and swapping, would require every SQL file
twice or as a template, and would lose the grants and views that depend on the old tables. Only when a release
defines the star's tables differently is the schema replaced: the old one is renamed, which does not disturb its
readers, and dropped at the end.

docs/history.md says which loads are repeated and which are paired again. A rebuild holds a lock on
`audit.current_load`, so a load in progress waits for it and then finds that it has been superseded.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from include.errors import ContextInvalid, DataRejected, ManifestInvalid, PipelineError
from include.lake.lake import Lake
from include.warehouse import comparison, ledger, tables
from include.warehouse.failures import in_one_line, is_of_data
from include.warehouse.left_out import Unloadable, damaged_runs, later_runs, missing_runs, require_published
from include.warehouse.load import build, publish, stage
from include.warehouse.next_load import begin, find_loads
from include.warehouse.pairing import Judged, Ledger, Load, at_fault, pending_runs, repeated_loads
from include.warehouse.parking import Verdict, park
from include.warehouse.reader_role import grant_again
from include.warehouse.transactions import Joined, transaction
from include.wording import counted

log = logging.getLogger(__name__)

Judge = Callable[[Any, Load], Verdict]
"""Judges the load in `audit` over a connection, inside its transaction."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    loads: int
    parked: tuple[str, ...]
    """The runs that failed their audit, cannot be read, or are later than `until`."""
    before: comparison.Figures
    """Rows per table, versions and snapshots of the star before the rebuild."""
    after: comparison.Figures
    differences: Mapping[str, tuple[int, int]]
    """For each table that differs, how many rows only the old star had, and how many only the new one has."""


def rebuild(
    connection: Any,
    lake: Lake,
    *,
    now: datetime,
    copy_role_arn: str,
    judge: Judge,
    until: date | None = None,
    allow_missing: bool = False,
    dag_run: str | None = None,
) -> Rebuilt:
    """Derives the star again from every manifest that is not parked, up to the date `until`.

    A run that was never published and cannot be read is parked. Raises `ManifestsMissing`, with a list, if a
    published run can no longer be read, unless `allow_missing`, and `DataRejected` if a load that was
    published before now fails its audit. In both cases the old star remains.
    """
    damaged: Unloadable = {}
    while True:
        try:
            return _rebuild_without(
                damaged, connection, lake, now, copy_role_arn, judge, until, allow_missing, dag_run
            )
        except (_LoadFails, ManifestInvalid) as error:
            # COPY does not say which object it could not read, and the transaction is lost, so start over.
            found = {**damaged, **damaged_runs(connection, lake, until)}
            if found == damaged and isinstance(error, _LoadFails):
                found |= error.unfit()
            if found == damaged:
                raise (error.__cause__ or error) from None
            log.warning(
                "the rebuild starts over without the runs that cannot be loaded: %s", sorted(found.items())
            )
            damaged = found


class _LoadFails(Exception):
    """A statement failed while these runs were being loaded; its error is the cause."""

    def __init__(self, runs: Sequence[tuple[str, str]]) -> None:
        super().__init__(runs)
        self.runs = runs

    def unfit(self) -> dict[tuple[str, str], str]:
        """The runs with the reason, if it failed because of their data."""
        error = self.__cause__
        while error is not None and not is_of_data(error):
            error = error.__cause__ or error.__context__  # later errors in the chain may only be consequences
        return (
            {}
            if error is None
            else dict.fromkeys(self.runs, f"The data cannot be loaded: {in_one_line(error)}")
        )


@contextmanager
def _blaming(load: Load, datasets: Sequence[str]) -> Iterator[None]:
    """Raises `_LoadFails` for these datasets' runs if the block fails with anything but a `PipelineError`."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        raise _LoadFails([(dataset, load.run(dataset)) for dataset in datasets]) from error


def _rebuild_without(
    damaged: Unloadable,
    connection: Any,
    lake: Lake,
    now: datetime,
    copy_role_arn: str,
    judge: Judge,
    until: date | None,
    allow_missing: bool,
    dag_run: str | None,
) -> Rebuilt:
    is_star_current = tables.ensure_tables(connection)
    with transaction(connection) as cursor:
        cursor.execute("lock audit.current_load")
        before, known = comparison.figures(cursor), ledger.read_ledger(cursor)
        copied = comparison.keep(cursor)
        manifests = ledger.landed(lake)
        missing = {**missing_runs(lake, manifests, known, until), **damaged}
        if not allow_missing:
            require_published(missing, known, before)
        early = ledger.early_runs(manifests, known, lake, now)
        left_out = {**later_runs(manifests, known, until), **missing, **early}
        _empty(cursor, lake, known, now, is_star_current)
        for (dataset, run), reason in left_out.items():
            ledger.note(cursor, lake, dataset, run, "parked", reason, now)
        kept = {d: [run for run in runs if (d, run) not in left_out] for d, runs in manifests.items()}
        applied = _apply(Joined(connection), cursor, lake, kept, known, now, copy_role_arn, judge, dag_run)
        if not is_star_current:
            cursor.execute("drop schema dwh_before cascade")
            tables.create_views(cursor)
            tables.note_definitions(cursor)
            grant_again(cursor)
        cursor.execute("delete from audit.current_load")  # no task of an earlier load may continue
        after, differences = comparison.figures(cursor), comparison.differences(cursor, copied)
        parked = [run for run, judged in ledger.read_ledger(cursor).items() if judged.state == "parked"]
    new = sorted(" ".join(run) for run in parked if known.get(run, Judged("")).state != "parked")
    rebuilt = Rebuilt(applied, tuple(new), before, after, differences)
    log.info(
        "rebuilt the star from %s; differences: %s",
        *(counted(rebuilt.loads, "load"), rebuilt.differences or "none"),
    )
    return rebuilt


def _empty(cursor: Any, lake: Lake, known: Ledger, now: datetime, is_star_current: bool) -> None:
    """Empties the star, and keeps only parked and accepted runs in the ledger."""
    if is_star_current:
        for table in tables.STAR:
            cursor.execute(f"delete from dwh.{table}")  # noqa: S608 - a fixed table name
        cursor.execute("delete from dwh.load_ledger where state <> 'parked'")
    else:
        cursor.execute("alter schema dwh rename to dwh_before")
        cursor.execute("drop schema if exists staging cascade")
        cursor.execute("drop schema if exists audit cascade")
        tables.create_star(cursor)
        tables.create_audit(cursor)
    for (dataset, run), judged in known.items():
        if judged.state == "parked" and not is_star_current:
            ledger.note(cursor, lake, dataset, run, "parked", judged.reason, now)
        elif judged.state != "parked" and judged.is_accepted:
            ledger.note(cursor, lake, dataset, run, "pending", None, now, is_accepted=True)


def _apply(
    joined: Any,
    cursor: Any,
    lake: Lake,
    manifests: Mapping[str, Sequence[str]],
    known: Ledger,
    now: datetime,
    copy_role_arn: str,
    judge: Judge,
    dag_run: str | None,
) -> int:
    """Loads the manifests in order; returns the number of loads."""
    repeated, applied = repeated_loads(manifests, known), 0
    while True:
        rebuilt = ledger.read_ledger(cursor)
        waiting = repeated or find_loads(manifests, rebuilt, lake)
        if not waiting:
            return applied
        load, repeated = waiting[0], repeated[1:]
        is_new = any(
            known.get((d, load.run(d)), Judged("pending")).state != "published" for d in load.pending
        )
        is_last = sum(map(len, pending_runs(manifests, rebuilt).values())) == len(load.pending)
        try:
            tables.create_build(cursor)  # emptied tables would grow until the transaction ends
            begin(joined, lake, load, now)
            for dataset in tables.DATASETS:
                with _blaming(load, [dataset]):
                    stage(joined, lake, load, dataset, copy_role_arn)
        except ManifestInvalid as error:
            if not is_new or isinstance(error, ContextInvalid):
                raise
            log.warning("parked: %s", error)
            continue
        for table in tables.BUILT:
            with _blaming(load, at_fault(load, [(table, None)])):
                build(joined, load, table)
        if is_new or is_last:
            verdict = judge(joined, load)
            if verdict.failures and not is_new:
                raise DataRejected(
                    f"{verdict.reason}. Because {load}, which was published before, now fails its audit, the star "
                    "is not rebuilt, and dwh is unchanged."
                )
            if verdict.failures:
                park(joined, load, verdict.reason, verdict.failed_rows, verdict.at_fault)
                continue
        with _blaming(load, at_fault(load, [("load", None)])):
            publish(joined, load, dag_run)
        applied += 1
        left = sum(map(len, pending_runs(manifests, rebuilt).values())) - len(load.pending)
        log.info(
            "rebuild: load %d of %s is done, %s left: %s",
            *(applied, load.snapshot_date, counted(left, "run"), load),
        )
