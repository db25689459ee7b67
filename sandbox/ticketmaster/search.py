"""Searches a catalogue's events with the parameters and semantics of Ticketmaster's events.json."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.ticketmaster.filters import Filters
from sandbox.ticketmaster.oddities import Oddities, changed_from, found_at, listed, sorted_at
from sandbox.world.catalog import Catalog
from sandbox.world.event_codes import DATE_TBA, DATE_TBD, UNDATED
from sandbox.world.seeded import Seeded, text_index

Rows = NDArray[np.int64]


class BadDate(ValueError):
    """A date parameter is not of the form YYYY-MM-DDTHH:mm:ssZ."""


@dataclass(frozen=True)
class Found:
    """What a search found: `rows` ordered by `keys` (ascending); rows with equal keys are then ordered by name
    if `by_name`."""

    rows: Rows
    keys: NDArray[np.int64]
    by_name: Literal["asc", "desc"] | None
    query: int
    seeded: Seeded

    def slice(self, begin: int, end: int, options: Oddities, number: int, name: Callable[[int], str]) -> Rows:
        """Rows from `begin` to `end`; the order of rows with equal keys depends on the search or the request."""
        if begin >= len(self.rows):
            return self.rows[:0]
        end = min(end, len(self.rows))
        left = int(np.searchsorted(self.keys, self.keys[begin], side="left"))
        right = int(np.searchsorted(self.keys, self.keys[end - 1], side="right"))
        rows, keys = self.rows[left:right], self.keys[left:right]
        salt = self.query if options.ties == "stable" else self.query ^ number
        order = np.lexsort((self.seeded.wholes(f"ties {salt}", rows), keys))
        if self.by_name and options.names_order_ties:
            shuffled = [int(place) for place in order]
            named = sorted(shuffled, key=lambda place: name(int(rows[place])), reverse=self.by_name == "desc")
            order = np.array(sorted(named, key=lambda place: int(keys[place])), dtype=np.int64)
        return rows[order][begin - left : end - left]


class EventSearch:
    """Finds rows of a catalogue's events."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._columns = catalog.concerts
        self._filters = Filters(catalog, self.row_of)

    @lru_cache(maxsize=4)  # noqa: B019 - a search lives as long as its process
    def _by_start(self, untimed_at: Any) -> tuple[NDArray[np.int64], Rows, NDArray[np.int64]]:
        return self._started(found_at(self._catalog, Oddities(untimed_at=untimed_at), 1))

    def _started(self, start: NDArray[np.int64]) -> tuple[NDArray[np.int64], Rows, NDArray[np.int64]]:
        """The instants in row order, the rows ordered by instant, and the instants in that order."""
        by_start = np.argsort(start, kind="stable")
        return start, by_start, start[by_start]

    @cached_property
    def _by_id(self) -> Rows:
        return np.argsort(self._columns.ids, kind="stable")

    @cached_property
    def _id_rank(self) -> NDArray[np.int64]:
        rank = np.empty(len(self._by_id), dtype=np.int64)
        rank[self._by_id] = np.arange(len(self._by_id))
        return rank

    def row_of(self, identifier: str) -> int | None:
        """The row with that id; case matters."""
        wanted = identifier.encode("ascii", "replace")
        place = int(np.searchsorted(self._columns.ids, np.bytes_(wanted), sorter=self._by_id))
        if place == len(self._by_id):
            return None
        row = int(self._by_id[place])
        return row if bytes(self._columns.ids[row]) == wanted else None

    def find(self, params: Mapping[str, str], options: Oddities | None = None, number: int = 1) -> Found:
        """The events that request number `number`, with these parameters, finds. Raises `BadDate`."""
        options = options or Oddities()
        begin, end = _instant(params.get("startDateTime")), _instant(params.get("endDateTime"))
        start, by_start, starts = (
            self._started(found_at(self._catalog, options, number))
            if options.moved
            else self._by_start(options.untimed_at)
        )
        if begin is not None or end is not None:
            left = 0 if begin is None else int(np.searchsorted(starts, begin, side="left"))
            last = UNDATED - 1 if end is None else end  # both ends inclusive; never an undated event
            side: Literal["left", "right"] = "left" if end is not None and options.exclusive_end else "right"
            rows = by_start[left : int(np.searchsorted(starts, last, side=side))]
        else:
            rows = by_start
        rows = rows[self._wanted_dates(rows, params, begin is not None or end is not None)]
        for chosen in self._filters.chosen(params):
            rows = rows[chosen(rows)]
        rows = listed(self._catalog, options, rows, number, params)
        return self._ordered(rows, params, sorted_at(self._catalog, options, start, rows))

    def _wanted_dates(self, rows: Rows, params: Mapping[str, str], dated: bool) -> NDArray[np.bool_]:
        """includeTBA and includeTBD as observed: both default to no; setting both to `only` finds nothing; a
        search by date never returns an event without one, whatever it includes."""
        time_kind = self._columns.time_kind[rows]
        chosen = np.ones(len(rows), dtype=bool)
        for name, kind in (("includeTBA", DATE_TBA), ("includeTBD", DATE_TBD)):
            include = params.get(name, "no").lower()
            if include == "only":
                chosen &= time_kind == kind
            elif include != "yes" or dated:
                chosen &= time_kind != kind
        return chosen

    def _ordered(self, rows: Rows, params: Mapping[str, str], dates: NDArray[np.int64]) -> Found:
        sort = params.get("sort", "relevance,desc").replace(" ", "").lower()
        seeded, columns = self._catalog.seeded, self._columns
        asked = sorted((k, v) for k, v in params.items() if k not in ("page", "size", "apikey"))
        query = text_index(repr(asked))
        first, _, rest = sort.partition(",")
        if first == "date":
            keys = dates
        elif first == "id":
            keys = self._id_rank[rows]
        elif first == "onsalestartdate":
            keys = columns.day[rows].astype(np.int64)
        elif first == "venuename":
            keys = columns.venue[rows].astype(np.int64)
        elif first == "random":
            keys = np.zeros(len(rows), dtype=np.int64)
        else:  # relevance, or name, which `Found.slice` orders by
            keys = (seeded.wholes("relevance", rows) >> np.uint64(1)).astype(np.int64)
        direction: Literal["asc", "desc"] = "desc" if rest.endswith("desc") else "asc"
        if first == "name":
            return Found(rows, np.zeros(len(rows), dtype=np.int64), direction, query, seeded)
        if direction == "desc" and first != "relevance":
            keys = -keys
        order = np.argsort(keys, kind="stable")
        by_name = direction if rest.startswith("name") else None
        return Found(rows[order], keys[order], by_name, query, seeded)


def drifting_ids(catalog: Catalog, drift: float, what: Literal["drift", "moved"] = "drift") -> set[str]:
    """The ids of the events that appear or disappear with a `drift`, or that are `moved`."""
    rows = np.arange(len(catalog.concerts.ids), dtype=np.int64)
    return catalog.ids_of(rows[changed_from(catalog, rows, drift, what, 1) == 1])


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
        raise BadDate(text)
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise BadDate(text) from None
