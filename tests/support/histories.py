"""Random histories of both sources, from a seed: what the runs of a few days saw, and what operators did.

Concerts are announced, moved, postponed, cancelled, withdrawn and listed again, and their records rejected;
artists gain and lose ids, enter and leave charts, share names, spellings and ids, and are corrected.
Runs differ in countries and numbers, are incomplete, empty, damaged, faulty or late, and are landed again,
retried and accepted.

Keys are readable: an artist's is the casefolded name, a song's the artist's key and the title.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from tests.support.model import Landed, Model, RebuildFails, Row

FIRST_DAY = datetime(2026, 11, 10)


@dataclass(frozen=True)
class Land:
    """A run lands, or lands again."""

    landed: Landed
    by_older_release: bool = False
    """Whether an older release wrote it, without the columns that it did not have."""


@dataclass(frozen=True)
class Work:
    """The warehouse loads what is pending."""


@dataclass(frozen=True)
class Retry:
    """A parked run is retried."""

    dataset: str
    run: str


@dataclass(frozen=True)
class Accept:
    """A parked run is accepted."""

    dataset: str
    run: str


@dataclass(frozen=True)
class LoseLedger:
    """The ledger is emptied."""


@dataclass(frozen=True)
class Rebuild:
    """The star is rebuilt."""

    until: date | None = None


Step = Land | Work | Retry | Accept | LoseLedger | Rebuild

_IDS = tuple(f"{n:08}-0000-4000-8000-000000000000" for n in range(6))
_PAGES = ("Abel", "Cain", "Seth", "Yes", "YES!", "M.I.A.", "MIA.", "The The", "The", "Hikaru", "Nirvana")
_BILLED = (*_PAGES[:9], "Mia", "Yes?", "Nirvana", "nirvana!", "Utada", "Lone", "Nobody")
_CORRECTED = {"Utada": "Hikaru", "Lone": "Abel", "Mia": "M.I.A."}
"""How Last.fm corrects some names."""
_STATUSES = ("onsale", "offsale", "cancelled", "cancelled", "postponed", "rescheduled", None)


def artist_key(name: str) -> str:
    return name.casefold()


def name_key(name: str) -> str:
    words = "".join(c if c.isalnum() or c == " " else "" for c in name.casefold()).split()
    return "".join(words[1:] if len(words) > 1 and words[0] == "the" else words)


@dataclass
class _Concert:
    about: dict[str, Any]
    billed: list[str]
    listed: bool = True
    rejected: bool = False


@dataclass
class _Page:
    name: str
    mbid: str | None
    songs: list[str]
    plays: int
    charts: dict[str, int]
    """Listeners by country."""
    found: bool = True
    """Whether Last.fm finds the artist's tracks."""


@dataclass
class _World:
    """The current state of both sources."""

    draw: random.Random
    concerts: dict[str, _Concert] = field(default_factory=dict)
    pages: dict[str, _Page] = field(default_factory=dict)
    billed_ids: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in _PAGES:
            if self.draw.random() < 0.7:
                self.pages[name] = self._page(name)
        for name in _BILLED:
            self.billed_ids[name] = self._maybe_id()
        for _ in range(self.draw.randint(2, 7)):
            self._announce()

    def _maybe_id(self) -> str | None:
        return self.draw.choice(_IDS) if self.draw.random() < 0.5 else None

    def _page(self, name: str) -> _Page:
        songs = [f"Song {n}" for n in range(self.draw.randint(0, 3))]
        charts = {country: self.draw.randint(1, 99) for country in ("GB", "US") if self.draw.random() < 0.6}
        return _Page(name, self._maybe_id(), songs, self.draw.randint(10, 99), charts)

    def _announce(self) -> None:
        number = len(self.concerts)
        country = self.draw.choice(("US", "US", "GB"))
        flags = ("date_tba", "date_tbd", "time_tba", "no_specific_time", "spans_multiple_days")
        about: dict[str, Any] = dict.fromkeys(flags, False) | {
            "country_code": country,
            "event_id": f"e{number}",
            "event_name": f"Night {number}",
            "event_url": f"https://tickets.test/{number}" if self.draw.random() < 0.5 else None,
            "status": "onsale",
            "local_time": "20:00:00" if self.draw.random() < 0.5 else None,
            "timezone": "America/New_York",
            "segment": "Music",
            "genre": self.draw.choice(("Rock", "Pop")),
            "venue_id": f"v{number % 3}",
            "venue_name": f"Hall {number % 3}",
            "venue_city": "Springfield",
            # Some have none, and some are in another country than the one whose crawl finds them.
            "venue_country_code": self.draw.choice((country, country, country, None, "CA")),
        }
        self.concerts[f"e{number}"] = concert = _Concert(about, self._bill())
        self._date(concert)

    def _bill(self) -> list[str]:
        return self.draw.sample(_BILLED, self.draw.choice((0, 1, 1, 2, 3)))

    def _date(self, concert: _Concert) -> None:
        day = (
            FIRST_DAY + timedelta(days=self.draw.choice((-1, 0, 1, 2, 3, 4, 5, 8, 18, 19, 20, 25, 40)))
        ).date()
        undated, festival = self.draw.random() < 0.15, self.draw.random() < 0.3
        concert.about |= {
            "local_date": None if undated else day,
            "date_tba": undated,
            "starts_at": None
            if undated
            # Every other day, the concerts of an evening begin on the next one in UTC.
            else datetime.combine(day, datetime.min.time()) + timedelta(hours=25 if day.day % 2 else 1),
            "local_end_date": day + timedelta(days=self.draw.randint(0, 4))
            if festival and not undated
            else None,
            "spans_multiple_days": festival,
        }

    def move_on(self) -> None:
        """Changes a few things."""
        changes: tuple[Callable[[], None], ...] = (
            self._announce, self._change_concert, self._change_concert, self._change_concert, self._list_again,
            self._change_page, self._change_page, self._change_billed_id, self._change_billed_id,
        )  # fmt: skip
        for change in self.draw.choices(changes, k=self.draw.randint(0, 6)):
            change()
        for page in self.pages.values():
            page.plays += self.draw.randint(0, 2)

    def _list_again(self) -> None:
        for concert in self.concerts.values():
            if not concert.listed and self.draw.random() < 0.5:
                concert.listed = True

    def _change_concert(self) -> None:
        concert, luck = self.draw.choice(list(self.concerts.values())), self.draw.random()
        if luck < 0.45:
            concert.listed = not concert.listed
        elif luck < 0.52:
            concert.about["status"] = self.draw.choice(_STATUSES)
        elif luck < 0.64:
            concert.about |= {"initial_date": concert.about["local_date"], "status": "rescheduled"}
            self._date(concert)
        elif luck < 0.73:
            concert.billed = self._bill()
        elif luck < 0.8:
            price = self.draw.choice((None, 20.0, 35.5))
            concert.about |= {"price_min": price, "price_max": price, "price_currency": price and "USD"}
        elif luck < 0.9:
            concert.rejected = not concert.rejected
        else:  # no version
            concert.about |= {
                "genre": self.draw.choice(("Rock", "Jazz")),
                "promoter_name": self.draw.choice("AB"),
            }

    def _change_page(self) -> None:
        name, luck = self.draw.choice(_PAGES), self.draw.random()
        page = self.pages.get(name)
        if page is None:
            self.pages[name] = self._page(name)
        elif luck < 0.15:
            del self.pages[name]
        elif luck < 0.4:
            page.mbid = self._maybe_id()
        elif luck < 0.7:
            country = self.draw.choice(("GB", "US"))
            if page.charts.pop(country, None) is None:
                page.charts[country] = self.draw.randint(1, 99)
        elif luck < 0.8:
            page.found = not page.found
        else:
            page.songs = self.draw.sample([f"Song {n}" for n in range(5)], self.draw.randint(0, 3))

    def _change_billed_id(self) -> None:
        self.billed_ids[self.draw.choice(_BILLED)] = self._maybe_id()

    def events(self, at: datetime, countries: frozenset[str], horizon: int, complete: bool) -> Landed:
        """What an events run would list at this point."""
        horizon_date, rows, rejected = at.date() + timedelta(days=horizon), [], set()
        for concert_id, concert in sorted(self.concerts.items()):
            on = concert.about["local_date"]
            found = concert.listed and concert.about["country_code"] in countries
            if not found or (on is not None and not at.date() <= on < horizon_date):
                continue
            if not complete and self.draw.random() < 0.4:
                continue
            if concert.rejected:
                rejected.add(concert_id)
            else:
                rows += self._event_rows(at, concert)
        run = _run(at)
        return Landed(
            "events", run, tuple(rows), countries, (horizon,), complete, horizon_date, frozenset(rejected)
        )

    def _event_rows(self, at: datetime, concert: _Concert) -> Iterator[Row]:
        nobody = dict.fromkeys(_BILLING)
        about = concert.about | {"snapshot_at": at}
        if not concert.billed:
            yield about | nobody
        for position, name in enumerate(concert.billed, 1):
            mbid, key = self.billed_ids[name], artist_key(name)
            yield about | {
                "artist_position": position,
                "attraction_id": f"K{position}{name[:1]}",
                "artist_name": name,
                "artist_mbid": mbid,
                "artist_key": key,
                "name_key": name_key(name),
                "namesake_key": f"{key}#{mbid[:8]}" if mbid else key,
            }

    def songs(
        self, at: datetime, countries: frozenset[str], numbers: tuple[int, int, int], complete: bool
    ) -> Landed:
        """What a songs run would find at this point: the artists in the charts, and some who tour."""
        artists, touring, tracks = numbers
        charted: set[str] = set()
        for country in countries:
            chart = [page for page in self.pages.values() if country in page.charts]
            charted |= {page.name for page in sorted(chart, key=lambda page: -page.charts[country])[:artists]}
        asked = {name: name for name in sorted(charted)}
        tours = sorted({name for concert in self.concerts.values() for name in concert.billed})
        for name in self.draw.sample(tours, min(touring, len(tours))):
            asked.setdefault(name, _CORRECTED.get(name, name))
        taken: set[str] = set()
        rows: list[Row] = []
        for name, led_to in asked.items():
            page = self.pages.get(led_to)
            if page is None or (not complete and self.draw.random() < 0.3):
                continue
            listeners = [page.charts[c] for c in sorted(countries) if c in page.charts and led_to in charted]
            about = {
                "snapshot_at": at,
                "asked_name": name,
                "asked_key": artist_key(name),
                "artist_name": page.name,
                "artist_mbid": page.mbid,
                "artist_key": artist_key(page.name),
                "name_key": name_key(page.name),
                "chart_countries": ",".join(c for c in sorted(countries) if c in page.charts)
                if listeners
                else None,
                "chart_rank": 100 - max(listeners) if listeners else None,
                "chart_listeners": sum(listeners) if listeners else None,
            }
            songs = page.songs[:tracks] if page.found and page.name not in taken else []
            taken.add(page.name)
            rows += [about | _song(page, title, rank) for rank, title in enumerate(songs, 1)] or [
                about | dict.fromkeys(_SONG)
            ]
        return Landed("songs", _run(at), tuple(rows), countries, numbers, complete)


_BILLING = (
    "artist_position", "attraction_id", "artist_name", "artist_mbid", "artist_key", "name_key", "namesake_key"
)  # fmt: skip
_SONG = ("song_name", "song_mbid", "song_key", "song_url", "song_rank", "play_count", "listeners")


def _song(page: _Page, title: str, rank: int) -> Row:
    known = page.plays % 7 != rank
    return {
        "song_name": title,
        "song_mbid": _IDS[rank] if page.plays % 2 else None,
        "song_key": f"{artist_key(page.name)}/{title}",
        "song_url": None,
        "song_rank": rank,
        "play_count": page.plays * 100 // rank if known else None,
        "listeners": page.plays * 10 // rank if known else None,
    }


def history(seed: int) -> list[Step]:
    """The steps of a history; the last one is a rebuild."""
    draw = random.Random(seed)
    world = _World(draw)
    waiting: list[tuple[int, Land]] = []
    """Runs that land only after that many others."""
    steps: list[Step] = []
    so_far = Story()
    older_until = draw.choice((0, 0, 0, 3))
    moments = _moments(draw)
    for number, (at, dataset) in enumerate(moments):
        world.move_on()
        land = Land(_observed(draw, world, at, dataset))
        if number < older_until:
            land = _by_older_release(land)
        waiting.append((number + (draw.randint(2, 8) if draw.random() < 0.1 else 0), land))
        for due in [entry for entry in waiting if entry[0] <= number]:
            waiting.remove(due)
            steps.append(due[1])
        if draw.random() < 0.6:
            steps.append(Work())
        so_far.tell(steps)
        if so_far.lands and draw.random() < (0.6 if so_far.parked else 0.3):
            steps += _intervention(draw, so_far, at)
            so_far.tell(steps)
    steps += [land for _, land in waiting]
    return [*steps, Work(), Rebuild()]


class Story:
    """What has become of the steps taken so far, by the model."""

    def __init__(self, model: Model | None = None) -> None:
        self.model = model or Model()
        self.lands: dict[tuple[str, str], Land] = {}
        self._taken = 0

    @property
    def lake(self) -> dict[tuple[str, str], Landed]:
        """The runs as they were landed last."""
        return {key: land.landed for key, land in self.lands.items()}

    @property
    def parked(self) -> list[tuple[str, str]]:
        """The parked runs, the newest first."""
        keys = [key for key in self.lands if self.model.state(*key) == "parked"]
        return sorted(keys, key=lambda key: key[1], reverse=True)

    def tell(self, steps: Sequence[Step]) -> None:
        """Takes the steps that have been added."""
        for step in steps[self._taken :]:
            self._take(step)
        self._taken = len(steps)

    def _take(self, step: Step) -> None:
        match step:
            case Land(landed):
                self.lands[landed.dataset, landed.run] = step
            case Work():
                while self.model.work_once(self.lake):
                    pass
            case Retry(dataset, run):
                self.model.retry(dataset, run)
            case Accept(dataset, run):
                self.model.accept(dataset, run)
            case LoseLedger():
                self.model.lose_ledger()
            case Rebuild(until):
                with suppress(RebuildFails):
                    self.model.rebuild(self.lake, until)


def _moments(draw: random.Random) -> list[tuple[datetime, str]]:
    """Of one or more runs on each of 2 to 8 days."""
    moments = set()
    for day in range(draw.randint(2, 8)):
        runs = [
            dataset
            for dataset, most in (("events", 3), ("songs", 2))
            for _ in range(min(draw.randint(0, most), draw.randint(0, most)))
        ]
        for dataset in runs or [draw.choice(("events", "songs"))]:
            minutes = draw.choice((0, 60, 360, 361, 420, 720, 1_200, 1_320, 1_439))
            moments.add((FIRST_DAY + timedelta(days=day, minutes=minutes), dataset))
    return sorted(moments)


def _observed(draw: random.Random, world: _World, at: datetime, dataset: str) -> Landed:
    usual = draw.random() < 0.7
    both, us, gb = frozenset(("GB", "US")), frozenset(("US",)), frozenset(("GB",))
    countries = both if usual else draw.choice((both, us, gb))
    complete = draw.random() < 0.8
    if dataset == "events":
        landed = world.events(at, countries, 20 if usual else draw.choice((5, 20, 30)), complete)
    else:
        numbers = (4, 5, 3) if usual else draw.choice(((4, 5, 3), (2, 5, 3), (4, 3, 3), (4, 5, 2), (6, 8, 3)))
        landed = world.songs(at, countries, numbers, complete)
    luck = draw.random()
    if luck < 0.03:
        return replace(landed, rows=())
    if luck < 0.06:
        return replace(landed, readable=False)
    return replace(landed, fault="broken" if luck < 0.1 else "differs" if luck < 0.18 else None)


def _by_older_release(land: Land) -> Land:
    """The run as release de190e1 wrote it: keys came from normalised names, so two pages could share one."""
    taken: dict[str, str] = {}
    rows: list[Row] = []
    for row in land.landed.rows:
        key, own = row["name_key"], row["artist_key"]
        older = {**row, "artist_key": key, "name_key": None, "local_end_date": None, "asked_key": None}
        if own is not None and taken.setdefault(key, own) != own:
            if land.landed.dataset == "songs":
                continue
            older |= dict.fromkeys(_BILLING)
        elif own is not None and land.landed.dataset == "events":
            older["namesake_key"] = f"{key}#{row['artist_mbid'][:8]}" if row["artist_mbid"] else key
        elif row.get("song_key"):
            older["song_key"] = f"{key}/{row['song_name']}"
        rows.append(older)
    return Land(replace(land.landed, rows=tuple(rows)), by_older_release=True)


def _intervention(draw: random.Random, so_far: Story, at: datetime) -> Iterator[Step]:
    """What an operator does to the lake or the warehouse; mostly about runs that are parked."""
    parked = so_far.parked
    key = draw.choice(parked[:2] if parked and draw.random() < 0.7 else list(so_far.lands))
    land, luck = so_far.lands[key], draw.random()
    run = land.landed
    if luck < 0.6 and run.fault == "differs" and key in parked:
        yield Accept(*key)
    elif luck < 0.15:
        yield Retry(*key)
    elif luck < 0.25:
        yield Accept(*key)
    elif luck < 0.8:
        if run.rows:
            yield replace(land, landed=replace(run, rows=_parsed_again(draw, run), fault=None, readable=True))
            if draw.random() < 0.7:
                yield Retry(*key)
    elif luck < 0.95:
        yield Rebuild((at - timedelta(days=draw.randint(1, 3))).date() if draw.random() < 0.3 else None)
    else:
        yield LoseLedger()
        yield Rebuild()
    if draw.random() < 0.7:
        yield Work()


def _parsed_again(draw: random.Random, run: Landed) -> tuple[Row, ...]:
    """The rows that a corrected parser makes: some differ, and some records are rows only before or after."""
    rows: list[Row] = list(run.rows)
    if run.dataset == "songs":
        rows = [row | {"play_count": row["play_count"] and row["play_count"] + 1} for row in rows]
        sung = [row for row in rows if row["song_key"] is not None]
        if sung and draw.random() < 0.5:
            rows.remove(draw.choice(sung))
        row = draw.choice(sung) if sung and draw.random() < 0.5 else None
        if row and f"{row['artist_key']}/Found" not in {each["song_key"] for each in rows}:
            rows.append(
                row | {"song_key": f"{row['artist_key']}/Found", "song_name": "Found", "song_rank": 9}
            )
        return tuple(rows or run.rows)
    name = draw.choice(("Evening", "Matinee"))
    rows = [row | {"event_name": f"{name} of {row['event_id']}"} for row in rows]
    ids = sorted({row["event_id"] for row in rows})
    if len(ids) > 1 and draw.random() < 0.4:
        dropped = draw.choice(ids)
        rows = [row for row in rows if row["event_id"] != dropped]
    if draw.random() < 0.4 and f"{ids[0]}+" not in ids:
        rows += [row | {"event_id": f"{ids[0]}+"} for row in run.rows if row["event_id"] == ids[0]]
    billed = [row for row in rows if row["artist_key"] is not None]
    if billed and draw.random() < 0.4:
        row = draw.choice(billed)
        rows[rows.index(row)] = row | {"artist_name": "Found", "artist_key": "found", "name_key": "found"}
    if billed and draw.random() < 0.4:
        row = draw.choice([row for row in rows if row["artist_key"] is not None])
        rows[rows.index(row)] = row | dict.fromkeys(_BILLING)
    return tuple(rows)


def _run(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H%M%SZ}"
