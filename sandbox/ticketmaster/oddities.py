"""Ways in which a search may misbehave, each an option; all are off by default.

Those in the order and number of events are applied here, page by page; `changed_catalog` applies those in the events
themselves: a crowd, foreign venues, new dates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.gateway import GatewayOptions
from sandbox.world.catalog import Catalog
from sandbox.world.event_codes import TIMED, UNDATED

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
    """The number of states over which they are spread: in the US up to 51, including DC."""
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
