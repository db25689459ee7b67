"""
Concerts of the coming months from the Ticketmaster Discovery API, landed in the lake.

Each day at 06:00 UTC: asks for every concert in the chosen countries within the horizon, keeps the
responses as received (`raw/events/<run>/`), and writes them as typed Parquet rows, one per event and
billed artist (`lake/events/<run>/`), with a certificate of what was asked and received and, last, the
manifest that makes the rows exist. Then publishes the asset `events`, which wakes `musician_warehouse`.

A run that is tried again goes on from the responses it already has, with the settings of its first try. When
the API key's calls of the day are spent, `fetch_events` is up for retry until they start anew, and then asks
for what is missing. A run that cannot prove that it saw every concert says so (`complete`, `reasons`) in its
certificate and its asset event; no concert then counts as taken off the list. A finished run that is run
again asks nothing, unless its parameter `ask_again` says so. Needs the connections `ticketmaster` and
`aws_default`.
"""

import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.errors import task_retries
from include.orchestration.assets import EVENTS
from include.orchestration.notifications import task_alerts
from include.settings import Settings

log = logging.getLogger(__name__)
SETTINGS = Settings.from_environment()


@dag(
    dag_id="ingest_events",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["ingest", "ticketmaster"],
    default_args={
        "owner": "data-engineering",
        "execution_timeout": timedelta(hours=2),
        **task_retries(),
        **task_alerts(SETTINGS),
    },
    params={
        "countries": Param(
            list(SETTINGS.countries),
            type="array",
            items={"type": "string", "pattern": "^[A-Za-z]{2}$"},
            minItems=1,
            description="ISO 3166-1 alpha-2 codes of the countries whose concerts are collected, one a line.",
        ),
        "horizon_days": Param(
            SETTINGS.horizon_days,
            type="integer",
            minimum=1,
            maximum=1000,
            description="How many days ahead concerts are collected.",
        ),
        "ask_again": Param(
            False,
            type="boolean",
            description="Whether a run that was finished before forgets its responses and asks for all anew.",
        ),
    },
)
def ingest_events() -> None:
    @task
    async def fetch_events(dag_run: Any = None, params: Any = None) -> dict[str, Any]:
        from include.ingestion import events as ingestion
        from include.lake.runs import run_id
        from include.orchestration import connections

        settings = SETTINGS.with_params(params)
        lake = connections.lake(settings)
        ticketmaster = await connections.source_connection("ticketmaster")
        fetched = await ingestion.fetch_events(
            lake, ticketmaster, settings, run_id(dag_run.run_after), params["ask_again"]
        )
        log.info("Fetched events: %s", fetched)
        return fetched

    @task
    def land_events(fetched: dict[str, Any], dag_run: Any = None, params: Any = None) -> dict[str, Any]:
        from include.ingestion import events as ingestion
        from include.lake.runs import run_id
        from include.orchestration import connections

        settings = SETTINGS.with_params(params)
        lake, run = connections.lake(settings), run_id(dag_run.run_after)
        landed = ingestion.land("events", lake, run, settings, params["ask_again"])
        log.info("Landed events: %s", landed)
        return asdict(landed)

    @task(outlets=[EVENTS])
    def publish_events(landed: dict[str, Any], outlet_events: Any = None) -> None:
        if not landed["rows"]:
            raise AirflowSkipException(f"Run {landed['run']} landed no events: nothing to publish.")
        outlet_events[EVENTS].extra = landed
        log.info("Published %d rows of events: %s", landed["rows"], landed["manifest"])
        if not landed["complete"]:
            log.warning("Published as not complete: %s", "; ".join(landed["reasons"]))

    publish_events(land_events(fetch_events()))


ingest_events()
