"""One run of the whole pipeline on a running Airflow: both ingestions, and the load they trigger."""

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.local.airflow_client import AirflowClient
from sandbox.local.task_log import task_log

ROOT = Path(__file__).resolve().parents[2]
INGESTIONS = ("ingest_events", "ingest_songs")
WAREHOUSE = "musician_warehouse"

HEARTBEAT_SECONDS = 10  # the longest time without a line of output, to show that it is still working
SILENCE_SECONDS = 300  # how long Airflow may take to parse the DAGs or start the warehouse, or not respond
LOG_LINES = 30


class PipelineFailed(Exception):
    """The star was not published. The message, over several lines, is what the user needs to know."""


Run = dict[str, Any]
TaskInstance = dict[str, Any]


@dataclass
class Pipeline:
    """Triggers the ingestions, follows everything that runs, and reports each task's changes through `say`."""

    airflow: AirflowClient
    logs: Path
    """Airflow's task logs."""
    is_running: Callable[[], bool]
    """Whether Airflow and the services are still running."""
    say: Callable[[str], None]
    _runs: list[Run] = field(default_factory=list)
    _tasks: list[TaskInstance] = field(default_factory=list)
    _states: dict[tuple[str, str, str, int], tuple[str | None, int]] = field(default_factory=dict)
    _changed: float = field(default_factory=time.monotonic)
    _responded: float = field(default_factory=time.monotonic)

    def run(self) -> dict[str, Run]:
        """The finished run of each DAG, by DAG id. Raises `PipelineFailed` unless the star was published."""
        self._await_dags()
        since = datetime.now(UTC)
        for dag_id in INGESTIONS:
            self.airflow.trigger(dag_id)
        self.say(f"triggered {' and '.join(INGESTIONS)}")
        landed: float | None = None
        while True:
            time.sleep(1)
            self._follow(since)
            self._raise_if_failed()
            ingestions = {run["dag_id"]: run for run in self._runs if run["dag_id"] in INGESTIONS}
            loads = [run for run in self._runs if run["dag_id"] == WAREHOUSE]
            if not ingestions or any(run["state"] != "success" for run in ingestions.values()):
                continue
            if loads and all(run["state"] == "success" for run in loads):
                return {**ingestions, WAREHOUSE: self._publishing(loads)}
            if not loads:
                landed = landed or time.monotonic()
                self._raise_if_not_triggered(time.monotonic() - landed)

    def _await_dags(self) -> None:
        expected = {*INGESTIONS, WAREHOUSE}
        deadline = time.monotonic() + SILENCE_SECONDS
        while (missing := expected - self.airflow.dag_ids()) and time.monotonic() < deadline:
            for file, trace in self.airflow.import_errors().items():
                raise PipelineFailed(f"Airflow cannot import {file}:\n{_indented(trace.splitlines())}")
            time.sleep(0.25)
        if missing:
            raise PipelineFailed(f"Airflow did not find the DAGs {', '.join(sorted(missing))}.")

    def _follow(self, since: datetime) -> None:
        """Asks Airflow for the runs and tasks since then, and reports what has changed."""
        if not self.is_running():
            raise PipelineFailed("Airflow or the services ended while the pipeline was running.")
        try:
            # Tasks first: if a run is finished, its tasks may then be newer than its state, never older.
            tasks = self.airflow.task_instances(since)
            self._runs = self.airflow.runs(since)
            self._tasks = tasks
        except (OSError, http.client.HTTPException, ValueError) as error:
            if time.monotonic() - self._responded > SILENCE_SECONDS:
                raise PipelineFailed(f"Airflow's API no longer responds: {error}") from None
            return
        self._responded = time.monotonic()
        for task in self._tasks:
            self._report(task)
        if time.monotonic() - self._changed > HEARTBEAT_SECONDS:
            self._changed = time.monotonic()
            self.say(f"… {_current(self._tasks)}")

    def _report(self, task: TaskInstance) -> None:
        key = task["dag_id"], task["dag_run_id"], task["task_id"], task["map_index"]
        state = task["state"], task["try_number"]
        if self._states.get(key) == state:
            return
        self._states[key] = state
        if task["state"] in (None, "scheduled", "queued", "restarting"):
            return
        self._changed = time.monotonic()
        took = f" after {task['duration']:.1f} s" if task["duration"] and task["state"] != "running" else ""
        retry = f" (try {task['try_number']})" if task["try_number"] > 1 else ""
        self.say(f"{task['dag_id']:<18} {task['task_id']:<28} {task['state']}{took}{retry}")
        if task["state"] == "up_for_retry" and (lines := self._log(task)):
            self.say(f"    {lines[-1]}")

    def _raise_if_failed(self) -> None:
        for task in self._tasks:
            if task["state"] == "failed":
                raise PipelineFailed(self._failure(task))
        for run in self._runs:
            if run["state"] == "failed":
                raise PipelineFailed(f"The run {run['dag_run_id']} of {run['dag_id']} failed.")

    def _failure(self, task: TaskInstance) -> str:
        tries = f"on try {task['try_number']} of {task['max_tries'] + 1}"
        lines = self._log(task)
        if not lines:
            return f"The task {task['task_id']} of {task['dag_id']} failed {tries}, without a log."
        return (
            f"The task {task['task_id']} of {task['dag_id']} failed {tries}. The end of its log:\n\n"
            f"{_indented(lines[-LOG_LINES:])}\n\nThe whole log: {self._log_file(task)}"
        )

    def _log(self, task: TaskInstance) -> list[str]:
        path = self._log_file(task)
        return task_log(path) if path.exists() else []

    def _log_file(self, task: TaskInstance) -> Path:
        folder = f"dag_id={task['dag_id']}/run_id={task['dag_run_id']}/task_id={task['task_id']}"
        mapped = f"/map_index={task['map_index']}" if task["map_index"] >= 0 else ""
        return self.logs / f"{folder}{mapped}/attempt={task['try_number']}.log"

    def _raise_if_not_triggered(self, waited: float) -> None:
        for task in self._tasks:
            if task["dag_id"] in INGESTIONS and task["state"] == "skipped":
                raise PipelineFailed(
                    f"{task['dag_id']} landed nothing, so its task {task['task_id']} published nothing "
                    f"and {WAREHOUSE} has nothing to load."
                )
        if waited > SILENCE_SECONDS:
            raise PipelineFailed(
                f"Both assets were published, but {WAREHOUSE} did not start within {SILENCE_SECONDS} seconds."
            )

    def _publishing(self, loads: list[Run]) -> Run:
        """The warehouse run that published something."""
        published = {
            task["dag_run_id"]
            for task in self._tasks
            if task["dag_id"] == WAREHOUSE and task["task_id"] == "publish" and task["state"] == "success"
        }
        for run in loads:
            if run["dag_run_id"] in published:
                return run
        raise PipelineFailed(f"{WAREHOUSE} ended without publishing anything: it found nothing to load.")


def seconds(run: Run) -> float:
    """How long a finished run took."""
    start, end = (datetime.fromisoformat(run[moment]) for moment in ("start_date", "end_date"))
    return (end - start).total_seconds()


def _current(tasks: list[TaskInstance]) -> str:
    working = [task for task in tasks if task["state"] in ("running", "queued", "up_for_retry", "deferred")]
    if not working:
        return "waiting for Airflow's scheduler"
    return ", ".join(f"{task['dag_id']}.{task['task_id']} {_since(task)}" for task in working)


def _since(task: TaskInstance) -> str:
    moment = {"running": "start_date", "up_for_retry": "end_date"}.get(task["state"], "queued_when")
    if not task.get(moment):
        return str(task["state"])
    passed = time.time() - datetime.fromisoformat(task[moment]).timestamp()
    waiting = ", waiting for its next try" if task["state"] == "up_for_retry" else ""
    return f"{task['state']} for {passed:.0f} s{waiting}"


def _indented(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
