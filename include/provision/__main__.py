"""The command line: create, status, delete, and the IAM policies."""

import argparse
import json
import sys
from collections.abc import Sequence

from include.errors import PipelineError
from include.provision import commands
from include.provision.aws import Aws
from include.provision.options import Options, add_options
from include.provision.permissions import person_policy, pipeline_policy
from include.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status is 1 if it failed and 130 if it was interrupted."""
    given = _parser().parse_args(arguments)
    try:
        options = Options.parse(vars(given))
        if given.command == "policy":
            policy = pipeline_policy if given.pipeline else person_policy
            print(json.dumps(policy(options.name, options.bucket or Settings().bucket), indent=2))
            return 0
        aws = Aws.connect(options.region, lambda line: print(line, flush=True))
        if given.command == "status":
            commands.status(aws, options)
            return 0

        def confirm(question: str) -> bool:
            return bool(given.yes) or _confirm(question)

        if given.command == "create":
            commands.create(aws, options, confirm)
        else:
            commands.delete(aws, options, confirm, final_snapshot=not given.skip_final_snapshot)
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"Interrupted. AWS continues with what it has begun; run {given.command} again to follow it.",
            file=sys.stderr,
        )
        return 130
    return 0


def _confirm(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.provision",
        description="The warehouse on AWS, a CloudFormation stack: create it, see what it costs, delete it.",
    )
    fields = {"status": ("name", "region"), "delete": ("name", "region"), "policy": ("name", "bucket")}
    commands_ = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in {
        "create": "show what would change, ask for confirmation, create or change it, print the lines for .env",
        "status": "show what exists, who may connect, and what it costs",
        "delete": "show what would be deleted, ask for confirmation, take a snapshot, delete all but the bucket",
        "policy": "print the IAM policy for the person who runs these commands",
    }.items():
        command = commands_.add_parser(name, help=text, description=text)
        add_options(command, fields.get(name, ()))
        if name in ("create", "delete"):
            command.add_argument("--yes", action="store_true", help="do not ask for confirmation")
        if name == "delete":
            command.add_argument(
                "--skip-final-snapshot", action="store_true", help="take no snapshot of the data first"
            )
        if name == "policy":
            command.add_argument(
                "--pipeline", action="store_true", help="print the policy for the pipeline's runs instead"
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
