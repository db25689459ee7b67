"""The commands of the pipeline: `python -m include <command> --help`.

They use the Airflow connections and the settings of the environment they run in.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from typing import Any

from include.clock import utc_now
from include.errors import PipelineError
from include.lake.runs import run_instant
from include.settings import Settings
from include.warehouse.tables import DATASETS
from include.wording import counted


def redrive(given: argparse.Namespace) -> None:
    """lands a run again from its kept responses with the current parser, without calling any API"""
    from include.ingestion.land import land
    from include.orchestration import connections
    from include.orchestration.ingestion import dataset

    settings = Settings.from_environment()
    land(dataset(given.dataset), connections.lake(settings), given.run, settings, again=True)


def retry(given: argparse.Namespace) -> None:
    """removes a parked manifest from the ledger, so that the next run of musician_warehouse judges it again"""
    from include.orchestration import connections
    from include.warehouse import ledger

    with closing(connections.redshift()) as redshift:
        _say(given, redshift, ledger.retry)


def accept(given: argparse.Namespace) -> None:
    """has a parked run judged once more, without comparing it with earlier loads"""
    from include.orchestration import connections
    from include.warehouse import ledger

    with closing(connections.redshift()) as redshift:
        _say(given, redshift, ledger.accept, ", accepting the difference")


def _say(
    given: argparse.Namespace, redshift: Any, again: Callable[[Any, str, str], int], how: str = ""
) -> None:
    from include.warehouse.tables import exist
    from include.warehouse.transactions import transaction

    with transaction(redshift) as cursor:
        has_ledger = exist(cursor, "dwh.load_ledger")
    if not has_ledger:
        print("The star is empty: the warehouse has no ledger. Trigger musician_warehouse, which creates it.")
        return
    found, run = again(redshift, given.dataset, given.run), f"{given.dataset} {given.run}"
    print(
        f"The next run of musician_warehouse will judge {run}{how}."
        if found
        else f"The ledger has no parked {run}: nothing to do."
    )


def rebuild(given: argparse.Namespace) -> None:
    """derives the star again from the manifests of the lake, while no run of the DAG is in progress"""
    from include.orchestration import connections
    from include.orchestration.operations import rebuild_star

    with closing(connections.redshift()) as redshift:
        rebuilt = rebuild_star(
            redshift, Settings.from_environment(), utc_now(), given.until, given.allow_missing
        )
    print(f"The star is rebuilt from {counted(rebuilt.loads, 'load')}.")
    for name, before in rebuilt.before.items():
        print(f"{name}: {before:,} before, {rebuilt.after.get(name, 0):,} now")
    for table, (removed, added) in rebuilt.differences.items():
        print(f"{table}: {counted(removed, 'row')} removed, {added:,} added")
    for run in rebuilt.parked:
        print(f"parked: {run}")


def status(given: argparse.Namespace) -> None:
    """says how old the star is, what is pending, parked, late or in progress, and what to do next"""
    from include.orchestration import connections
    from include.warehouse.status import status as lines

    with closing(connections.redshift()) as redshift:
        lake = connections.lake(Settings.from_environment())
        print(*lines(redshift, lake, utc_now()), sep="\n")


def reader_role(given: argparse.Namespace) -> None:
    """creates the role musician_reader, which may read dwh and analytics and nothing else"""
    from include.orchestration import connections
    from include.warehouse.reader_role import create_reader
    from include.warehouse.tables import ensure_tables

    with closing(connections.redshift()) as redshift:
        ensure_tables(redshift)
        create_reader(redshift)
    print("The role musician_reader exists. To grant it to a user: grant role musician_reader to <user>;")


def _only_our_lines() -> None:
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    logging.disable(logging.WARNING)


def doctor(given: argparse.Namespace) -> None:
    """checks each service with as few calls as possible: what works, what does not, and what to do"""
    _only_our_lines()
    from include.orchestration.doctor import examine

    works = True
    for finding in examine():
        print(finding, flush=True)
        works = works and finding.works is not False
    if not works:
        sys.exit(1)


def rehearse(given: argparse.Namespace) -> None:
    """runs every step of a load on the real warehouse, in temporary schemas, and checks each result"""
    _only_our_lines()
    from include.orchestration.rehearsal import rehearse as steps

    passed = True
    for step in steps(Settings.from_environment(), utc_now()):
        print(step, flush=True)
        passed = passed and step.passed
    if not passed:
        sys.exit(1)


COMMANDS_FOR_A_RUN = {"redrive": redrive, "retry": retry, "accept": accept}
COMMANDS = {
    "rebuild": rebuild,
    "status": status,
    "reader-role": reader_role,
    "doctor": doctor,
    "rehearse": rehearse,
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="python -m include", description="The commands of the pipeline.")
    commands = root.add_subparsers(required=True, metavar="command")
    for name, command in {**COMMANDS_FOR_A_RUN, **COMMANDS}.items():
        added = commands.add_parser(name, help=command.__doc__, description=f"{name} {command.__doc__}.")
        added.set_defaults(command=command)
        if name in COMMANDS_FOR_A_RUN:
            added.add_argument("dataset", choices=DATASETS)
            added.add_argument("run", type=_run, help="such as 2026-11-22T060000Z")
        if command is rebuild:
            added.add_argument(
                "--until", type=date.fromisoformat, metavar="DATE", help="roll back to this date"
            )
            added.add_argument(
                "--allow-missing",
                action="store_true",
                help="do without runs whose objects are gone",
            )
    return root


def _run(text: str) -> str:
    try:
        run_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command; of an error that the pipeline foresees, only the message is shown."""
    given = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        given.command(given)
    except PipelineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
