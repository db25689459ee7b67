"""Ways in which a search may misbehave, each an option; none is in force by default.

What concerns the order and number of events is done by the search, page by page; what concerns the events
themselves (a crowd, foreign venues, new dates) by a changed copy of the catalogue.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sandbox.gateway import GatewayOptions
from sandbox.world.catalog import Catalog
from sandbox.world.concerts import EPOCH, TIMED, UNDATED, Concerts

Rows = NDArray[np.int64]
MOVED_DAYS = 30
_DOUBLED, _LAG = 0.04, 0.03


@dataclass
class Oddities(GatewayOptions):
    """Options of the Ticketmaster stand-in that make its search misbehave."""

    ties: Literal["stable", "unstable"] = "stable"
    """Order of events at the same instant: stable within one search, or unstable from request to request."""
    names_order_ties: bool = True
    """False: events at the same instant are not ordered by name, even if the sort says so."""
    sorts_by_local_time: bool = False
    """Events are sorted by the time where they take place, but filtered by UTC."""
    untimed_at: Literal["evening", "local midnight", "utc midnight"] = "evening"
    """Where in time a search finds an event that has a date, but no time."""
    untimed_sorted: Literal["there", "first", "last", "anywhere"] = "there"
    """Where such an event is sorted."""
    exclusive_end: bool = False
    """An event at the very end of the asked time is not found."""
    totals: Literal["exact", "wobbling", "lagging", "doubled"] = "exact"
    """Wobbling: up to 2 off; lagging: 3 % too low; doubled: one event in 25 is shown and counted twice."""
    hidden: float = 0.0
    """Share of events that are counted but never shown."""
    replica: float = 0.0
    """Share of events that every other request, on average, neither counts nor shows."""
    replica_where: dict[str, str] = field(default_factory=dict)
    """Instead of every other request, those with these parameters."""
    drift: float = 0.0
    """Share of events that appear or disappear during the first `drift_requests` requests."""
    moved: float = 0.0
    """Share of events that get a date 30 days later during the first `drift_requests` requests."""
    drift_requests: int = 100
    """See `drift` and `moved`."""
    page_size: int | None = None
    """A larger size is silently lowered to this one."""
    short_pages: int = 0
    """A page holds so many events fewer than its size; they come on the next page."""
    poison: int = 0
    """Every page that would hold one of so many events fails with HTTP 500."""
    crowd: int = 0
    """So many events of the first country start at one and the same instant."""
    crowd_states: int = 1
    """Over so many states they are spread."""
    foreign_venues: float = 0.0
    """Share of events that a search for a country finds though their venue says another country."""


def turns(catalog: Catalog, rows: Rows, share: float, what: str, requests: int) -> Rows:
    """The number of the request from which on each row is changed; of most rows: never."""
    turn = 1 + (catalog.seeded.units(f"{what} turn", rows) * requests).astype(np.int64)
    chosen = catalog.seeded.units(what, rows) < share
    return np.where(chosen, turn, np.iinfo(np.int64).max)


def found_at(catalog: Catalog, options: Oddities, number: int) -> NDArray[np.int64]:
    """The instant at which the request of this number finds each event."""
    columns, every = catalog.concerts, np.arange(len(catalog.concerts.ids), dtype=np.int64)
    start = columns.start
    dated = start != UNDATED
    untimed = dated & (columns.time_kind != TIMED)
    if options.untimed_at == "utc midnight":
        start = np.where(untimed, columns.day.astype(np.int64) * 86_400, start)
    elif options.untimed_at == "local midnight":
        evening = 17 * 3_600 + (catalog.seeded.units("unstated time", every) * 7 * 3_600).astype(np.int64)
        start = np.where(untimed, start - evening, start)
    if options.moved:
        later = number >= turns(catalog, every, options.moved, "moved", options.drift_requests)
        start = np.where(later & dated, start + MOVED_DAYS * 86_400, start)
    return start


def sorted_at(catalog: Catalog, options: Oddities, start: NDArray[np.int64], rows: Rows) -> NDArray[np.int64]:
    """By what a search sorts rows by date, `start` being where it finds each event."""
    columns, keys = catalog.concerts, start[rows]
    if options.sorts_by_local_time:
        local = columns.day[rows].astype(np.int64) * 86_400 + columns.minute[rows].astype(np.int64) * 60
        keys = np.where(keys == UNDATED, keys, local)
    if options.untimed_sorted != "there" and len(rows):
        untimed = (keys != UNDATED) & (columns.time_kind[rows] != TIMED)
        dated = keys[keys != UNDATED]
        low, high = (int(dated.min()), int(dated.max())) if len(dated) else (0, 0)
        drawn = low + (catalog.seeded.units("untimed place", rows) * (high - low)).astype(np.int64)
        places = {"first": np.full_like(drawn, low - 1), "last": np.full_like(drawn, high + 1)}
        place = places.get(options.untimed_sorted, drawn)
        keys = np.where(untimed, place, keys)
    return keys


def listed(catalog: Catalog, options: Oddities, rows: Rows, number: int, params: Mapping[str, str]) -> Rows:
    """Of the rows a search finds those that this request lists, some of them twice."""
    seeded = catalog.seeded
    if options.drift:
        turn = turns(catalog, rows, options.drift, "drift", options.drift_requests)
        appears = seeded.units("drift", rows) < options.drift / 2
        changes = turn != np.iinfo(np.int64).max
        rows = rows[~changes | (appears == (number >= turn))]
    by_chance = not options.replica_where and seeded.unit("replica request", number) < 0.5
    by_params = options.replica_where and options.replica_where.items() <= params.items()
    if options.replica and (by_chance or by_params):
        rows = rows[seeded.units("replica", rows) >= options.replica]
    if options.totals == "doubled":
        rows = np.repeat(rows, 1 + (seeded.units("doubled", rows) < _DOUBLED))
    return rows


def shown(catalog: Catalog, options: Oddities, rows: Rows) -> Rows:
    """Of the rows of a page those that are on it."""
    return rows[catalog.seeded.units("hidden", rows) >= options.hidden] if options.hidden else rows


def reported(catalog: Catalog, options: Oddities, total: int, number: int) -> int:
    """The total that is told."""
    if options.totals == "wobbling" and total:
        return max(0, total - 2 + catalog.seeded.whole("wobble", number) % 5)
    return int(total * (1 - _LAG)) if options.totals == "lagging" else total


def poisonous(catalog: Catalog, options: Oddities, rows: Rows) -> bool:
    """Whether a page of these rows fails."""
    if not options.poison:
        return False
    dated = catalog.events(dated=True)
    worst = dated[np.argsort(catalog.seeded.wholes("poison", dated))[: options.poison]]
    return bool(np.isin(rows, worst).any())


def crowded(catalog: Catalog, options: Oddities) -> Catalog:
    """The catalogue with a crowd at 01:00 UTC of the 31st day."""
    if not options.crowd:
        return catalog
    country = next(iter(catalog.countries))
    columns = catalog.concerts
    rows = catalog.events(country, dated=True)[: options.crowd]
    venues = {v.city.state_code: v.index for v in catalog.venues if v.city.country_code == country}
    chosen = np.array(sorted(venues.values())[: options.crowd_states], dtype=np.int32)
    instant = datetime.combine(catalog.today, datetime.min.time(), UTC) + timedelta(days=31, hours=1)
    local = [instant.astimezone(ZoneInfo(catalog.venues[index].city.timezone)) for index in chosen]
    place = np.arange(len(rows)) % len(chosen)
    venue, day, minute = columns.venue.copy(), columns.day.copy(), columns.minute.copy()
    kind, start = columns.time_kind.copy(), columns.start.copy()
    venue[rows] = chosen[place]
    day[rows] = np.array([(at.date() - EPOCH).days for at in local])[place]
    minute[rows] = np.array([at.hour * 60 + at.minute for at in local])[place]
    kind[rows], start[rows] = TIMED, int(instant.timestamp())
    return _with(catalog, replace(columns, venue=venue, day=day, minute=minute, time_kind=kind, start=start))


def with_foreign_venues(catalog: Catalog, options: Oddities) -> Catalog:
    """The catalogue as its events are shown: some take place in another country than they are found in."""
    if not options.foreign_venues:
        return catalog
    columns, seeded = catalog.concerts, catalog.seeded
    every = np.arange(len(columns.ids), dtype=np.int64)
    abroad = np.array([
        next(other.index for other in catalog.venues if other.city.country_code != venue.city.country_code)
        for venue in catalog.venues
    ])  # fmt: skip
    foreign = seeded.units("foreign", every) < options.foreign_venues
    venue = np.where(foreign, abroad[columns.venue], columns.venue).astype(np.int32)
    return _with(catalog, replace(columns, venue=venue))


def moved_later(catalog: Catalog) -> Catalog:
    """The catalogue in which every event has its new date."""
    columns = catalog.concerts
    start = np.where(columns.start == UNDATED, columns.start, columns.start + MOVED_DAYS * 86_400)
    return _with(catalog, replace(columns, day=columns.day + np.int32(MOVED_DAYS), start=start))


def _with(catalog: Catalog, columns: Concerts) -> Catalog:
    changed = copy.copy(catalog)
    changed.concerts = columns
    for cached in ("upcoming", "upcoming_at"):
        changed.__dict__.pop(cached, None)
    return changed
