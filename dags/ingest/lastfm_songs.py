"""
Charting and touring artists and their songs from Last.fm, landed in the lake.

Every day at 07:00 UTC it collects the top tracks of the artists at the top of each configured country's chart,
and of those with the most concerts in the newest complete events run that covers the countries. It keeps the
responses as received (`raw/songs/<run>/`) and lands them as typed Parquet rows, one per artist and track
(`lake/songs/<run>/`), with a certificate of what was requested and received and, last, the manifest that makes
the rows exist. Then it updates the asset `musician_songs`, which triggers `musician_warehouse`.

A run is named and dated by when it began to look, not by its schedule. A retried task resumes with the responses
it already has and the settings of its first try, as long as the run is less than a day old and no newer one has
landed. It begins a new run if nothing had been received, or if the source rejected a request and the settings have
since been changed.
Backfills are rejected: a source returns only current data, which a run of a past day would misdate. A finished
run that is cleared requests nothing, and an unfinished one only what is missing; with the parameter `ask_again`,
both begin a new run with the current settings. The parameter `redrive` lands an earlier run again, from its kept
responses. A warning is logged before the stored Last.fm data reaches the limit in its terms (100 MB).
Requires the connections `lastfm` and `aws_default`.
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
            description="How many artists to take from the top of each country's chart.",
        ),
        "touring_artists": Param(
            SETTINGS.touring_artists,
            type="integer",
            minimum=0,
            maximum=5000,
            description="How many artists to take from those with the most concerts.",
        ),
        "tracks_per_artist": Param(
            SETTINGS.tracks_per_artist,
            type="integer",
            minimum=1,
            maximum=1000,
            description="How many top tracks to collect per artist.",
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
