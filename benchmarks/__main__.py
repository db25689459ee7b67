"""`make bench`, or `python -m benchmarks [names]`: measures, prints a table, and writes it as JSON.

crawl       requests of a crawl, compared with the pages its events fill; peak memory of a small and a large one
rate        how much of the allowed rate a crawl uses
speed       events normalised and written by one core
script      a whole crawl, compared with the usual script
warehouse   COPY, build, audit and publish at full size
rebuild     rebuilding the star, compared with its loads
round_trips requests to S3 and statements of each task, and their cost
overhead    Airflow's overhead in a run of the warehouse DAG
"""

import argparse
import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, say, table

NAMES = ("crawl", "rate", "speed", "script", "warehouse", "rebuild", "round_trips", "overhead")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="name", help="what to measure; everything by default")
    parser.add_argument("--quick", action="store_true", help="at a fraction of the size, to try it out")
    parser.add_argument("--json", type=Path, default=Path(".sandbox/bench.json"), help="the file to write")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; the benchmarks are {', '.join(NAMES)}")
    figures: list[Figure] = []
    for name in given.names or NAMES:
        say(f"--- {name}")
        found: list[Figure] = importlib.import_module(f"benchmarks.{name}").measure(given.quick)
        figures += found
        _write(given.json, figures, given.quick)
    print(table(figures))
    say(f"written to {given.json}")
    return 0


def _write(path: Path, figures: list[Figure], quick: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "quick": quick,
        "figures": [figure.document() for figure in figures],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
