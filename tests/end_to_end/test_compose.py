"""`astro dev start`, without the CLI and without Docker: every service of the merged compose file, to a star."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.local.airflow import START_SECONDS
from sandbox.local.airflow_client import AirflowClient
from sandbox.local.container import FIRST_PORT
from sandbox.local.run import INGESTIONS, Pipeline
from tests.support import compose
from tests.support.snapshots import star

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def containers(tmp_path: Path) -> Any:
    if reason := compose.unavailable():
        pytest.skip(f"needs Linux namespaces, as root: {reason}")
    with compose.Containers(tmp_path) as running:
        yield running
        for name in running.addresses:
            print(f"--- {name}\n{running.log(name)[-3000:]}")  # shown if the test failed


def test_the_services_publish_the_star(containers: compose.Containers) -> None:
    url = f"http://{containers.addresses['api-server']}:8080"
    client = AirflowClient(url, "nobody", "at all")  # every login is an admin's

    def operate() -> None:
        give_up = time.monotonic() + START_SECONDS
        while not (client.is_healthy() and "Airflow has the connections" in containers.log("triggerer")):
            assert time.monotonic() < give_up, "Airflow did not start, or got no connections"
            time.sleep(0.5)
        while not client.dag_ids() >= set(INGESTIONS):
            assert time.monotonic() < give_up, client.import_errors()
            time.sleep(0.5)
        for dag_id in INGESTIONS:  # Astro pauses new DAGs
            client._request("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        Pipeline(client, containers.logs, lambda: True, print).run()
        assert all(published(containers.addresses["triggerer"]).values())
        with urllib.request.urlopen(f"{url}/data-docs/index.html", timeout=30) as page:
            assert "✔ passed" in page.read().decode()
        apply_example_settings(client)
        for name, connection in connections(client).items():
            assert "sandbox" not in json.dumps(connection), f"{name} still has a value of the sandbox's"

    containers.call(operate)
    containers.stop("triggerer")  # on SIGTERM, and the sandbox with it


def published(address: str) -> dict[str, Any]:
    """The rows of each table, read through the forwarded port."""
    import redshift_connector

    login = {"user": "musician", "password": "sandbox-password", "database": "musician"}
    with redshift_connector.connect(host=address, port=FIRST_PORT, ssl=False, **login) as redshift:
        return star(redshift)


def connections(client: AirflowClient) -> dict[str, Any]:
    found = client._get("/connections", limit=100)["connections"]
    return {connection["connection_id"]: connection for connection in found}


def apply_example_settings(client: AirflowClient) -> None:
    """As the CLI applies airflow_settings.yaml to connections that exist: fields that are not given survive."""
    example = yaml.safe_load((compose.ROOT / "airflow_settings.example.yaml").read_text())["airflow"]
    for given in example["connections"]:
        fields = {name.removeprefix("conn_"): value for name, value in given.items()}
        name = fields.pop("id")
        body = {"connection_id": name, "conn_type": fields.pop("type"), **fields}
        body["extra"] = json.dumps(body["extra"])
        client._request("PATCH", f"/api/v2/connections/{name}", body)
