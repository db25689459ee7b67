"""What an operator requests, with the params of a run or on the command line: that the star is derived from the lake,
or that parked runs are judged again."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from include.lake.lake import Lake
from include.orchestration import connections
from include.quality.audit import audit
from include.quality.engine import Engine
from include.settings import Settings
from include.warehouse import ledger, rebuild
from include.warehouse.pairing import Load
from include.warehouse.parking import Verdict
from include.wording import counted

_NAMED = 5
"""How many parked runs a note names."""


def rebuild_star(
    redshift: Any,
    settings: Settings,
    now: datetime,
    until: date | None = None,
    allow_missing: bool = False,
    dag_run: str = "",
) -> rebuild.Rebuilt:
    """Derives the star from the lake; loads that were never published are judged before readers see them.

    The ledger names the run `dag_run` of musician_warehouse, to which the data docs link their audits.
    """
    lake = connections.lake(settings)

    def judge_uncommitted(connection: Any, load: Load) -> Verdict:
        return audit(
            lake,
            load,
            Engine(*connections.redshift_engine_arguments(), connection),
            settings.data_docs_runs,
            judged_at=now,
            dag_run=dag_run,
            accepted=ledger.accepted(connection, load),
        ).verdict

    return rebuild.rebuild(
        redshift,
        lake,
        now=now,
        copy_role_arn=settings.copy_role_arn,
        judge=judge_uncommitted,
        until=until,
        allow_missing=allow_missing,
        dag_run=dag_run or None,
    )


def judge_again(
    redshift: Any, lake: Lake, retried: Sequence[str] = (), accepted: Sequence[str] = ()
) -> list[str]:
    """Has parked runs, named like `events 2026-11-22T060003Z`, judged again by the next load; a line for each.

    A run for which an earlier try of the task has done so gets the same line.
    """
    lines = []
    for names, again, how in (
        # First, so that a run that is in both is accepted: a retried one is no longer parked.
        (accepted, ledger.accept, "is accepted as different from earlier loads and judged again"),
        (retried, ledger.retry, "is judged again"),
    ):
        for dataset, run in (name.split() for name in names):
            done = again(redshift, dataset, run) or ledger.waits(
                redshift, lake, dataset, run, is_accepted=again is ledger.accept
            )
            lines.append(f"{dataset} {run} {how if done else 'is not parked: nothing to judge again'}")
    return lines


def rebuilt_note(rebuilt: rebuild.Rebuilt, until: str | None) -> str:
    """What a rebuild did, for the note; the ledger has the reasons why runs are parked."""
    rolled_back = f", rolled back to {until}" if until else ""
    more = len(rebuilt.parked) - _NAMED
    parked = f"; parked {', '.join(rebuilt.parked[:_NAMED])}" if rebuilt.parked else ""
    return (
        f"Rebuilt the star from {counted(rebuilt.loads, 'load')}{rolled_back}{parked}"
        f"{f' and {more:,} more' if more > 0 else ''}"
    )
