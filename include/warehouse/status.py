"""The state of the warehouse: how old the star is, what becomes of runs that are not in it, what to do next."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from include.lake.lake import Lake
from include.warehouse.failures import is_timeout
from include.warehouse.freshness import freshness_of
from include.warehouse.ledger import landed, read_ledger
from include.warehouse.next_load import passed_over
from include.warehouse.pairing import late_runs, pending_runs
from include.warehouse.tables import DATASETS, exist
from include.warehouse.transactions import transaction
from include.wording import counted

_TOO_OLD_HOURS = 26
"""A star that is loaded daily is younger: a day, and the time that landing and loading take."""
_PATIENCE_MS = 5_000
"""How long a rebuild may lock `audit.current_load` before it is named; a load that begins locks it for a moment."""


def status(connection: Any, lake: Lake, now: datetime) -> list[str]:
    """Lines for people to read: the star, then every run that is not published, then what to do next."""
    manifests = landed(lake)
    current, is_locked = _current_load(connection)
    with transaction(connection) as cursor:
        known = read_ledger(cursor) if exist(cursor, "dwh.load_ledger") else {}
    pending, late = pending_runs(manifests, known), late_runs(manifests, known)
    waiting = [
        (dataset, run) for dataset in DATASETS for run in pending[dataset] if (dataset, run) not in late
    ]
    parked = [(run, judged.reason or "") for run, judged in sorted(known.items()) if judged.state == "parked"]
    late += [run for run, judged in sorted(known.items()) if judged.state == "late"]
    in_progress = [
        f"in progress: events {events} with songs {songs}, begun {_ago(judged_at, now)} ago"
        for events, songs, judged_at in current
        if ("events", events) in waiting or ("songs", songs) in waiting
    ]
    if is_locked:
        in_progress.append("in progress: a rebuild of the star")
    star = freshness_of(manifests, known, now)
    is_loadable, unreadable = passed_over(manifests, known, lake)
    lines = [
        star.text,
        *in_progress,
        *(f"pending: {dataset} {run}" for dataset, run in waiting),
        *(f"passed over: {reason}" for reason in unreadable),
        *(f"parked: {dataset} {run}: {reason}" for (dataset, run), reason in parked),
        *(f"late: {dataset} {run}" for dataset, run in late),
    ]
    if is_locked:
        return [*lines, "next: wait until the rebuild has ended; readers see the old star until then"]
    if star.hours is None and not any(manifests.values()):
        return [*lines, "next: trigger ingest_events and ingest_songs; musician_warehouse follows by itself"]
    is_old = star.hours is None or star.hours > _TOO_OLD_HOURS
    todo = list(
        _todo(
            bool(in_progress), bool(waiting), is_loadable, bool(unreadable), bool(parked), bool(late), is_old
        )
    )
    return [*lines, *(f"next: {each}" for each in todo or ["nothing to do"])]


def _current_load(connection: Any) -> tuple[Sequence[Any], bool]:
    """The load in progress with the instant it began, if any, and whether a rebuild keeps us from knowing."""
    try:
        with transaction(connection) as cursor:
            cursor.execute(f"set local statement_timeout to {_PATIENCE_MS}")
            if not exist(cursor, "audit.current_load"):
                return [], False
            cursor.execute("select events_run, songs_run, judged_at from audit.current_load")
            return cursor.fetchall(), False
    except Exception as error:
        if not is_timeout(error):
            raise
        return [], True


def _todo(
    is_in_progress: bool,
    is_waiting: bool,
    is_loadable: bool,
    is_passed_over: bool,
    is_parked: bool,
    is_late: bool,
    is_old: bool,
) -> Iterator[str]:
    if is_in_progress:
        yield "if no run of musician_warehouse is running, trigger one: it resumes the load"
    elif is_loadable:
        yield "trigger musician_warehouse: it takes the oldest pending load"
    elif is_passed_over:
        yield "do what is said of the published runs that are passed over: the pending runs have no other context"
    elif is_waiting:
        yield "trigger the ingestion of the other dataset: the pending runs have no partner"
    if is_parked:
        yield "fix what a parked run reports, then trigger musician_warehouse with it as `retry` or `accept`"
    if is_late:
        yield "trigger musician_warehouse with `rebuild`, which includes late runs"
    if is_old and not is_waiting:
        yield "the star is older than a day: look at the last runs of ingest_events and ingest_songs"


def _ago(moment: datetime, now: datetime) -> str:
    minutes = round((now - moment.replace(tzinfo=UTC)) / timedelta(minutes=1))
    if minutes >= 48 * 60:
        return counted(round(minutes / 60 / 24), "day")
    return counted(round(minutes / 60), "hour") if minutes >= 120 else counted(minutes, "minute")
