"""
Charting and touring artists and their songs from Last.fm, landed in the lake.

Every day at 07:00 UTC it collects the top tracks of the artists at the top of each configured country's chart,
and of those with the most concerts in the newest complete events run that covers the countries. It keeps the
responses as received (`raw/songs/<run>/`) and lands them as typed Parquet rows, one per artist and track
(`lake/songs/<run>/`), with a certificate of what was requested and received and, last, the manifest that makes
the rows exist. Then it updates the asset `musician_songs`, which triggers `musician_warehouse`.

A warning is logged before the stored Last.fm data reaches the limit in its terms (100 MB). Requires the connections
`lastfm` and `aws_default`.
"""

from airflow.sdk import CronTriggerTimetable, dag

from include.orchestration.assets import SONGS
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
    dag_id="ingest_songs",
    description="Charting and touring artists and their songs from Last.fm, landed in S3.",
    schedule=CronTriggerTimetable("0 7 * * *", timezone="UTC", run_immediately=False),
    doc_md=__doc__ + SHARED_DOC,
    tags=["ingest", "lastfm"],
    params={
        **shared_params(SETTINGS, "charts are read"),
        **number_params(
            SETTINGS,
            artists_per_country="How many artists to take from the top of each country's chart.",
            touring_artists="How many artists to take from those with the most concerts.",
            tracks_per_artist="How many top tracks to collect per artist.",
        ),
    },
    **dag_arguments(SETTINGS),
)
def ingest_songs() -> None:
    songs = ingestion_tasks("songs", "lastfm", SONGS, SETTINGS)
    fetched = songs.fetch()
    landed = songs.land(fetched)
    songs.publish(landed)


ingest_songs()
