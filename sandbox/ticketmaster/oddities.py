"""Ways in which a search may misbehave, each an option; all are off by default.

Oddities in the order and number of events are applied by the search, page by page; those in the events
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
from sandbox.world.concerts import Concerts
from sandbox.world.event_codes import EPOCH, TIMED, UNDATED

Rows = NDArray[np.int64]
MOVED_DAYS = 30
_DOUBLED, _LAG = 0.04, 0.03


@dataclass
class Oddities(GatewayOptions):
    """Options of the Ticketmaster stand-in that make its search misbehave."""

    ties: Literal["stable", "unstable"] = "stable"
    """Order of events at the same instant: the same for every request of a search, or not."""
    names_order_ties: bool = True
    """False: events at the same instant are not ordered by name, even if the sort asks for it."""
    sorts_by_local_time: bool = False
    """Events are sorted by local time, but filtered by UTC."""
    untimed_at: Literal["evening", "local midnight", "utc midnight"] = "evening"
    """The time of day at which a search finds an event that has a date but no time."""
    untimed_sorted: Literal["in place", "first", "last", "anywhere"] = "in place"
    """The place of such an event in the sort order."""
    exclusive_end: bool = False
    """An event at the very end of the requested period is not found."""
    totals: Literal["exact", "wobbling", "lagging", "doubled"] = "exact"
    """Wobbling: off by up to 2; lagging: 3 % too low; doubled: one event in 25 is shown and counted twice."""
    hidden: float = 0.0
    """Share of events that are counted but never shown."""
    replica: float = 0.0
    """Share of events that half of the requests neither count nor show."""
    replica_where: dict[str, str] = field(default_factory=dict)
    """Instead of half of the requests, those with these parameters."""
    drift: float = 0.0
    """Share of events that appear or disappear during the first `drift_requests` requests."""
    moved: float = 0.0
    """Share of events that are moved 30 days later during the first `drift_requests` requests."""
    drift_requests: int = 100
    """See `drift` and `moved`."""
    page_size: int | None = None
    """A larger size is silently lowered to this one."""
    short_pages: int = 0
    """A page has this many events fewer than its size; they are on the next page instead."""
    poison: int = 0
    """The number of events that make any page containing one of them fail with HTTP 500."""
    crowd: int = 0
    """The number of events in the first country that start at the same instant."""
    crowd_states: int = 1
    """The number of states over which they are spread; no more than the country has."""
    foreign_venues: float = 0.0
    """Share of events found in one country although their venue is in another."""


def changed_from(catalog: Catalog, rows: Rows, share: float, what: str, requests: int) -> Rows:
    """For each row, the number of the first request that sees it changed; for most rows, none ever does."""
    first = 1 + (catalog.seeded.units(f"{what} turn", rows) * requests).astype(np.int64)
    chosen = catalog.seeded.units(what, rows) < share
    return np.where(chosen, first, np.iinfo(np.int64).max)


def found_at(catalog: Catalog, options: Oddities, number: int) -> NDArray[np.int64]:
    """The instant at which request number `number` finds each event."""
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
        later = number >= changed_from(catalog, every, options.moved, "moved", options.drift_requests)
        start = np.where(later & dated, start + MOVED_DAYS * 86_400, start)
    return start


def sorted_at(catalog: Catalog, options: Oddities, start: NDArray[np.int64], rows: Rows) -> NDArray[np.int64]:
    """The sort keys of rows in a search sorted by date; `start` is the instant at which it finds each event."""
    columns, keys = catalog.concerts, start[rows]
    if options.sorts_by_local_time:
        local = columns.day[rows].astype(np.int64) * 86_400 + columns.minute[rows].astype(np.int64) * 60
        keys = np.where(keys == UNDATED, keys, local)
    if options.untimed_sorted != "in place" and len(rows):
        untimed = (keys != UNDATED) & (columns.time_kind[rows] != TIMED)
        dated = keys[keys != UNDATED]
        low, high = (int(dated.min()), int(dated.max())) if len(dated) else (0, 0)
        drawn = low + (catalog.seeded.units("untimed place", rows) * (high - low)).astype(np.int64)
        places = {"first": np.full_like(drawn, low - 1), "last": np.full_like(drawn, high + 1)}
        place = places.get(options.untimed_sorted, drawn)
        keys = np.where(untimed, place, keys)
    return keys


def listed(catalog: Catalog, options: Oddities, rows: Rows, number: int, params: Mapping[str, str]) -> Rows:
    """Those of a search's rows that this request lists, some of them twice."""
    seeded = catalog.seeded
    if options.drift:
        first = changed_from(catalog, rows, options.drift, "drift", options.drift_requests)
        appears = seeded.units("drift", rows) < options.drift / 2
        changes = first != np.iinfo(np.int64).max
        rows = rows[~changes | (appears == (number >= first))]
    by_chance = not options.replica_where and seeded.unit("replica request", number) < 0.5
    by_params = options.replica_where and options.replica_where.items() <= params.items()
    if options.replica and (by_chance or by_params):
        rows = rows[seeded.units("replica", rows) >= options.replica]
    if options.totals == "doubled":
        rows = np.repeat(rows, 1 + (seeded.units("doubled", rows) < _DOUBLED))
    return rows


def shown(catalog: Catalog, options: Oddities, rows: Rows) -> Rows:
    """Those rows of a page that are not hidden."""
    return rows[catalog.seeded.units("hidden", rows) >= options.hidden] if options.hidden else rows


def reported(catalog: Catalog, options: Oddities, total: int, number: int) -> int:
    """The total that is reported."""
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
    """The catalogue with a crowd at 01:00 UTC on the 31st day."""
    if not options.crowd:
        return catalog
    country = next(iter(catalog.countries))
    columns = catalog.concerts
    rows = catalog.events(country, dated=True)[: options.crowd]
    venues = {v.city.state_code: v.index for v in catalog.venues if v.city.country_code == country}
    if options.crowd_states > len(venues):
        raise ValueError(f"{country} has only {len(venues)} states with venues, not {options.crowd_states}")
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
    """The catalogue in which some events take place in a country other than the one they are found in."""
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
    """The catalogue with every event on its new date."""
    columns = catalog.concerts
    start = np.where(columns.start == UNDATED, columns.start, columns.start + MOVED_DAYS * 86_400)
    return _with(catalog, replace(columns, day=columns.day + np.int32(MOVED_DAYS), start=start))


def _with(catalog: Catalog, columns: Concerts) -> Catalog:
    changed = copy.copy(catalog)
    changed.concerts = columns
    for cached in ("upcoming", "upcoming_at"):
        changed.__dict__.pop(cached, None)
    return changed
