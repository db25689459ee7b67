"""
Concerts of the coming months from the Ticketmaster Discovery API, landed in the lake.

Every day at 06:00 UTC it requests all concerts in the configured countries up to the horizon. It keeps the
responses as received (`raw/events/<run>/`) and lands them as typed Parquet rows, one per event and billed artist
(`lake/events/<run>/`), with a certificate of what was requested and received and, last, the manifest that makes
the rows exist. Then it updates the asset `musician_events`, which triggers `musician_warehouse`.

A run is named and dated by when it began to look, not by its schedule. A retried task resumes with the responses
it already has and the settings of its first try, as long as the run is less than a day old and no newer one has
landed. It begins a new run if nothing had been received, or if the source rejected a request and the settings have
since been changed.
Backfills are rejected: a source returns only current data, which a run of a past day would misdate. A finished
run that is cleared requests nothing, and an unfinished one only what is missing; with the parameter `ask_again`,
both begin a new run with the current settings. The parameter `redrive` lands an earlier run again, from its kept
responses.

When the API key has used up its daily quota, `fetch_events` waits for its next try until the quota is reset, and
then requests what is missing. A run that cannot prove that it saw every concert says so (`complete`, `reasons`) in
its certificate and its asset event, and is no evidence that a concert was delisted. Requires the connections
`ticketmaster` and `aws_default`.
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
            description="How many days ahead to collect concerts.",
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
