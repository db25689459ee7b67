"""What the star contains after any history, by docs/history.md and the data dictionary, in plain Python.

No SQL, no database, nothing from `include/`: a second opinion. A history is a lake (what was landed, by dataset
and run) and the operations that the warehouse was asked to perform. Rows are mappings by column; a column that an older
release did not write is null.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

DATASETS = ("events", "songs")
Row = Mapping[str, Any]

IDENTITY = (
    "concert_name", "status", "local_date", "local_time", "starts_at", "local_end_date", "date_tba",
    "date_tbd", "time_tba", "no_specific_time", "venue_id", "venue_name", "venue_city", "country_code",
    "price_currency", "price_min", "price_max", "billing",
)  # fmt: skip
"""What makes a version of a concert: name, status, dates, time, venue, prices and billing."""
CONCERT = (
    "concert_id", "concert_name", "concert_url", "status", "segment", "genre", "sub_genre", "billing",
    "billed_artists", "promoter_name", "local_date", "local_time", "starts_at", "local_end_date", "timezone",
    "initial_date", "date_tba", "date_tbd", "time_tba", "no_specific_time", "spans_multiple_days", "venue_id",
    "venue_name", "venue_city", "venue_state_code", "country_code", "venue_postal_code", "venue_latitude",
    "venue_longitude", "price_currency", "price_min", "price_max", "public_sale_starts_at",
    "public_sale_ends_at",
)  # fmt: skip
"""The columns of a version that say what the run saw."""
MATCHES = ("mbid", "name", "corrected", "spelling", "ambiguous", "namesake", "unmatched")
"""The best match first."""


@dataclass(frozen=True)
class Landed:
    """A run as the lake has it."""

    dataset: str
    run: str
    rows: tuple[Row, ...]
    countries: frozenset[str]
    numbers: tuple[int | None, ...]
    """The numbers of its scope: the horizon of events; artists per country, touring artists and tracks of songs."""
    complete: bool = True
    horizon_date: date | None = None
    rejected: frozenset[str] = frozenset()
    """Concerts whose records were rejected."""
    readable: bool = True
    fault: str | None = None
    """Why it fails its audit: `broken`, or because it `differs` from earlier ones, which can be accepted."""

    @property
    def instant(self) -> datetime:
        return instant(self.run)

    def covers(self, older: "Landed") -> bool:
        """Whether it requested everything that the other run did."""
        pairs = zip(self.numbers, older.numbers, strict=True)
        return self.countries >= older.countries and all(w is None or n is None or w >= n for w, n in pairs)


Lake = Mapping[tuple[str, str], Landed]


@dataclass(frozen=True)
class Load:
    """An events run and a songs run; `pending` names the datasets whose run the load judges."""

    events: str
    songs: str
    pending: tuple[str, ...]

    def run(self, dataset: str) -> str:
        return self.events if dataset == "events" else self.songs

    @property
    def snapshot_date(self) -> date:
        return instant(max(self.events, self.songs)).date()


@dataclass(frozen=True)
class Entry:
    """A row of the ledger."""

    state: str
    snapshot_date: date
    loaded_with: str | None = None
    load_number: int | None = None
    is_complete: bool | None = None
    is_addition: bool = False
    is_accepted: bool = False
    record_count: int | None = None
    judged: Landed | None = None
    """As it was judged."""

    @classmethod
    def noted(cls, state: str, landed: Landed, is_accepted: bool = False) -> "Entry":
        """Of a run that is in no load."""
        return cls(
            state,
            landed.instant.date(),
            is_complete=landed.complete,
            is_accepted=is_accepted,
            record_count=len(landed.rows),
        )


class RebuildFails(Exception):
    """What was published before now fails its audit; the star does not change."""


@dataclass
class Model:
    """The tables of `dwh`."""

    versions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By concert, oldest first."""
    billings: dict[str, dict[str, Row]] = field(default_factory=dict)
    """By concert and artist."""
    songs: dict[str, Row] = field(default_factory=dict)
    song_facts: dict[tuple[str, date], Row] = field(default_factory=dict)
    artists: dict[date, dict[str, Row]] = field(default_factory=dict)
    """By snapshot date and artist."""
    ledger: dict[tuple[str, str], Entry] = field(default_factory=dict)
    facts: dict[date, Load] = field(default_factory=dict)
    """The load on which the facts of a date rest."""
    loads: list[Load] = field(default_factory=list)
    """The published loads, in order."""

    # -- the operations of the warehouse

    def work_once(self, lake: Lake) -> bool:
        """Records what is late, and judges the next load; False if there is none."""
        for dataset, run in self._pending(lake):
            if run < max(self._published(dataset), default=""):
                was = self.ledger.get((dataset, run))
                is_accepted = bool(was and was.is_accepted)
                self.ledger[dataset, run] = Entry.noted("late", lake[dataset, run], is_accepted)
        load = self.next_load(lake)
        if load is not None:
            self._judge_and_apply(lake, load)
        return load is not None

    def retry(self, dataset: str, run: str) -> None:
        """Removes a parked run from the ledger."""
        if self.state(dataset, run) == "parked":
            del self.ledger[dataset, run]

    def accept(self, dataset: str, run: str) -> None:
        """Lets a parked run differ from earlier ones."""
        if self.state(dataset, run) == "parked":
            entry = self.ledger[dataset, run]
            self.ledger[dataset, run] = replace(entry, state="pending", is_accepted=True)

    def lose_ledger(self) -> None:
        """Empties the ledger."""
        self.ledger, self.loads, self.facts = {}, [], {}

    def rebuild(self, lake: Lake, until: date | None = None) -> None:
        """Derives everything again; runs later than `until`, and those that cannot be read, are parked."""
        new = Model()
        kept = {}
        for (dataset, run), landed in lake.items():
            entry = self.ledger.get((dataset, run))
            if entry and entry.state == "parked":
                new.ledger[dataset, run] = entry
            elif (until and landed.instant.date() > until) or not landed.readable or not landed.rows:
                new.ledger[dataset, run] = Entry.noted("parked", landed)
            else:
                kept[dataset, run] = landed
                if entry and entry.is_accepted:
                    new.ledger[dataset, run] = Entry.noted("pending", landed, is_accepted=True)
        loads = [
            load for load in self.loads if {("events", load.events), ("songs", load.songs)} <= kept.keys()
        ]
        settled = {(dataset, load.run(dataset)) for load in loads for dataset in load.pending}
        unsettled = min((run for dataset, run in kept.keys() - settled), default="~")
        for load in loads:
            if max(load.events, load.songs) < unsettled:
                is_last = len(new._pending(kept)) == len(load.pending)
                if is_last and new._at_fault(kept, load):
                    raise RebuildFails(load)
                new._apply(kept, load)
        while load := new.next_load(kept):
            was_published = all(self.state(d, load.run(d)) == "published" for d in load.pending)
            is_last = len(new._pending(kept)) == len(load.pending)
            if not was_published:
                new._judge_and_apply(kept, load)
            elif is_last and new._at_fault(kept, load):
                raise RebuildFails(load)
            else:
                new._apply(kept, load)
        self.__dict__.update(new.__dict__)

    # -- order

    def state(self, dataset: str, run: str) -> str:
        """What the ledger says about a run."""
        entry = self.ledger.get((dataset, run))
        return entry.state if entry else "pending"

    def _pending(self, lake: Lake) -> list[tuple[str, str]]:
        """Oldest first; of two with the same instant, the events."""
        found = [key for key in lake if self.state(*key) == "pending"]
        return sorted(found, key=lambda key: (key[1], key[0]))

    def _published(self, dataset: str) -> list[str]:
        return [run for (d, run), entry in self.ledger.items() if d == dataset and entry.state == "published"]

    def context(self, lake: Lake, dataset: str) -> str | None:
        """The newest published run that is not an addition, else the newest, except those landed again since."""
        runs = [
            run
            for run in self._published(dataset)
            if (judged := self.ledger[dataset, run].judged) and judged.rows == lake[dataset, run].rows
        ]
        return max((run for run in runs if not self.ledger[dataset, run].is_addition), default=None) or max(
            runs, default=None
        )

    def next_load(self, lake: Lake) -> Load | None:
        """The load that is judged next; None if none is pending, or the oldest has no partner."""
        pending = [key for key in self._pending(lake) if key[1] >= max(self._published(key[0]), default="")]
        if not pending:
            return None
        dataset, run = pending[0]
        others = [r for d, r in pending if d != dataset]
        same_day = next((r for r in others if instant(r).date() == instant(run).date()), None)
        context = self.context(lake, _other(dataset))
        if same_day is not None:
            pair = _load(dataset, run, same_day, both=True)
            if context is None or len(self._additions(lake, pair)) != 1:
                return pair
            return _load(dataset, run, context, both=False)
        if context is not None:
            return _load(dataset, run, context, both=False)
        return _load(dataset, run, others[0], both=True) if others else None

    def _additions(self, lake: Lake, load: Load) -> set[str]:
        """The pending datasets whose run gives way to one on which the artists or songs of its date rest."""
        songs_date = instant(load.songs).date()
        songs = [run for run in self._published("songs") if instant(run).date() == songs_date]
        plays_rest_on = max((r for r in songs if not self.ledger["songs", r].is_addition), default=None)
        found = set()
        for dataset in load.pending:
            facts = self.facts.get(load.snapshot_date)
            for old_run in (facts and facts.run(dataset), plays_rest_on if dataset == "songs" else None):
                new, old = lake[dataset, load.run(dataset)], old_run and lake.get((dataset, old_run))
                if not old or new.run == old.run:
                    continue
                if not new.covers(old) or (old.complete and not new.complete):
                    found.add(dataset)
        return found

    # -- judging

    def _at_fault(self, lake: Lake, load: Load) -> list[str]:
        def fails(dataset: str) -> bool:
            run = load.run(dataset)
            entry, fault = self.ledger.get((dataset, run)), lake[dataset, run].fault
            return fault == "broken" or (fault == "differs" and not (entry and entry.is_accepted))

        return [dataset for dataset in load.pending if fails(dataset)]

    def _judge_and_apply(self, lake: Lake, load: Load) -> None:
        for dataset in load.pending:
            landed = lake[dataset, load.run(dataset)]
            if not landed.readable or not landed.rows:
                self._enter(lake, load, dataset, "parked")
                return
        at_fault = self._at_fault(lake, load)
        for dataset in at_fault:
            self._enter(lake, load, dataset, "parked")
        if not at_fault:
            self._apply(lake, load)

    def _enter(self, lake: Lake, load: Load, dataset: str, state: str) -> None:
        landed = lake[dataset, load.run(dataset)]
        was = self.ledger.get((dataset, landed.run))
        self.ledger[dataset, landed.run] = Entry(
            state,
            load.snapshot_date,
            load.run(_other(dataset)),
            len(self.loads) + 1 if state == "published" else None,
            landed.complete,
            dataset in self._additions(lake, load),
            bool(was and was.is_accepted),
            len(landed.rows),
            landed,
        )

    # -- what a load changes

    def _apply(self, lake: Lake, load: Load) -> None:
        events, songs = lake["events", load.events], lake["songs", load.songs]
        additions = self._additions(lake, load)
        concerts = concerts_of(events)
        billings = billings_of(events, Pages(songs.rows))
        if "events" in load.pending:
            self._change_concerts(events, concerts)
        if load.pending != ("songs",) or "songs" not in additions:
            for concert_id, bill in billings.items():
                if self.versions[concert_id][-1]["valid_from"] <= events.instant:
                    self.billings[concert_id] = {
                        key: _written(self.billings.get(concert_id, {}).get(key, {}), row, load)
                        for key, row in bill.items()
                    }
        if "songs" in load.pending:
            self._change_songs(songs, is_addition="songs" in additions)
        for dataset in load.pending:
            self._enter(lake, load, dataset, "published")
        if not additions:
            for concert_id, concert in self._under_way(events, load.snapshot_date):
                if concert_id not in concerts:
                    concerts[concert_id] = concert
                    billings[concert_id] = self.billings.get(concert_id, {})
            found = artists_of(songs, concerts, billings, load.snapshot_date)
            self.artists[load.snapshot_date] = {key: _written({}, row, load) for key, row in found.items()}
            self.facts[load.snapshot_date] = load
        self.loads.append(load)

    def _under_way(self, run: Landed, on: date) -> Iterator[tuple[str, Row]]:
        """The listed concerts of the run's countries that had begun by its date and are not over."""
        for concert_id, versions in self.versions.items():
            current = versions[-1]
            if (
                not current["is_listed"]
                or current["missing_since"]
                or current["country_code"] not in run.countries
            ):
                continue
            first, last = current["local_date"], current["local_end_date"] or current["local_date"]
            starts_at = current["starts_at"]
            if first is None or first > run.instant.date() or (starts_at and starts_at > run.instant):
                continue
            if last >= on:
                yield concert_id, current

    def _change_concerts(self, run: Landed, concerts: Mapping[str, Row]) -> None:
        for concert_id, seen in concerts.items():
            versions = self.versions.setdefault(concert_id, [])
            if versions and versions[-1]["version"] == seen["version"]:
                versions[-1]["missing_since"] = None
            else:
                self._begin_version(versions, {**seen, "events_run": run.run}, run.instant, True)
        for concert_id in run.rejected & self.versions.keys():
            current = self.versions[concert_id][-1]
            if current["is_listed"]:  # a delisted one keeps the first miss
                current["missing_since"] = None
        for concert_id, versions in self.versions.items():
            current = versions[-1]
            if concert_id in concerts or concert_id in run.rejected or not _covered(run, current):
                continue
            if current["missing_since"] is None:
                current["missing_since"] = run.instant
            else:
                gone = {**current, "version": ("delisted", current["version"]), "events_run": run.run}
                self._begin_version(versions, gone, run.instant, False)

    @staticmethod
    def _begin_version(versions: list[dict[str, Any]], seen: Row, at: datetime, is_listed: bool) -> None:
        for ended in versions[-1:]:
            ended |= {"valid_to": at, "is_current": False, "missing_since": None}
        times = {"valid_from": at, "valid_to": None, "is_current": True}
        since = None if is_listed else seen["missing_since"]
        versions.append({**seen, **times, "is_listed": is_listed, "missing_since": since})

    def _change_songs(self, run: Landed, is_addition: bool) -> None:
        rows, seen = [row for row in run.rows if row["song_key"] is not None], run.instant.date()
        for row in rows:
            known = self.songs.get(row["song_key"], {})
            columns = [
                "song_key",
                "artist_key",
                "song_name",
                "song_url",
                "artist_name",
                "song_rank",
                "play_count",
                "listeners",
            ]
            self.songs[row["song_key"]] = {
                **{column: row[column] for column in columns},
                "song_mbid": row["song_mbid"] or known.get("song_mbid"),
                "artist_mbid": row["artist_mbid"] or known.get("artist_mbid"),
                "first_seen_date": known.get("first_seen_date", seen),
                "last_seen_date": seen,
                "songs_run": run.run,
            }
        settled = {fact["artist_key"] for (_, on), fact in self.song_facts.items() if on == seen}
        if is_addition:
            rows = [row for row in rows if row["artist_key"] not in settled]
        artists = {row["artist_key"] for row in rows}
        self.song_facts = {
            key: fact
            for key, fact in self.song_facts.items()
            if key[1] != seen or fact["artist_key"] not in artists
        }
        for row in rows:
            columns = ["song_key", "artist_key", "song_rank", "play_count", "listeners"]
            fact = {column: row[column] for column in columns}
            fact |= {"snapshot_date": seen, "songs_run": run.run}
            self.song_facts[row["song_key"], seen] = fact


def _written(known: Row, row: Row, load: Load) -> Row:
    """The row with the runs of the load, or as it is known if it does not differ."""
    runs = {"events_run": load.events, "songs_run": load.songs}
    return known if known and {**known, **row} == known else {**row, **runs}


def concerts_of(run: Landed) -> dict[str, Row]:
    """The concerts of an events run, each as the version it saw."""
    found = {}
    for concert_id, rows in _grouped(run.rows, "event_id").items():
        names = [row["artist_name"] for row in _billed_order(rows) if row["artist_name"] is not None]
        concert = {column: rows[0].get(column) for column in CONCERT} | {
            "concert_id": concert_id,
            "concert_name": rows[0]["event_name"],
            "concert_url": rows[0]["event_url"],
            "billing": " / ".join(names) if names else None,
            "billed_artists": len(names),
            "country_code": rows[0]["venue_country_code"] or rows[0]["country_code"],
        }
        version = tuple(concert[column] for column in IDENTITY)
        found[concert_id] = concert | {"version": version, "missing_since": None}
    return found


def _covered(run: Landed, current: Row) -> bool:
    if not (run.complete and current["is_listed"] and current["country_code"] in run.countries):
        return False
    on, begun = current["local_date"], (run.instant + timedelta(hours=14)).date()
    return on is None or (run.horizon_date is not None and begun < on < run.horizon_date)


class Pages:
    """The artist pages of a songs run, and which of them a billing refers to."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.mbids: dict[str, str | None] = {}
        self.spelled: dict[str, set[str]] = defaultdict(set)
        self.corrected: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            page = row["artist_key"]
            self.mbids[page] = self.mbids.get(page) or row["artist_mbid"]
            self.spelled[row.get("name_key") or page].add(page)
            if row.get("asked_key") not in (None, page):
                self.corrected[row["asked_key"]].add(page)

    def match(self, billed: Row) -> tuple[str, str]:
        """How a billing found its page, and the key it gets."""
        mbid, own, apart = billed["artist_mbid"], billed["artist_key"], billed["namesake_key"]
        of_id = [page for page, page_id in self.mbids.items() if mbid is not None and page_id == mbid]
        if len(of_id) == 1:
            return "mbid", of_id[0]

        def conflicts(page: str) -> bool:
            return None not in (mbid, self.mbids[page]) and mbid != self.mbids[page]

        if own in self.mbids:
            return ("namesake", apart) if conflicts(own) else ("name", own)
        if len(self.corrected[own]) == 1:
            [page] = self.corrected[own]
            return ("namesake", apart) if conflicts(page) else ("corrected", page)
        alike = self.spelled.get(billed.get("name_key") or own, set())
        fitting = [page for page in alike if not conflicts(page)]
        if len(fitting) == 1:
            return "spelling", fitting[0]
        if fitting:
            return "ambiguous", apart
        return ("namesake", apart) if alike else ("unmatched", own)


def billings_of(run: Landed, pages: Pages) -> dict[str, dict[str, Row]]:
    """By concert and artist; a concert without billings is included, too."""
    found: dict[str, dict[str, Row]] = {}
    for concert_id, rows in _grouped(run.rows, "event_id").items():
        found[concert_id] = {}
        for row in _billed_order(rows):
            if row["artist_key"] is None:
                continue
            matched_by, key = pages.match(row)
            columns = ("artist_position", "attraction_id", "artist_name", "artist_mbid")
            about = {"concert_id": concert_id, "artist_key": key, "matched_by": matched_by}
            found[concert_id].setdefault(key, about | {column: row[column] for column in columns})
    return found


def artists_of(
    songs: Landed, concerts: Mapping[str, Row], billings: Mapping[str, Mapping[str, Row]], on: date
) -> dict[str, Row]:
    """Every artist who charts, has songs or is billed in the load."""
    pages = _grouped(songs.rows, "artist_key")
    billed = _grouped((row for rows in billings.values() for row in rows.values()), "artist_key")
    found = {}
    for key in pages.keys() | billed.keys():
        asked, tour = pages.get(key, []), billed.get(key, [])
        charted = [row for row in asked if row["song_key"] is not None]
        rank = _least(row["chart_rank"] for row in asked)
        if rank is None and not charted and not tour:
            continue
        billed_at = [(row, concerts[row["concert_id"]]) for row in tour]
        coming = [(row, concert) for row, concert in billed_at if _upcoming(concert, on)]
        found[key] = {
            "artist_key": key,
            "snapshot_date": on,
            "artist_name": asked[0]["artist_name"] if asked else max(row["artist_name"] for row in tour),
            "artist_mbid": _most(row["artist_mbid"] for row in asked)
            or _most(row["artist_mbid"] for row in tour),
            "matched_by": min((row["matched_by"] for row in tour), key=MATCHES.index, default=None),
            "chart_rank": rank,
            "chart_countries": _most(row["chart_countries"] for row in asked),
            "listeners": _most(row["chart_listeners"] for row in asked),
            "songs_charted": len(charted),
            "play_count": _sum(row["play_count"] for row in charted),
            "upcoming_concerts": len(coming),
            "headlined_concerts": sum(row["artist_position"] == 1 for row, _ in coming),
            "undated_concerts": sum(concert["local_date"] is None for _, concert in billed_at),
            "cancelled_concerts": sum(concert["status"] == "cancelled" for _, concert in billed_at),
            "concert_countries": len({concert["country_code"] for _, concert in billed_at}),
            "next_concert_date": _least(concert["local_date"] for _, concert in coming),
        }
    return found


def _upcoming(concert: Row, on: date) -> bool:
    if concert["local_date"] is None or concert["status"] == "cancelled":
        return False
    return bool((concert["local_end_date"] or concert["local_date"]) >= on)


def instant(run: str) -> datetime:
    """When a run began to look, UTC, without a zone."""
    return datetime.strptime(run, "%Y-%m-%dT%H%M%SZ")


def _other(dataset: str) -> str:
    return "songs" if dataset == "events" else "events"


def _load(dataset: str, run: str, partner: str, *, both: bool) -> Load:
    events, songs = (run, partner) if dataset == "events" else (partner, run)
    return Load(events, songs, DATASETS if both else (dataset,))


def _grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _billed_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["artist_position"] or 0, row["attraction_id"] or "~"))


def _folded(values: Iterable[Any], fold: Callable[[list[Any]], Any]) -> Any:
    known = [value for value in values if value is not None]
    return fold(known) if known else None


def _least(values: Iterable[Any]) -> Any:
    return _folded(values, min)


def _most(values: Iterable[Any]) -> Any:
    return _folded(values, max)


def _sum(values: Iterable[Any]) -> Any:
    return _folded(values, sum)
