"""The command line: create, status, delete, and the IAM policy of whoever runs them."""

import argparse
import json
import sys
from collections.abc import Sequence

from include.errors import PipelineError
from include.provision import commands
from include.provision.aws import Aws
from include.provision.options import Options, add_options
from include.provision.permissions import policy


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status is 1 when it failed and 130 when it was interrupted."""
    given = _parser().parse_args(arguments)
    try:
        options = Options.parse(vars(given))
        if given.command == "policy":
            print(json.dumps(policy(options.name, options.bucket), indent=2))
            return 0
        aws = Aws.connect(options.region)
        aws.say = _say
        if given.command == "create":
            commands.create(aws, options)
        elif given.command == "status":
            commands.status(aws, options)
        else:
            agreed = given.yes
            commands.delete(
                aws,
                options,
                final_snapshot=not given.skip_final_snapshot,
                confirm=lambda question: agreed or _confirm(question),
            )
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"Interrupted. Run {given.command} again: it goes on where this stopped.", file=sys.stderr)
        return 130
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _confirm(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.provision",
        description="The Redshift warehouse: create it, see what it costs, delete it.",
    )
    options = argparse.ArgumentParser(add_help=False)
    add_options(options)
    commands_ = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in {
        "create": "create what does not exist yet, wait until it is available, print the lines for .env",
        "status": "show what exists and what it costs",
        "delete": "delete everything that create made",
        "policy": "print the IAM policy that this command needs",
    }.items():
        command = commands_.add_parser(name, help=text, description=text, parents=[options])
        if name == "delete":
            command.add_argument("--yes", action="store_true", help="do not ask")
            command.add_argument(
                "--skip-final-snapshot", action="store_true", help="take no snapshot of the data first"
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
