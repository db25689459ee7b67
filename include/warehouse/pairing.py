"""Pairing: which manifests become which load, by the rules in docs/history.md, "Order"."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from include.lake.certificate import Certificate, Scope
from include.lake.runs import run_instant
from include.warehouse.tables import DATASETS


@dataclass(frozen=True, slots=True)
class Load:
    """One events run and one songs run that become one state of the star."""

    events: str
    songs: str
    pending: tuple[str, ...]
    """The datasets whose run this load judges; any other was published before and is context."""

    def __str__(self) -> str:
        return f"events {self.events} with songs {self.songs}"

    def run(self, dataset: str) -> str:
        """The run of `events` or `songs` in this load."""
        return {"events": self.events, "songs": self.songs}[dataset]

    @classmethod
    def of(cls, dataset: str, run: str, partner: str, *, both: bool) -> Self:
        """The load of a pending run and its partner, which is pending as well if `both`."""
        events, songs = (run, partner) if dataset == "events" else (partner, run)
        return cls(events, songs, DATASETS if both else (dataset,))

    @classmethod
    def from_json(cls, load: Mapping[str, Any]) -> Self:
        """The load from the dictionary that is passed between tasks."""
        return cls(load["events"], load["songs"], tuple(load["pending"]))

    @property
    def newest(self) -> str:
        """The later of the two runs; the audit is named after it."""
        return max(self.events, self.songs)

    @property
    def snapshot_date(self) -> date:
        """The UTC date of the later of the two runs."""
        return run_instant(self.newest).date()


@dataclass(frozen=True, slots=True)
class Judged:
    """What the ledger says of a manifest."""

    state: str
    """published, parked or late; pending where a parked one was accepted."""
    loaded_with: str | None = None
    load_number: int | None = None
    """The number of its load, in the order of publication."""
    digest: str | None = None
    """Identifies the rows it was judged with."""
    is_addition: bool = False
    is_accepted: bool = False
    snapshot_date: date | None = None
    reason: str | None = None


Ledger = Mapping[tuple[str, str], Judged]
"""By dataset and run."""

Unreadable = Collection[tuple[str, str]]
"""The published runs, by dataset, that cannot be context because the lake does not have them any more."""


def other(dataset: str) -> str:
    """The other dataset."""
    return DATASETS[1 - DATASETS.index(dataset)]


def published(ledger: Ledger, dataset: str) -> list[str]:
    """The published runs of a dataset, the oldest first."""
    return sorted(run for (d, run), judged in ledger.items() if d == dataset and judged.state == "published")


def partner_published(ledger: Ledger, dataset: str, unreadable: Unreadable = ()) -> str | None:
    """The published run with which a run of the other dataset is loaded: if possible, one that is not an addition."""
    runs = [run for run in published(ledger, dataset) if (dataset, run) not in unreadable]
    # One that has a reason could not be staged again, and is the last resort.
    runs = [run for run in runs if not ledger[dataset, run].reason] or runs
    return next((run for run in reversed(runs) if not ledger[dataset, run].is_addition), None) or next(
        reversed(runs), None
    )


def pending_runs(manifests: Mapping[str, Collection[str]], ledger: Ledger) -> dict[str, list[str]]:
    """For each dataset, the runs that are not judged yet, oldest first, including late ones."""
    return {
        dataset: sorted(
            run
            for run in manifests[dataset]
            if (dataset, run) not in ledger or ledger[dataset, run].state == "pending"
        )
        for dataset in DATASETS
    }


def late_runs(manifests: Mapping[str, Collection[str]], ledger: Ledger) -> list[tuple[str, str]]:
    """The pending runs that are older than the newest published one of their dataset."""
    newest = {dataset: (published(ledger, dataset) or [""])[-1] for dataset in DATASETS}
    return [
        (dataset, run)
        for dataset, runs in pending_runs(manifests, ledger).items()
        for run in runs
        if run < newest[dataset]
    ]


def plan_loads(
    manifests: Mapping[str, Collection[str]], ledger: Ledger, unreadable: Unreadable = ()
) -> list[Load]:
    """Pairs the pending manifests that are not late, oldest first, assuming that all pass and none is an addition."""
    late = late_runs(manifests, ledger)
    pending = {
        dataset: [run for run in runs if (dataset, run) not in late]
        for dataset, runs in pending_runs(manifests, ledger).items()
    }
    partners = {dataset: partner_published(ledger, dataset, unreadable) for dataset in DATASETS}
    loads: list[Load] = []
    while any(pending.values()):
        run, dataset = min((runs[0], dataset) for dataset, runs in pending.items() if runs)
        others = pending[other(dataset)]
        same_day = next((partner for partner in others if partner[:10] == run[:10]), None)
        partner = same_day or partners[other(dataset)] or next(iter(others), None)
        if partner is None:
            break
        load = Load.of(dataset, run, partner, both=partner in others)
        for judged in load.pending:
            pending[judged].remove(load.run(judged))
            partners[judged] = load.run(judged)
        loads.append(load)
    return loads


def repeated_loads(manifests: Mapping[str, Collection[str]], ledger: Ledger) -> list[Load]:
    """The published loads that a rebuild repeats unchanged: those older than every run that is not part of one.

    They are in the order of publication. That is not always the order of their runs: a run that was parked first
    and passed later was published after newer runs of the other dataset.
    """
    pending: dict[tuple[str, str], tuple[str, ...]] = {}
    numbers: dict[tuple[str, str], int] = {}
    strangers = []
    for dataset in DATASETS:
        for run in manifests[dataset]:
            judged = ledger.get((dataset, run), Judged("pending"))
            if judged.state == "published" and judged.loaded_with in manifests[other(dataset)]:
                load = Load.of(dataset, run, str(judged.loaded_with), both=False)
                pending[load.events, load.songs] = (*pending.get((load.events, load.songs), ()), dataset)
                numbers[load.events, load.songs] = judged.load_number or 0  # 0 in a ledger without numbers
            elif judged.state != "parked":
                strangers.append(run)
    return [
        Load(events, songs, datasets)
        for (events, songs), datasets in sorted(
            pending.items(), key=lambda load: (numbers[load[0]], max(load[0]), load[0])
        )
        if not strangers or max(events, songs) < min(strangers)
    ]


def song_facts_of(ledger: Ledger, songs_date: date) -> str | None:
    """The songs run on which the plays of a date rest: the newest published one of that date, no addition."""
    runs = [run for run in published(ledger, "songs") if run_instant(run).date() == songs_date]
    return max((run for run in runs if not ledger["songs", run].is_addition), default=None)


def facts_of(ledger: Ledger, snapshot_date: date) -> Load | None:
    """The load on which the facts of a date rest: the newest published one without an addition."""
    loads = [
        (judged.load_number or 0, Load.of(dataset, run, judged.loaded_with, both=False))
        for (dataset, run), judged in ledger.items()
        if judged.state == "published"
        and judged.snapshot_date == snapshot_date
        and judged.loaded_with
        and not judged.is_addition
    ]
    return max(loads, key=lambda load: (load[0], load[1].events, load[1].songs), default=(0, None))[1]


def gives_way(new: Certificate, old: Certificate) -> bool:
    """Whether `new` leaves a day's facts to `old`, because it does not cover its scope or is less complete."""
    return not covers(new.scope, old.scope) or (old.complete and not new.complete)


def covers(wide: Scope, narrow: Scope) -> bool:
    """Whether one scope includes everything that the other does; unknown numbers are ignored."""
    numbers = ("horizon_days", "artists_per_country", "touring_artists", "tracks_per_artist")
    pairs = [(getattr(wide, number), getattr(narrow, number)) for number in numbers]
    return set(wide.countries) >= set(narrow.countries) and all(
        w is None or n is None or w >= n for w, n in pairs
    )


def at_fault(load: Load, findings: Iterable[tuple[str, str | None]]) -> tuple[str, ...]:
    """The datasets that a failed audit parks. A finding is a table of `audit` and possibly one of its columns.

    If the findings point to no single dataset, or only to one that is context, the newer of the pending runs is parked.
    """
    blamed = {_BLAMED.get(table) or _blamed_column(column or "") for table, column in findings}
    if datasets := tuple(dataset for dataset in load.pending if dataset in blamed):
        return datasets
    return (max(load.pending, key=lambda dataset: (load.run(dataset), dataset)),)


_BLAMED = {
    "dim_songs": "songs",
    "fact_songs": "songs",
    "dim_concerts": "events",
    "missing_concerts": "events",
    "bridge_concert_artists": "events",
}
_OF_EVENTS = ("events_", "concert", "delisted", "touring_artists")


def _blamed_column(column: str) -> str | None:
    if "songs_" in column:
        return "songs"
    return "events" if any(part in column for part in _OF_EVENTS) else None
