"""The Airflow that the browser looks at: one load was published, and the next failed its audit."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sandbox.faults import Fault
from sandbox.local.airflow import Airflow
from sandbox.local.airflow_client import AirflowClient
from sandbox.local.run import WAREHOUSE
from sandbox.services import Services

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 900
DEADLINE_MINUTES = 1


@dataclass(frozen=True)
class Story:
    """A started Airflow with two finished loads."""

    airflow: Airflow
    published_run: str
    failed_run: str
    """Ids of the two runs of musician_warehouse."""
    messages: list[dict[str, Any]]
    """The notifications that arrived at a webhook."""
    lineage: Path
    """The events that OpenLineage has sent, as JSON lines."""

    @property
    def client(self) -> AirflowClient:
        return self.airflow.client()


@contextmanager
def started(home: Path) -> Iterator[Story]:
    """Starts everything, runs the pipeline twice, yields the story and stops everything."""
    home.mkdir(parents=True, exist_ok=True)
    lineage = home / "lineage.json"
    with _webhook() as (url, messages):
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "MUSICIAN_", "AWS_", "OPENLINEAGE"))
        }
        environment = {
            **own,
            "MUSICIAN_TOURING_ARTISTS": "20",
            "MUSICIAN_NOTIFY": "webhook",
            "MUSICIAN_STAR_DEADLINE_MINUTES": str(DEADLINE_MINUTES),
            "AIRFLOW_CONN_WEBHOOK": json.dumps({"conn_type": "http", "host": url}),
            "OPENLINEAGE__TRANSPORT__TYPE": "file",
            "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(lineage),
            "OPENLINEAGE__TRANSPORT__APPEND": "true",
        }

        def sandbox(command: str) -> str:
            return subprocess.run(
                [sys.executable, "-m", "sandbox", command, "--home", str(home / "sandbox")],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=1_800,
            ).stdout

        try:
            said = sandbox("up")
            assert "Airflow: http" in said, said
            airflow = Airflow.read(home / "sandbox")
            client = airflow.client()
            (published,) = _runs(client)
            # Last.fm finds the songs of few artists today: the audit refuses to publish that.
            lost = Fault("error_6", share=0.9, where={"method": "artist.getTopTracks"})
            _change(Services.read(home / "sandbox").lastfm, faults=[asdict(lost)])
            _finish(client, "ingest_songs", client.trigger("ingest_songs"))
            failed = client.trigger(WAREHOUSE)
            assert _finish(client, WAREHOUSE, failed) == "failed"
            yield Story(airflow, published, failed, messages, lineage)
        finally:
            sandbox("down")


def _runs(client: AirflowClient) -> list[str]:
    return [run["dag_run_id"] for run in request(client, "GET", f"/dags/{WAREHOUSE}/dagRuns")["dag_runs"]]


def _change(source: Mapping[str, Any], **options: Any) -> None:
    """Changes how a stand-in behaves from now on."""
    body = json.dumps(options).encode()
    with urllib.request.urlopen(f"{source['base_url']}/sandbox/options", body, timeout=10) as sent:
        assert sent.status == 200


def _finish(client: AirflowClient, dag_id: str, run_id: str) -> str:
    give_up = time.monotonic() + RUN_SECONDS
    while time.monotonic() < give_up:
        run = request(client, "GET", f"/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}")
        if run["state"] in ("success", "failed"):
            return str(run["state"])
        time.sleep(1)
    raise AssertionError(f"{run_id} of {dag_id} was not finished after {RUN_SECONDS} seconds")


def request(client: AirflowClient, method: str, path: str, body: Any = None) -> Any:
    """Airflow's response; `path` is below /api/v2."""
    return client._request(method, f"/api/v2{path}", body)


@contextmanager
def _webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    received: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", received
    finally:
        server.shutdown()
        server.server_close()
