"""How old the star is, and whether new data is overdue: a paused ingestion looks just like a quiet day."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.warehouse.ledger import landed, read_ledger
from include.warehouse.pairing import Ledger, published
from include.warehouse.tables import DATASETS
from include.warehouse.transactions import transaction
from include.wording import counted


@dataclass(frozen=True, slots=True)
class Freshness:
    """The newest run of each dataset, in the lake and in the star; None if there is none."""

    now: datetime
    landed: Mapping[str, str | None]
    published: Mapping[str, str | None]

    @property
    def hours(self) -> int | None:
        """The age of the newest run in the star; None if it is empty."""
        newest = max((run for run in self.published.values() if run is not None), default=None)
        return None if newest is None else _hours(self.now, newest)

    @property
    def text(self) -> str:
        """How old the star is, in one line."""
        if self.hours is None:
            return "The star is empty: nothing has been published."
        runs = {dataset: run for dataset, run in self.published.items() if run is not None}
        newest = " and ".join(f"{dataset} {run}" for dataset, run in runs.items())
        return f"The star is {counted(self.hours, 'hour')} old: its newest runs are {newest}."

    def overdue(self, hours: int, loading: Collection[str] = ()) -> list[str]:
        """For each dataset that had nothing landed or published for this many hours, what to look at.

        The datasets in `loading` are being published, so they are not overdue in the star.
        """
        found = []
        for dataset in DATASETS:
            landed, loaded = self.landed[dataset], self.published[dataset]
            if not self._is_recent(landed, hours):
                since = f"since {landed}, {_ago(self.now, landed)}" if landed else "yet"
                found.append(
                    f"No run of {dataset} has landed {since}. Look at ingest_{dataset}: it may be paused, "
                    "failing, or still running."
                )
            elif dataset not in loading and not self._is_recent(loaded, hours):
                since = f"since {loaded}, {_ago(self.now, loaded)}" if loaded else "yet"
                found.append(
                    f"No run of {dataset} has been published {since}, although {landed} has landed. "
                    "python -m include status says what is pending, and what is parked and why."
                )
        return found

    def _is_recent(self, run: str | None, hours: int) -> bool:
        return run is not None and self.now - run_instant(run) <= timedelta(hours=hours)


def freshness(connection: Any, lake: Lake, now: datetime) -> Freshness:
    """The newest runs in the lake and in the ledger."""
    with transaction(connection) as cursor:
        known = read_ledger(cursor)
    return freshness_of(landed(lake), known, now)


def freshness_of(manifests: Mapping[str, Collection[str]], known: Ledger, now: datetime) -> Freshness:
    """The newest of these runs. Those dated in the future do not count as landed."""
    newest = {
        dataset: max((run for run in manifests[dataset] if run_instant(run) <= now), default=None)
        for dataset in DATASETS
    }
    return Freshness(
        now, newest, {dataset: max(published(known, dataset), default=None) for dataset in DATASETS}
    )


def _ago(now: datetime, run: str) -> str:
    return f"{counted(_hours(now, run), 'hour')} ago"


def _hours(now: datetime, run: str) -> int:
    return int((now - run_instant(run)) / timedelta(hours=1))
