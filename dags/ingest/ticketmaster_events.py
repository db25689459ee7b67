"""
Concerts of the coming months from the Ticketmaster Discovery API, landed in the lake.

Each day at 06:00 UTC: asks for every concert in the chosen countries within the horizon, keeps the
responses as received (`raw/events/<run>/`), and writes them as typed Parquet rows, one per event and
billed artist (`lake/events/<run>/`), with a certificate of what was asked and received and, last, the
manifest that makes the rows exist. Then publishes the asset `musician_events`, which wakes `musician_warehouse`.

A run is named and dated by when it began to look, not by its schedule. A task that is tried again goes on
from the responses it already has, with the settings of its first try, while the run is less than a day old
and no newer one has landed; otherwise, and when nothing had come yet, it begins a new run with today's
settings. Backfills are refused: a source only tells what is true now, and the run of a past day would date it
wrongly. A finished run that is run again asks nothing, unless its parameter `ask_again` says so. The parameter
`redrive` lands an earlier run again, from its kept responses.

When the API key's calls of the day are spent, `fetch_events` is up for retry until the key's next day
begins, and then asks for what is missing. A run that cannot prove that it saw every concert says so
(`complete`, `reasons`) in its certificate and its asset event; no concert then counts as delisted. Needs the
connections `ticketmaster` and `aws_default`.
"""

from airflow.sdk import CronTriggerTimetable, Param, dag

from include.orchestration.assets import EVENTS
from include.orchestration.ingestion import ingestion_tasks, shared_params, task_arguments
from include.settings import Settings

SETTINGS = Settings.from_environment()


@dag(
    dag_id="ingest_events",
    description="Concerts of the coming months from Ticketmaster, landed in S3.",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    allowed_run_types=["scheduled", "manual", "asset_materialization"],
    doc_md=__doc__,
    tags=["ingest", "ticketmaster"],
    params={
        **shared_params(SETTINGS, "concerts are collected"),
        "horizon_days": Param(
            SETTINGS.horizon_days,
            type="integer",
            minimum=1,
            maximum=1000,
            description="How many days ahead concerts are collected.",
        ),
    },
    default_args=task_arguments(SETTINGS),
)
def ingest_events() -> None:
    events = ingestion_tasks("events", "ticketmaster", EVENTS, SETTINGS)
    fetched = events.fetch()
    landed = events.land(fetched)
    events.publish(landed)


ingest_events()
