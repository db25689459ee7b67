"""The commands of the pipeline: `python -m include <command> --help`.

They use the Airflow connections and the settings of the environment they run in.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import closing

from include.errors import PipelineError
from include.lake.runs import run_instant
from include.settings import Settings

DATASETS = ("events", "songs")


def redrive(given: argparse.Namespace) -> None:
    """lands a run again from its kept responses with today's parser, without asking any API"""
    from include.ingestion.land import land
    from include.orchestration import connections
    from include.orchestration.ingestion import dataset

    settings = Settings.from_environment()
    land(dataset(given.dataset), connections.lake(settings), given.run, settings, again=True)


def retry(given: argparse.Namespace) -> None:
    """strikes a parked manifest from the ledger: the next run of musician_warehouse judges it again"""
    from include.orchestration import connections
    from include.warehouse import load as warehouse

    with closing(connections.redshift()) as redshift:
        struck = warehouse.retry(redshift, given.dataset, given.run)
    print(
        f"The next run of musician_warehouse judges {given.dataset} {given.run}."
        if struck
        else f"The ledger has no {given.dataset} {given.run}: nothing to do."
    )


def reader_role(given: argparse.Namespace) -> None:
    """creates the role musician_reader, which may read dwh and analytics and nothing else"""
    from include.orchestration import connections
    from include.warehouse.load import create_tables
    from include.warehouse.reader_role import create_reader

    with closing(connections.redshift()) as redshift:
        create_tables(redshift)
        create_reader(redshift)
    print("The role musician_reader is there. Give it to a user: grant role musician_reader to <user>;")


COMMANDS_FOR_A_RUN = {"redrive": redrive, "retry": retry}
COMMANDS = {"reader-role": reader_role}


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
    return root


def _run(text: str) -> str:
    try:
        run_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Does what the arguments say; of an error that the pipeline foresees, only the message is shown."""
    given = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        given.command(given)
    except PipelineError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
