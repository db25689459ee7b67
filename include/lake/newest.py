"""The newest complete events run, with which a later run is compared and from which songs take who is on tour."""

import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from include.errors import ManifestInvalid
from include.lake.certificate import Certificate
from include.lake.lake import Lake
from include.lake.manifests import Manifest
from include.lake.parts import verify
from include.lake.runs import run_id

log = logging.getLogger(__name__)

_SEARCHED = 30
"""The newest complete run is looked for among this many runs."""
_AT_ONCE = 10
"""This many certificates are read at a time."""


def newest_complete_events(
    lake: Lake, before: datetime, countries: Collection[str] = (), horizon_days: int = 0
) -> tuple[Manifest, Certificate] | None:
    """Manifest and certificate of the newest complete events run before this instant whose scope has these
    countries and at least this horizon, and whose parts all exist; None if there is none.

    Only the 30 newest runs are searched, which bounds the requests. Each one's certificate is read: a run that
    was landed again may have become complete after later runs looked for one.
    """
    upto = run_id(before)  # a later run may be dated in the future by a wrong clock
    newest_first = [run for run in reversed(lake.manifests("events")) if run < upto][:_SEARCHED]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="certificates") as readers:
        for first in range(0, len(newest_first), _AT_ONCE):
            block = newest_first[first : first + _AT_ONCE]
            for run, certificate in zip(
                block, readers.map(partial(_events_certificate, lake), block), strict=True
            ):
                if certificate is None or not certificate.complete:
                    continue
                scope = certificate.scope
                if not set(countries) <= set(scope.countries) or horizon_days > (scope.horizon_days or 0):
                    continue
                try:
                    manifest = lake.manifest("events", run)
                    verify(lake, manifest)
                    return manifest, certificate
                except ManifestInvalid as invalid:
                    log.warning("skipped: %s", invalid)
    return None


def _events_certificate(lake: Lake, run: str) -> Certificate | None:
    try:
        return lake.certificate("events", run)
    except ManifestInvalid as invalid:
        log.warning("skipped: %s", invalid)
        return None
