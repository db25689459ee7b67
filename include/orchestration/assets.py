"""The assets: the contract between the DAGs, which import these objects instead of repeating names.

An asset event triggers the warehouse; its `extra` describes what was landed. Asset events are never
the work list, because Airflow may merge, delay or repeat them: the work list is the manifests in the
bucket minus the ledger in the warehouse.
"""

from airflow.sdk import Asset

from include.settings import Settings

_BUCKET = Settings.from_environment().bucket

EVENTS = Asset(
    name="musician_events",
    uri=f"s3://{_BUCKET}/lake/events",
    group="lake",
    extra={"description": "Concerts and artists"},
)
"""Published by `ingest_events`; an event's `extra` is `include.ingestion.land.Landed`."""

SONGS = Asset(
    name="musician_songs",
    uri=f"s3://{_BUCKET}/lake/songs",
    group="lake",
    extra={"description": "Artists and songs"},
)
"""Published by `ingest_songs`; an event's `extra` is `include.ingestion.land.Landed`."""

# A scheme of our own: a `redshift://` URI contains host and port, which differ between environments.
MUSICIAN_STAR = Asset(
    name="musician_star",
    uri="musician://warehouse/dwh",
    group="warehouse",
    extra={"description": "The audited star"},
)
"""Published by `musician_warehouse`; an event's `extra` says what the load changed."""
