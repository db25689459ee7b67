"""The parts of Airflow's REST API v2 that the sandbox uses."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a proxy


class AirflowError(Exception):
    """Airflow returned an error; the message has its status and body."""


class AirflowClient:
    """Every method returns the parsed JSON, with the keys of Airflow's API."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._token = ""

    def is_healthy(self) -> bool:
        """Whether an Airflow that accepts our password responds, with a healthy database and scheduler."""
        try:
            health = self._request("GET", "/api/v2/monitor/health")
            return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler"))
        except (OSError, http.client.HTTPException, AirflowError, ValueError, LookupError):
            return False

    def dag_ids(self) -> set[str]:
        """The DAGs that Airflow has parsed."""
        return {dag["dag_id"] for dag in self._get("/dags", limit=100)["dags"]}

    def import_errors(self) -> dict[str, str]:
        """The traceback of each DAG file that failed to import."""
        return {
            e["filename"]: e["stack_trace"] for e in self._get("/importErrors", limit=100)["import_errors"]
        }

    def trigger(self, dag_id: str) -> str:
        """Starts a manual run and returns its run id."""
        run = self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        return str(run["dag_run_id"])

    def runs(self, since: datetime) -> list[dict[str, Any]]:
        """The runs of all DAGs since then, at most 100."""
        runs: list[dict[str, Any]] = self._since("/dags/~/dagRuns", since)["dag_runs"]
        return runs

    def task_instances(self, since: datetime) -> list[dict[str, Any]]:
        """The task instances of those runs, at most 100, in the order they started."""
        tasks: list[dict[str, Any]] = self._since("/dags/~/dagRuns/~/taskInstances", since)["task_instances"]
        return sorted(tasks, key=lambda task: (task["start_date"] or "9", task["id"]))

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What the task returned (its XCom), or None if it returned nothing."""
        path = f"/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}/taskInstances/{task_id}"
        try:
            return self._get(f"{path}/xcomEntries/return_value", deserialize="true")["value"]
        except AirflowError:
            return None

    def _since(self, path: str, moment: datetime) -> Any:
        return self._get(path, limit=100, run_after_gte=moment.isoformat())

    def _get(self, path: str, **query: Any) -> Any:
        return self._request("GET", f"/api/v2{path}?{urllib.parse.urlencode(query)}")

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        if not self._token:
            self._token = self._send("POST", "/auth/token", self._login)["access_token"]
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        try:
            with _OPENER.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read(2000).decode(errors="replace")
            raise AirflowError(f"{method} {path}: {error.code} {text}") from None
