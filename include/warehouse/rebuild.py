"""Rebuild: the star derived again from the manifests of the lake, by the functions of the daily load.

Late and redriven runs, a parked run that passes at last, a lost ledger, a roll-back and an upgrade all end
here. Everything happens in one transaction: readers see the old star until it commits, and keep it if it
fails.

The result is judged inside that transaction, by the suites of the daily audit, over the connection that
sees the uncommitted rows. The alternative, building in schemas of other names and swapping them, would need
every SQL file twice or with names filled in, and would lose the grants and views that depend on the old
tables. Only where a release defines the star's tables otherwise is the schema replaced: the old one is
renamed, which leaves its readers alone, and dropped at the end.

docs/history.md says which loads are repeated, and which are paired anew. A rebuild holds a lock on
`audit.current_load`, so a load in progress waits for it, and then finds that it is superseded.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from include.errors import DataRejected, ManifestInvalid, ManifestsMissing
from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.warehouse import ledger, tables
from include.warehouse.load import Verdict, begin, build, find_loads, park, publish, stage
from include.warehouse.loads import Judged, Load, pending_runs, repeated_loads
from include.warehouse.reader_role import grant_again
from include.warehouse.transactions import Joined, transaction

log = logging.getLogger(__name__)

Judge = Callable[[Any, Load], Verdict]
"""Judges the load in `audit` over a connection, inside its transaction."""
Figures = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    loads: int
    parked: tuple[str, ...]
    """The runs that failed their audit or cannot be read, or that are later than `until`."""
    before: Figures
    """Of the star before: rows per table, versions, snapshots."""
    after: Figures
    differences: Mapping[str, tuple[int, int]]
    """Per table that differs, how many rows only the star before had, and how many only the new one has."""


def rebuild(
    connection: Any,
    lake: Lake,
    *,
    now: datetime,
    copy_role_arn: str,
    judge: Judge,
    until: date | None = None,
    go_on_without_missing: bool = False,
) -> Rebuilt:
    """Derives the star again from every manifest that is not parked, up to the date `until`.

    Raises `ManifestsMissing`, with a list, when objects are gone, unless it is to go on without them;
    `DataRejected` when what was published before fails its audit now. Both leave the old star.
    """
    is_star_current = tables.ensure_tables(connection)
    with transaction(connection) as cursor:
        cursor.execute("lock audit.current_load")
        before, known = _figures(cursor), ledger.read_ledger(cursor)
        copied = _keep(cursor)
        manifests = {dataset: lake.manifests(dataset) for dataset in tables.DATASETS}
        left_out = _later(manifests, known, until) | _missing(lake, manifests, known, until)
        lost = [reason for reason in left_out.values() if reason != _ROLLED_BACK.format(until)]
        if lost and not go_on_without_missing:
            raise ManifestsMissing(
                "A rebuild would lose what these runs brought; restore their objects, land them again, or "
                f"have it go on without them: {'; '.join(lost)}"
            )
        _empty(cursor, lake, known, now, is_star_current)
        for (dataset, run), reason in left_out.items():
            ledger.note(cursor, lake, dataset, run, "parked", reason, now)
        kept = {d: [run for run in runs if (d, run) not in left_out] for d, runs in manifests.items()}
        applied = _apply(Joined(connection), cursor, lake, kept, known, now, copy_role_arn, judge)
        if not is_star_current:
            cursor.execute("drop schema dwh_before cascade")
            tables.create_views(cursor)
            grant_again(cursor)
        cursor.execute("delete from audit.current_load")  # no task of a load before may go on
        after, differences = _figures(cursor), _differences(cursor, copied)
        parked = [run for run, judged in ledger.read_ledger(cursor).items() if judged.state == "parked"]
    new = sorted(" ".join(run) for run in parked if known.get(run, Judged("")).state != "parked")
    rebuilt = Rebuilt(applied, tuple(new), before, after, differences)
    log.info("rebuilt the star from %d loads; differences: %s", rebuilt.loads, rebuilt.differences or "none")
    return rebuilt


_ROLLED_BACK = "Rolled back to {}; to take it in again: python -m include retry."


def _later(
    manifests: Mapping[str, Sequence[str]], known: Mapping[tuple[str, str], Judged], until: date | None
) -> dict[tuple[str, str], str]:
    """The runs after the date `until`, and what the ledger says of them."""
    return {
        (dataset, run): _ROLLED_BACK.format(until)
        for dataset, runs in manifests.items()
        for run in runs
        if until and run_instant(run).date() > until and not _is_parked(known, dataset, run)
    }


def _missing(
    lake: Lake,
    manifests: Mapping[str, Sequence[str]],
    known: Mapping[tuple[str, str], Judged],
    until: date | None,
) -> dict[tuple[str, str], str]:
    """The runs that cannot be read any more, and why."""
    missing = {}
    for dataset in tables.DATASETS:
        runs = {run for d, run in known if d == dataset and known[d, run].state == "published"} | set(
            manifests[dataset]
        )
        for run in sorted(runs):
            if _is_parked(known, dataset, run) or (until and run_instant(run).date() > until):
                continue
            try:
                lake.certificate(dataset, run)
                lake.verify(lake.manifest(dataset, run))
            except ManifestInvalid as error:
                missing[dataset, run] = str(error)
    return missing


def _is_parked(known: Mapping[tuple[str, str], Judged], dataset: str, run: str) -> bool:
    return known.get((dataset, run), Judged("pending")).state == "parked"


def _empty(
    cursor: Any, lake: Lake, known: Mapping[tuple[str, str], Judged], now: datetime, is_star_current: bool
) -> None:
    """Leaves an empty star, and a ledger of what is parked or accepted."""
    if is_star_current:
        for table in tables.STAR:
            cursor.execute(f"delete from dwh.{table}")  # noqa: S608 - a name of ours
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
    known: Mapping[tuple[str, str], Judged],
    now: datetime,
    copy_role_arn: str,
    judge: Judge,
) -> int:
    """Loads the manifests in order; how many loads that were."""
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
            tables.create_build(
                cursor
            )  # emptied tables would grow with every load until the transaction ends
            begin(joined, lake, load, now)
            for dataset in tables.DATASETS:
                stage(joined, lake, load, dataset, copy_role_arn)
        except ManifestInvalid as error:
            if not is_new:
                raise
            log.warning("parked: %s", error)
            continue
        for table in tables.BUILT:
            build(joined, load, table)
        if is_new or is_last:
            verdict = judge(joined, load)
            if verdict.failures and not is_new:
                raise DataRejected(
                    f"The star as rebuilt fails its audit, so dwh is as it was. {load}: {verdict.reason}"
                )
            if verdict.failures:
                park(joined, load, verdict.reason, verdict.failed_rows, verdict.at_fault)
                continue
        publish(joined, load)
        applied += 1
        log.info("rebuild: load %d, %s with %s, of %s", applied, load.events, load.songs, load.snapshot_date)


def _figures(cursor: Any) -> dict[str, int]:
    """Rows per table of the star, versions of concerts and snapshots of artists."""
    there = _there(cursor)
    figures = {}
    for table in there:
        cursor.execute(f"select count(*) from dwh.{table}")  # noqa: S608 - a name of ours
        figures[f"rows of {table}"] = int(cursor.fetchone()[0])
    if "dim_concerts" in there:
        cursor.execute("select count(*) from dwh.dim_concerts where is_current is false")
        figures["earlier versions of concerts"] = int(cursor.fetchone()[0])
    if "fact_artists" in there:
        cursor.execute("select count(distinct snapshot_date) from dwh.fact_artists")
        figures["snapshots"] = int(cursor.fetchone()[0])
    return figures


def _keep(cursor: Any) -> list[str]:
    """Copies the star, to compare the new one with; which tables that are."""
    kept = _there(cursor)
    for table in kept:
        cursor.execute(f"drop table if exists before_{table}")
        cursor.execute(f"create temporary table before_{table} as select * from dwh.{table}")  # noqa: S608
    return kept


def _differences(cursor: Any, kept: Collection[str]) -> dict[str, tuple[int, int]]:
    """Per table that differs, the rows that only the kept star has, and those that only the new one has."""
    found = {}
    for table in tables.STAR:
        if table not in kept:
            cursor.execute(f"select count(*) from dwh.{table}")  # noqa: S608 - names of ours, as below
            found[table] = (0, int(cursor.fetchone()[0]))
            continue
        columns = ", ".join(sorted(_columns(cursor, f"dwh.{table}") & _columns(cursor, f"before_{table}")))
        star = f"select {columns} from dwh.{table}"  # noqa: S608
        before = f"select {columns} from before_{table}"  # noqa: S608
        counts = []
        for first, second in ((before, star), (star, before)):
            cursor.execute(f"select count(*) from ({first} except {second}) as one_only")  # noqa: S608
            counts.append(int(cursor.fetchone()[0]))
        found[table] = (counts[0], counts[1])
        cursor.execute(f"drop table before_{table}")
    return {table: counts for table, counts in found.items() if any(counts)}


def _columns(cursor: Any, table: str) -> set[str]:
    cursor.execute(f"select * from {table} limit 0")  # noqa: S608 - a name of ours
    return {column[0] for column in cursor.description}


def _there(cursor: Any) -> list[str]:
    """The tables of the star that exist."""
    cursor.execute("select table_name from information_schema.tables where table_schema = 'dwh'")
    there = {name for (name,) in cursor.fetchall()}
    return [table for table in tables.STAR if table in there]
