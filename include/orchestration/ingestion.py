"""What the two ingestion DAGs have in common: their retries, alerts, params and three tasks.

Airflow and heavy libraries are imported inside the functions, to keep the parsing of DAG files fast.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.clock import utc_now
from include.orchestration.notifications import task_alerts
from include.orchestration.retries import task_retries
from include.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Asset

    from include.ingestion.dataset import Dataset

log = logging.getLogger(__name__)


def dataset(name: str) -> "Dataset[Any]":
    """`events` or `songs`."""
    if name == "events":
        from include.ingestion.events import EVENTS

        return EVENTS
    from include.ingestion.songs import SONGS

    return SONGS


def task_arguments(settings: Settings) -> dict[str, Any]:
    """The arguments of every task of both DAGs."""
    return {
        "owner": "data-engineering",
        "execution_timeout": timedelta(hours=2),
        **task_retries(),
        **task_alerts(settings),
    }


def shared_params(settings: Settings, countries_of: str) -> dict[str, Any]:
    """The params of both DAGs."""
    from airflow.sdk import Param

    return {
        "countries": Param(
            list(settings.countries),
            type="array",
            items={"type": "string", "pattern": "^[A-Za-z]{2}$"},
            minItems=1,
            description=f"ISO 3166-1 alpha-2 codes of the countries whose {countries_of}, one per line.",
        ),
        "ask_again": Param(
            False,
            type="boolean",
            description="Whether a finished DAG run that is cleared fetches everything again, as a new run.",
        ),
    }


@dataclass(frozen=True, slots=True)
class IngestionTasks:
    """The tasks of an ingestion DAG, to be called in this order, each with the result of the one before."""

    fetch: Callable[[], Any]
    land: Callable[[Any], Any]
    publish: Callable[[Any], Any]


def ingestion_tasks(name: str, connection_id: str, asset: "Asset", settings: Settings) -> IngestionTasks:
    """The tasks that ingest the dataset of this name from the connection's source into the lake."""
    from airflow.sdk import task
    from airflow.sdk.exceptions import AirflowSkipException

    @task(task_id=f"fetch_{name}")
    async def fetch_dataset(dag_run: Any = None, params: Any = None) -> dict[str, Any]:
        from include.ingestion.fetch import fetch
        from include.orchestration import connections

        for_run = settings.with_params(params)
        lake = connections.lake(for_run)
        connection = await connections.source_connection(connection_id)
        fetched = await fetch(
            dataset(name), lake, connection, for_run, dag_run.run_id, utc_now(), params["ask_again"]
        )
        log.info("Fetched %s: %s", name, fetched)
        return asdict(fetched)

    @task(task_id=f"land_{name}")
    def land_dataset(fetched: dict[str, Any], params: Any = None) -> dict[str, Any]:
        from include.ingestion.land import land
        from include.orchestration import connections

        for_run = settings.with_params(params)
        lake = connections.lake(for_run)
        landed = land(dataset(name), lake, fetched["run"], for_run)
        log.info("Landed %s: %s", name, landed)
        return asdict(landed)

    @task(task_id=f"publish_{name}", outlets=[asset])
    def publish_dataset(landed: dict[str, Any], outlet_events: Any = None) -> None:
        if not landed["rows"]:
            raise AirflowSkipException(f"Run {landed['run']} landed no {name}: nothing to publish.")
        outlet_events[asset].extra = landed
        log.info("Published %d rows of %s: %s", landed["rows"], name, landed["manifest"])
        if not landed["complete"]:
            log.warning("Published as not complete: %s", "; ".join(landed["reasons"]))

    return IngestionTasks(fetch_dataset, land_dataset, publish_dataset)
