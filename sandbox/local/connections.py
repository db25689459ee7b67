"""Prints the connections to a running sandbox, for use in a shell after `make up`:

    eval "$(.environment/bin/python -m sandbox.local.connections)"

After that, the notebook and any other program that reads AIRFLOW_CONN_REDSHIFT etc. uses the sandbox.
"""

import argparse
import shlex
import sys
from pathlib import Path

from sandbox.connections import connection_environment
from sandbox.services import Services


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.local.connections", description=__doc__)
    home = Path(__file__).resolve().parents[2] / ".sandbox"
    parser.add_argument("--home", type=Path, default=home, help="the folder of the sandbox")
    given = parser.parse_args()
    try:
        services = Services.read(given.home)
    except FileNotFoundError:
        print(f"No sandbox is running in {given.home}: start one with `make up`.", file=sys.stderr)
        return 1
    for name, connection in connection_environment(services).items():
        print(f"export {name}={shlex.quote(connection)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
