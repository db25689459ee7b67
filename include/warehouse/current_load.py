"""Which load staging and audit hold: `audit.current_load`, its runs, and the concerts that were rejected."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from include.errors import LoadSuperseded
from include.lake.certificate import Certificate
from include.lake.lake import Lake
from include.lake.manifests import Manifest
from include.lake.runs import run_instant
from include.warehouse.pairing import Load, other

_CONCERT_ID_BYTES = 64
"""No concert in the star has a longer id."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the lake says of a run."""

    manifest: Manifest
    certificate: Certificate
    rejected: set[str]
    """The ids of the concerts whose records were rejected."""
    digest: str | None
    """Identifies its rows; None if they cannot be read."""


def note_load(cursor: Any, load: Load, now: datetime) -> None:
    """Records the load and when its judging began."""
    cursor.execute("delete from audit.current_load")
    cursor.execute(
        "insert into audit.current_load (events_run, songs_run, events_at, songs_at, snapshot_date, "
        "judged_at) values (%s, %s, %s, %s, %s, %s)",
        (
            load.events,
            load.songs,
            _timestamp(load.events),
            _timestamp(load.songs),
            load.snapshot_date,
            now.astimezone(UTC).replace(tzinfo=None),
        ),
    )


def note_run(
    cursor: Any,
    lake: Lake,
    load: Load,
    dataset: str,
    description: Description | None,
    is_addition: bool,
    is_accepted: bool,
) -> None:
    """Records one run of the load; without a description, what its manifest and certificate say is null."""
    manifest, certificate = (description.manifest, description.certificate) if description else (None, None)
    cursor.execute(
        "insert into audit.current_runs (dataset, run, loaded_with, is_pending, manifest_url, record_count, "
        "digest, scope, is_complete, is_addition, is_accepted, countries, horizon_date) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            dataset,
            load.run(dataset),
            load.run(other(dataset)),
            dataset in load.pending,
            lake.manifest_url(dataset, load.run(dataset)),
            manifest and manifest.record_count,
            description and description.digest,
            certificate and certificate.scope.text,
            certificate and certificate.complete,
            is_addition,
            is_accepted,
            certificate and f",{','.join(sorted(certificate.scope.countries))},",
            certificate and certificate.horizon_date,
        ),
    )


def note_rejected(cursor: Any, rejected: set[str]) -> None:
    """Records the ids of the rejected concerts that may be in the star."""
    ids = sorted(c for c in rejected if len(c.encode()) <= _CONCERT_ID_BYTES and c.isprintable())
    for start in range(0, len(ids), 1_000):
        values = ids[start : start + 1_000]
        rows = ", ".join(["(%s)"] * len(values))
        cursor.execute(f"insert into audit.rejected_concerts (concert_id) values {rows}", values)  # noqa: S608


def require_current(cursor: Any, load: Load, dataset: str | None = None) -> str | None:
    """Raises `LoadSuperseded` unless staging and audit hold this load; returns the digest with which a run of it began.

    A task that was slow or cleared must not write into a later load.
    """
    cursor.execute(
        "select current_load.events_run, current_load.songs_run, runs.digest from audit.current_load "
        "left join audit.current_runs as runs on runs.dataset = cast(%s as varchar(16))",
        (dataset,),
    )
    found = cursor.fetchall()
    current = [(events, songs) for events, songs, _ in found]
    if current != [(load.events, load.songs)]:
        raise LoadSuperseded(
            f"{load} is not the load in progress, which is {current}. Nothing was changed; to judge it, run "
            "musician_warehouse from its first task."
        )
    digest: str | None = found[0][2]
    return digest


def _timestamp(run: str) -> datetime:
    return run_instant(run).replace(tzinfo=None)
