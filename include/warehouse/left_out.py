"""What a rebuild leaves out: runs after its last date, and runs that cannot be loaded any more."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from include.errors import ManifestInvalid, ManifestsMissing
from include.lake.lake import Lake
from include.lake.manifests import require_rows
from include.lake.parts import read_through, verify
from include.lake.rejected import rejected_ids
from include.lake.runs import run_instant
from include.warehouse import comparison, ledger
from include.warehouse.pairing import Judged, Ledger
from include.warehouse.transactions import transaction

Unloadable = Mapping[tuple[str, str], str]
"""By dataset and run, why it cannot be loaded."""

_ROLLED_BACK = "Rolled back to {}; to include it again: python -m include retry."


def later_runs(
    manifests: Mapping[str, Sequence[str]], known: Ledger, until: date | None
) -> dict[tuple[str, str], str]:
    """The runs after the date `until`, and the reasons for the ledger."""
    return {
        (dataset, run): _ROLLED_BACK.format(until)
        for dataset, runs in manifests.items()
        for run in runs
        if until and run_instant(run).date() > until and not _is_parked(known, dataset, run)
    }


def missing_runs(
    lake: Lake, manifests: Mapping[str, Sequence[str]], known: Ledger, until: date | None
) -> dict[tuple[str, str], str]:
    """The runs whose objects are missing or differ from their manifest, or that have no rows, and why."""
    missing = {}
    for dataset, run in _wanted(manifests, known, until):
        try:
            lake.certificate(dataset, run)
            rejected_ids(lake, dataset, run)
            verify(lake, manifest := lake.manifest(dataset, run))
            require_rows(manifest)
        except ManifestInvalid as error:
            missing[dataset, run] = str(error)
    return missing


def damaged_runs(connection: Any, lake: Lake, until: date | None) -> dict[tuple[str, str], str]:
    """The runs whose objects have the right size but cannot be read, and why. Reads all of them."""
    with transaction(connection) as cursor:
        known = ledger.read_ledger(cursor)
    damaged = {}
    for dataset, run in _wanted(ledger.landed(lake), known, until):
        try:
            manifest = lake.manifest(dataset, run)
            verify(lake, manifest)
        except ManifestInvalid:
            continue  # already known as missing
        try:
            read_through(lake, manifest)
        except ManifestInvalid as error:
            damaged[dataset, run] = str(error)
    return damaged


def _wanted(
    manifests: Mapping[str, Sequence[str]], known: Ledger, until: date | None
) -> list[tuple[str, str]]:
    """The runs that a rebuild needs: those that have or had a manifest, except parked ones and those after `until`."""
    there = {(dataset, run) for dataset, runs in manifests.items() for run in runs}
    published = {run for run, judged in known.items() if judged.state == "published"}
    return sorted(
        (dataset, run)
        for dataset, run in there | published
        if not _is_parked(known, dataset, run) and not (until and run_instant(run).date() > until)
    )


def _is_parked(known: Ledger, dataset: str, run: str) -> bool:
    return known.get((dataset, run), Judged("pending")).state == "parked"


def require_published(missing: Unloadable, known: Ledger, before: comparison.Figures) -> None:
    """Raises `ManifestsMissing` if one of these runs was published; without a ledger, any of them may have been."""
    published = {run for run, judged in known.items() if judged.state == "published"}
    is_lost = not published and any(before.values())
    if lost := [reason for run, reason in missing.items() if is_lost or run in published]:
        raise ManifestsMissing(
            "A rebuild would lose the data of these runs: restore their objects, land them again with "
            "python -m include redrive, or go on without them with "
            "python -m include rebuild --allow-missing, or with the parameter `allow_missing` "
            f"of musician_warehouse. {'; '.join(lost)}"
        )
