"""Searches a catalogue's events with the parameters and semantics of Ticketmaster's events.json."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.ticketmaster.oddities import Oddities, changed_from, found_at, listed, sorted_at
from sandbox.world.catalog import Catalog
from sandbox.world.classifications import STYLES, Style
from sandbox.world.concerts import SOURCES
from sandbox.world.event_codes import DATE_TBA, DATE_TBD, UNDATED
from sandbox.world.seeded import Seeded, text_index
from sandbox.world.venues import Venue

Rows = NDArray[np.int64]
Filter = Callable[[Rows], NDArray[np.bool_]]


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
        for chosen in self._filters(params):
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

    @lru_cache(maxsize=256)  # noqa: B019 - a search lives as long as its process
    def _venues_that_fit(self, name: str, text: str) -> NDArray[np.bool_]:
        wanted = _listed(text)
        return np.array(
            [_VENUE_FILTERS[name](self._catalog, venue, wanted) for venue in self._catalog.venues]
        )

    def _filters(self, params: Mapping[str, str]) -> list[Filter]:
        columns = self._columns
        chosen: list[Filter] = []
        for name in _VENUE_FILTERS:
            if params.get(name):
                chosen.append(_lookup(self._venues_that_fit(name, params[name]), columns.venue))
        for name, (primary, matches_style) in _STYLE_FILTERS.items():
            if wanted := _listed(params.get(name)):
                fits = np.array(
                    [matches_style(style, wanted) for style in STYLES] + [False]
                )  # second style -1: none
                chosen.append(
                    _lookup(fits, columns.style)
                    if primary
                    else _either(fits, columns.style, columns.second_style)
                )
        if wanted := _listed(params.get("source")):
            sources = np.array([source in wanted for source in SOURCES])
            chosen.append(_lookup(sources, columns.source))
        if given := params.get("attractionId"):
            numbers = [
                self._catalog.attractions.numbered(identifier.strip()) for identifier in given.split(",")
            ]
            places = np.isin(columns.lineup, [n for n in numbers if n is not None])
            billed = (
                np.bincount(
                    np.searchsorted(columns.bounds, np.nonzero(places)[0], side="right") - 1,
                    minlength=len(columns.ids),
                )
                > 0
            )
            chosen.append(lambda rows: billed[rows])
        if given := params.get("id"):
            with_id = [
                row for identifier in given.split(",") if (row := self.row_of(identifier.strip())) is not None
            ]
            chosen.append(lambda rows: np.isin(rows, with_id))
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


def _lookup(fits: NDArray[np.bool_], column: NDArray[Any]) -> Filter:
    return lambda rows: fits[column[rows]]


def _either(fits: NDArray[np.bool_], first: NDArray[Any], second: NDArray[Any]) -> Filter:
    return lambda rows: fits[first[rows]] | fits[second[rows]]


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
        raise BadDate(text)
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise BadDate(text) from None


def _listed(text: str | None) -> set[str]:
    return {part.strip().casefold() for part in text.split(",") if part.strip()} if text else set()


def _in_dmas(catalog: Catalog, venue: Venue, wanted: set[str]) -> bool:
    return catalog.in_dma(venue.index) and any(str(dma) in wanted for dma in venue.city.dmas)


def _in_markets(catalog: Catalog, venue: Venue, wanted: set[str]) -> bool:
    return catalog.in_market(venue.index) and any(number in wanted for number, _ in venue.city.markets)


_VENUE_FILTERS: dict[str, Callable[[Catalog, Venue, set[str]], bool]] = {
    "countryCode": lambda catalog, venue, wanted: venue.city.country_code.casefold() in wanted,
    "stateCode": lambda catalog, venue, wanted: venue.city.state_code.casefold() in wanted,
    "city": lambda catalog, venue, wanted: venue.city.name.casefold() in wanted,
    "postalCode": lambda catalog, venue, wanted: venue.city.postal_code.casefold() in wanted,
    "venueId": lambda catalog, venue, wanted: venue.id.casefold() in wanted,
    "dmaId": _in_dmas,
    "marketId": _in_markets,
}


def _names(style: Style) -> set[str]:
    return {name.casefold() for name in (style.segment, style.genre, style.sub_genre) if name}


def _ids(style: Style) -> set[str]:
    return {
        identifier.casefold()
        for identifier in (style.segment_id, style.genre_id, style.sub_genre_id)
        if identifier
    }


# Whether only an event's primary classification counts, and which styles match. That the segment must be the
# primary one's, and a genre may be any one's, is inferred: classificationName=music was seen to return events
# of other segments.
_STYLE_FILTERS: dict[str, tuple[bool, Callable[[Style, set[str]], bool]]] = {
    "segmentId": (True, lambda style, wanted: style.segment_id.casefold() in wanted),
    "segmentName": (True, lambda style, wanted: style.segment.casefold() in wanted),
    "genreId": (False, lambda style, wanted: (style.genre_id or "-").casefold() in wanted),
    "subGenreId": (False, lambda style, wanted: (style.sub_genre_id or "-").casefold() in wanted),
    "classificationId": (False, lambda style, wanted: bool(_ids(style) & wanted)),
    "classificationName": (False, lambda style, wanted: bool(_names(style) & wanted)),
}
