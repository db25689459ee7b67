"""What the two ingestion DAGs have in common: their documentation, arguments, params and three tasks.

Airflow and heavy libraries are imported inside the functions, to keep the parsing of DAG files fast.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from include.clock import utc_now
from include.orchestration.notifications import report
from include.orchestration.task_arguments import task_arguments
from include.settings import Settings, limits
from include.wording import counted

if TYPE_CHECKING:
    from airflow.sdk import Asset

    from include.ingestion.dataset import Dataset
    from include.ingestion.land import Landed

log = logging.getLogger(__name__)

RUN = r"^\d{4}-\d{2}-\d{2}T\d{6}Z$"
"""How an ingestion run is named, as `include.lake.runs` reads it."""


SHARED_DOC = """
A run is named and dated by when it began to look, not by its schedule. A retried task resumes with the responses
it already has and the settings of its first try, as long as the run is less than a day old and no newer one has
landed. Otherwise it begins a new run with the current settings; it also does if nothing had been received, or if the
source rejected a request and the settings have since been changed.

Backfills are rejected: a source returns only current data, which a run of a past day would misdate. A finished
run that is cleared requests nothing, and an unfinished one only what is missing; with the parameter `ask_again`,
both begin a new run with the current settings. The parameter `redrive` lands an earlier run again, from its kept
responses.
"""
"""What the documentation of both DAGs ends with."""


def dataset(name: str) -> "Dataset[Any]":
    """`events` or `songs`."""
    if name == "events":
        from include.ingestion.events import EVENTS

        return EVENTS
    from include.ingestion.songs import SONGS

    return SONGS


def dag_arguments(settings: Settings) -> dict[str, Any]:
    """The arguments that both DAGs have."""
    return {
        "catchup": False,
        "max_active_runs": 1,
        "allowed_run_types": ["scheduled", "manual", "asset_materialization"],
        "default_args": task_arguments(settings, timedelta(hours=2)),
    }


def number_params(settings: Settings, **described: str) -> dict[str, Any]:
    """The params of these settings, which are numbers, with their descriptions, defaults and limits."""
    from airflow.sdk import Param

    return {
        name: Param(
            getattr(settings, name),
            description=description,
            type="integer",
            minimum=limits(name)[0],
            maximum=limits(name)[1],
        )
        for name, description in described.items()
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
            description="Whether a DAG run that is cleared fetches everything again, as a new run.",
        ),
        "redrive": Param(
            None,
            type=["null", "string"],
            pattern=RUN,
            description="An earlier run, as 2026-11-22T060003Z, to land again from its kept responses: today's "
            "parser, no calls. If it was published, a rebuild of the star then takes in what changed.",
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

    @task(task_id=f"fetch_{name}", multiple_outputs=False)
    async def fetch_dataset(dag_run: Any = None, params: Any = None) -> dict[str, Any]:
        from include.ingestion.fetch import fetch
        from include.orchestration import connections

        if params["redrive"]:
            log.info("%s %s is to be landed again: nothing is requested", name, params["redrive"])
            return {"dataset": name, "run": params["redrive"], "requests_sent": 0}
        for_run = settings.with_params(params)
        lake = connections.lake(for_run)
        connection = await connections.source_connection(connection_id)
        asked_again = dag_run.clear_number if params["ask_again"] else 0  # a retry does not count
        fetched = await fetch(
            dataset(name), lake, connection, for_run, dag_run.run_id, utc_now(), asked_again or 0
        )
        return asdict(fetched)

    @task(task_id=f"land_{name}", multiple_outputs=False)
    def land_dataset(fetched: dict[str, Any], params: Any = None, ti: Any = None) -> dict[str, Any]:
        from include.ingestion.land import land
        from include.orchestration import connections

        for_run = settings.with_params(params)
        lake = connections.lake(for_run)
        landed = land(dataset(name), lake, fetched["run"], for_run, again=bool(params["redrive"]))
        ti.xcom_push("note", landed_note(landed))
        return asdict(landed)

    @task(task_id=f"publish_{name}", outlets=[asset])
    def publish_dataset(
        landed: dict[str, Any], outlet_events: Any = None, dag_run: Any = None, ti: Any = None
    ) -> None:
        from include.orchestration import connections
        from include.quality.waiting import unjudged

        if not landed["rows"]:
            raise AirflowSkipException(f"Run {landed['run']} landed no {name}: nothing to publish.")
        outlet_events[asset].extra = landed
        log.info("published %s", landed["manifest"])
        if waiting := unjudged(connections.lake(settings), utc_now(), settings.news_deadline_hours):
            report(settings, dag_run, "is not loaded", waiting)
            ti.xcom_push("note", waiting)

    return IngestionTasks(fetch_dataset, land_dataset, publish_dataset)


def landed_note(landed: "Landed") -> str:
    """The note of a run that has landed: what, and whether it is complete or the first reason why not."""
    note = f"Run {landed.run}: {counted(landed.rows, 'row')}, {'complete' if landed.complete else 'not complete'}"
    first, *others = landed.reasons or ("",)
    more = f" (and {counted(len(others), 'more reason')})" if others else ""
    return f"{note}{f': {first}{more}' if first else ''}"
