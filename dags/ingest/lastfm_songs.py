"""
Charting and touring artists and their songs from Last.fm, landed in the lake.

Each day at 07:00 UTC: takes the top artists of each chosen country's chart, those with the most concerts in
the newest complete run of `ingest_events` if there is one, and every one's top tracks, keeps the responses
as received (`raw/songs/<run>/`), and writes them as typed Parquet rows, one per artist and track
(`lake/songs/<run>/`), with a certificate of what was asked and received and, last, the manifest that makes
the rows exist. Then publishes the asset `songs`, which wakes `musician_warehouse`.

A run that is tried again goes on from the responses it already has, with the settings of its first try. A
finished run that is run again asks nothing, unless its parameter `ask_again` says so. Warns before the
bucket holds as much data of Last.fm as its terms allow (100 MB). Needs the connections `lastfm` and
`aws_default`.
"""

import logging
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from include.errors import task_retries
from include.orchestration.assets import SONGS
from include.orchestration.notifications import task_alerts
from include.settings import Settings

log = logging.getLogger(__name__)
SETTINGS = Settings.from_environment()


@dag(
    dag_id="ingest_songs",
    schedule=CronTriggerTimetable("0 7 * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["ingest", "lastfm"],
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
            description="ISO 3166-1 alpha-2 codes of the countries whose charts are read, one a line.",
        ),
        "artists_per_country": Param(
            SETTINGS.artists_per_country,
            type="integer",
            minimum=1,
            maximum=1000,
            description="How many artists are taken from the top of each country's chart.",
        ),
        "touring_artists": Param(
            SETTINGS.touring_artists,
            type="integer",
            minimum=0,
            maximum=5000,
            description="How many artists are taken from those with the most concerts.",
        ),
        "tracks_per_artist": Param(
            SETTINGS.tracks_per_artist,
            type="integer",
            minimum=1,
            maximum=1000,
            description="How many of an artist's top tracks are collected.",
        ),
        "ask_again": Param(
            False,
            type="boolean",
            description="Whether a run that was finished before forgets its responses and asks for all anew.",
        ),
    },
)
def ingest_songs() -> None:
    @task
    async def fetch_songs(dag_run: Any = None, params: Any = None) -> dict[str, Any]:
        from include.ingestion import events as ingestion
        from include.lake.runs import run_id
        from include.orchestration import connections

        settings = SETTINGS.with_params(params)
        lake = connections.lake(settings)
        lastfm = await connections.source_connection("lastfm")
        fetched = await ingestion.fetch_songs(
            lake, lastfm, settings, run_id(dag_run.run_after), params["ask_again"]
        )
        log.info("Fetched songs: %s", fetched)
        return fetched

    @task
    def land_songs(fetched: dict[str, Any], dag_run: Any = None, params: Any = None) -> dict[str, Any]:
        from include.ingestion import events as ingestion
        from include.lake.runs import run_id
        from include.orchestration import connections

        settings = SETTINGS.with_params(params)
        lake, run = connections.lake(settings), run_id(dag_run.run_after)
        landed = ingestion.land("songs", lake, run, settings, params["ask_again"])
        log.info("Landed songs: %s", landed)
        return asdict(landed)

    @task(outlets=[SONGS])
    def publish_songs(landed: dict[str, Any], outlet_events: Any = None) -> None:
        if not landed["rows"]:
            raise AirflowSkipException(f"Run {landed['run']} landed no songs: nothing to publish.")
        outlet_events[SONGS].extra = landed
        log.info("Published %d rows of songs: %s", landed["rows"], landed["manifest"])
        if not landed["complete"]:
            log.warning("Published as not complete: %s", "; ".join(landed["reasons"]))

    publish_songs(land_songs(fetch_songs()))


ingest_songs()
