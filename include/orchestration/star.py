"""What the warehouse DAG and the command line share: judging a load, and rebuilding the star."""

import logging
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from include.orchestration import connections
from include.quality.audit import Audit, Engine, audit
from include.settings import Settings
from include.warehouse import ledger, rebuild
from include.warehouse.load import Verdict
from include.warehouse.loads import Load

log = logging.getLogger(__name__)


def judge(redshift: Any, settings: Settings, load: Load) -> Audit:
    """Judges the load in the schema `audit`, over a separate connection, and publishes the data docs."""
    engine = Engine(*connections.redshift_engine_arguments())
    accepted = ledger.accepted(redshift, load)
    return audit(connections.lake(settings), load, engine, settings.data_docs_runs, accepted=accepted)


def rebuild_star(
    redshift: Any,
    settings: Settings,
    now: datetime,
    until: date | None = None,
    go_on_without_missing: bool = False,
) -> rebuild.Rebuilt:
    """Derives the star again from the lake; loads never published before are judged before readers see them."""
    lake = connections.lake(settings)

    def judge_uncommitted(connection: Any, load: Load) -> Verdict:
        accepted = ledger.accepted(connection, load)
        engine = Engine(*connections.redshift_engine_arguments(), connection)
        return audit(lake, load, engine, settings.data_docs_runs, accepted=accepted).verdict

    return rebuild.rebuild(
        redshift,
        lake,
        now=now,
        copy_role_arn=settings.copy_role_arn,
        judge=judge_uncommitted,
        until=until,
        go_on_without_missing=go_on_without_missing,
    )


def judge_again(redshift: Any, retried: Sequence[str] = (), accepted: Sequence[str] = ()) -> None:
    """Has parked runs, given like `events 2026-11-22T060003Z`, judged again by the next load."""
    for names, again, how in ((retried, ledger.retry, "judged again"), (accepted, ledger.accept, "accepted")):
        for dataset, run in (name.split() for name in names):
            found = again(redshift, dataset, run)
            log.info("%s %s %s", dataset, run, f"will be {how}" if found else "is not parked: nothing to do")
