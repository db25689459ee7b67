"""Whether what lands is judged, as an ingestion can tell: a musician_warehouse that is paused has no run to say so."""

import logging
from datetime import datetime, timedelta

from include.errors import ManifestInvalid
from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.quality.publication import last_judged
from include.warehouse.ledger import landed

log = logging.getLogger(__name__)


def unjudged(lake: Lake, now: datetime, hours: int) -> str | None:
    """What to look at if a run has landed this many hours ago and nothing has been judged since; otherwise None."""
    try:
        judged = last_judged(lake)
    except ManifestInvalid as invalid:
        log.warning("Cannot tell whether musician_warehouse runs: %s", invalid)
        return None
    runs = [(run, dataset) for dataset, found in landed(lake).items() for run in found]
    unseen = [each for each in runs if judged is None or judged < run_instant(each[0])]
    waiting = [each for each in unseen if run_instant(each[0]) <= now - timedelta(hours=hours)]
    if not waiting:
        return None
    run, dataset = min(waiting)
    since = f"since {judged:%Y-%m-%d %H:%M} UTC" if judged else "yet"
    return (
        f"musician_warehouse has judged nothing {since}, although {dataset} {run} has "
        "landed. It may be paused, failing, or still running"
    )
