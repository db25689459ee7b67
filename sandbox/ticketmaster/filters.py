"""Which events the parameters of a search choose, apart from its dates."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.world.catalog import Catalog
from sandbox.world.classifications import STYLES, Style
from sandbox.world.concerts import SOURCES
from sandbox.world.venues import Venue

Rows = NDArray[np.int64]
Filter = Callable[[Rows], NDArray[np.bool_]]


class Filters:
    """The filters of one catalogue; `row_of` finds an event by its id."""

    def __init__(self, catalog: Catalog, row_of: Callable[[str], int | None]) -> None:
        self._catalog = catalog
        self._columns = catalog.concerts
        self._row_of = row_of

    @lru_cache(maxsize=256)  # noqa: B019 - a search lives as long as its process
    def _venues_that_fit(self, name: str, text: str) -> NDArray[np.bool_]:
        wanted = _listed(text)
        return np.array(
            [_VENUE_FILTERS[name](self._catalog, venue, wanted) for venue in self._catalog.venues]
        )

    def chosen(self, params: Mapping[str, str]) -> list[Filter]:
        """The filters that a search asks for."""
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
                row
                for identifier in given.split(",")
                if (row := self._row_of(identifier.strip())) is not None
            ]
            chosen.append(lambda rows: np.isin(rows, with_id))
        return chosen


def _lookup(fits: NDArray[np.bool_], column: NDArray[Any]) -> Filter:
    return lambda rows: fits[column[rows]]


def _either(fits: NDArray[np.bool_], first: NDArray[Any], second: NDArray[Any]) -> Filter:
    return lambda rows: fits[first[rows]] | fits[second[rows]]


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
