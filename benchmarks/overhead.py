"""Airflow's own time in a run of the warehouse DAG: the time in which no task's code is running.

The scheduler needs it to start tasks, and each task's process to import Airflow and the DAG file. It is measured
in one `python -m sandbox run` on the default data, from Airflow's task logs.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from benchmarks.figures import Figure, say

_RUN_SECONDS = re.compile(r"^Seconds .*musician_warehouse ([\d.]+)", re.MULTILINE)


def measure(quick: bool) -> list[Figure]:
    """Seconds without running task code, compared with the whole run."""
    with tempfile.TemporaryDirectory(prefix="musician-benchmark-") as folder:
        say("running the pipeline once, which takes one or two minutes")
        process = subprocess.run(
            [sys.executable, "-m", "sandbox", "run", "--home", folder], stdout=subprocess.PIPE, text=True
        )
        found = _RUN_SECONDS.search(process.stdout)
        if process.returncode or found is None:
            raise RuntimeError(f"The pipeline failed:\n{process.stdout}")
        spans = [span for log in Path(folder).glob(_LOGS) if (span := _code_span(log)) is not None]
    run, code = float(found[1]), _covered(spans)
    say(f"{len(spans)} tasks: code ran in {code:.1f} of {run:.1f} s")
    return [Figure("warehouse run: seconds outside task code", run - code, run, "s", "whole run")]


_LOGS = "logs/tasks/dag_id=musician_warehouse/run_id=*/task_id=*/attempt=*.log"


def _code_span(log: Path) -> tuple[datetime, datetime] | None:
    """When the task's own code began and ended; None if it did not run."""
    begin = None
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        at = datetime.fromisoformat(entry["timestamp"])
        if begin is None and entry["event"] == "::endgroup::":
            begin = at  # of what Airflow does before
        elif entry["event"] == "::group::Post Execute" and begin is not None:
            return begin, at
    return None


def _covered(spans: Iterable[tuple[datetime, datetime]]) -> float:
    """Seconds covered by at least one of the spans."""
    covered, until = 0.0, None
    for begin, end in sorted(spans):
        start = begin if until is None else max(begin, until)
        covered += max(0.0, (end - start).total_seconds())
        until = end if until is None else max(until, end)
    return covered
