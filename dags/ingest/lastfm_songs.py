"""
Charting and touring artists and their songs from Last.fm, landed in the lake.

Each day at 07:00 UTC: takes the top artists of each chosen country's chart, those with the most concerts in
the newest complete run of `ingest_events` that covers the countries, and every one's top tracks, keeps the
responses as received (`raw/songs/<run>/`), and writes them as typed Parquet rows, one per artist and track
(`lake/songs/<run>/`), with a certificate of what was asked and received and, last, the manifest that makes
the rows exist. Then publishes the asset `musician_songs`, which wakes `musician_warehouse`.

A run is named and dated by when it began to look, not by its schedule. A task that is tried again goes on
from the responses it already has, with the settings of its first try, while the run is less than a day old
and no newer one has landed; otherwise, and when nothing had come yet, it begins a new run with today's
settings. Backfills are refused: a source only tells what is true now, and the run of a past day would date
it wrongly. A finished run that is run again asks nothing, unless its parameter `ask_again` says so. The parameter
`redrive` lands an earlier run again, from its kept responses. Warns
before the bucket holds as much data of Last.fm as its terms allow (100 MB). Needs the connections `lastfm`
and `aws_default`.
"""

from airflow.sdk import CronTriggerTimetable, Param, dag

from include.orchestration.assets import SONGS
from include.orchestration.ingestion import ingestion_tasks, shared_params, task_arguments
from include.settings import Settings

SETTINGS = Settings.from_environment()


@dag(
    dag_id="ingest_songs",
    description="Charting and touring artists and their songs from Last.fm, landed in S3.",
    schedule=CronTriggerTimetable("0 7 * * *", timezone="UTC", run_immediately=False),
    catchup=False,
    max_active_runs=1,
    allowed_run_types=["scheduled", "manual", "asset_materialization"],
    doc_md=__doc__,
    tags=["ingest", "lastfm"],
    params={
        **shared_params(SETTINGS, "charts are read"),
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
    },
    default_args=task_arguments(SETTINGS),
)
def ingest_songs() -> None:
    songs = ingestion_tasks("songs", "lastfm", SONGS, SETTINGS)
    fetched = songs.fetch()
    landed = songs.land(fetched)
    songs.publish(landed)


ingest_songs()
