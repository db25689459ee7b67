"""
Concerts of the coming months from the Ticketmaster Discovery API, landed in the lake.

Every day at 06:00 UTC it requests all concerts in the configured countries up to the horizon. It keeps the
responses as received (`raw/events/<run>/`) and lands them as typed Parquet rows, one per event and billed artist
(`lake/events/<run>/`), with a certificate of what was requested and received and, last, the manifest that makes
the rows exist. Then it updates the asset `musician_events`, which triggers `musician_warehouse`.

When the API key has used up its daily quota, `fetch_events` waits for its next try until the quota is reset, and
then requests what is missing. A run that cannot prove that it saw every concert says so (`complete`, `reasons`) in
its certificate and its asset event, and is no evidence that a concert was delisted. Requires the connections
`ticketmaster` and `aws_default`.
"""

from airflow.sdk import CronTriggerTimetable, dag

from include.orchestration.assets import EVENTS
from include.orchestration.ingestion import (
    SHARED_DOC,
    dag_arguments,
    ingestion_tasks,
    number_params,
    shared_params,
)
from include.settings import Settings

SETTINGS = Settings.from_environment()


@dag(
    dag_id="ingest_events",
    description="Concerts of the coming months from Ticketmaster, landed in S3.",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="UTC", run_immediately=False),
    doc_md=__doc__ + SHARED_DOC,
    tags=["ingest", "ticketmaster"],
    params={
        **shared_params(SETTINGS, "concerts are collected"),
        **number_params(SETTINGS, horizon_days="How many days ahead to collect concerts."),
    },
    **dag_arguments(SETTINGS),
)
def ingest_events() -> None:
    events = ingestion_tasks("events", "ticketmaster", EVENTS, SETTINGS)
    fetched = events.fetch()
    landed = events.land(fetched)
    events.publish(landed)


ingest_events()
