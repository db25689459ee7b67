"""Every event of the catalogue as columns: who plays where and when. 230,000 events take about 20 MB.

One row per Ticketmaster event, tour by tour. What no search needs (images, prices, promoters) is generated
only when an event is rendered (sandbox/ticketmaster/event_json.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sandbox.world.dates import SLOTS, days_of, starts
from sandbox.world.event_codes import (
    CO_BILL,
    DATE_TBA,
    DATE_TBD,
    FESTIVAL,
    NO_SPECIFIC_TIME,
    NOBODY,
    OTHER_SEGMENT,
    PACKAGE,
    TIME_TBA,
    TIMED,
    TOUR,
    TRIBUTE,
)
from sandbox.world.lineups import Cast, lineups, share_lineups, tours
from sandbox.world.places import City
from sandbox.world.seeded import Seeded, picked

_SOURCES = (  # share, prefix and length of ids, source
    (0.52, b"G5", 13, "ticketmaster"),
    (0.69, b"vv", 14, "ticketmaster"),
    (0.80, b"Z7r9jZ1", 18, "tmr"),
    (0.87, b"1A", 15, "ticketmaster"),
    (0.93, b"rZ7HnEZ1", 21, "universe"),
    (0.97, b"k7", 13, "ticketmaster"),
    (1.00, b"Lv", 16, "frontgate"),
)
SOURCES = tuple(source for _, _, _, source in _SOURCES)
_DIGITS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8)


@dataclass(frozen=True)
class Concerts:
    """Columns, one row per event; `lineup[bounds[e]:bounds[e + 1]]` are the attractions of event e."""

    ids: NDArray[np.bytes_]
    kind: NDArray[np.int8]
    headliner: NDArray[np.int32]
    venue: NDArray[np.int32]
    day: NDArray[np.int32]
    minute: NDArray[np.int16]
    time_kind: NDArray[np.int8]
    start: NDArray[np.int64]
    status: NDArray[np.int8]
    source: NDArray[np.int8]
    style: NDArray[np.int16]
    second_style: NDArray[np.int16]
    lineup: NDArray[np.int32]
    bounds: NDArray[np.int64]


def plan(
    seeded: Seeded,
    cast: Cast,
    partners: NDArray[np.int32],
    famous: Sequence[int],
    styles: NDArray[np.int16],
    style_counts: tuple[int, int],
    venue_cities: Sequence[City],
    big_venues: NDArray[np.bool_],
    country_weights: dict[str, float],
    concerts: int,
    others: int,
    days: int,
    today: date,
) -> Concerts:
    """Columns for `concerts` Music events and `others` events of other segments.

    `famous` artists are in the charts, and 72 % of them tour with 5 to 60 dates; `styles` is each artist's
    style; `style_counts` is the number of Music styles and the number of all styles.
    """
    count = concerts + others
    every = np.arange(count, dtype=np.int64)
    kind = _kinds(seeded, every, concerts)
    headliner = np.full(count, -1, dtype=np.int32)
    touring = (kind == TOUR) | (kind == CO_BILL)
    headliner[touring] = tours(seeded, cast.artists, famous, int(touring.sum()))
    tributes = kind == TRIBUTE
    headliner[tributes] = (
        seeded.wholes("tribute to", every[tributes]) % np.uint64(min(cast.artists, 200))
    ).astype(np.int32)
    festivals = kind == FESTIVAL
    headliner[festivals] = cast.first_festival + (
        seeded.wholes("festival", every[festivals]) % np.uint64(cast.festivals)
    ).astype(np.int32)

    by_artist = (headliner >= 0) & (headliner < cast.artists)
    big = big_venues.any() & (
        (by_artist & (headliner < 250) & (seeded.units("arena", every) < 0.8)) | festivals
    )
    venue = _venues(seeded, every, venue_cities, big_venues, big, country_weights)
    day = days_of(seeded, every, headliner, days, today)
    minute = picked(seeded.units("minute", every), SLOTS).astype(np.int16)
    minute[festivals] = 720
    time_kind = picked(
        seeded.units("time kind", every),
        ((0.95, TIMED), (0.98, TIME_TBA), (0.99, NO_SPECIFIC_TIME), (0.998, DATE_TBA), (1.0, DATE_TBD)),
    ).astype(np.int8)
    status = picked(
        seeded.units("status", every), ((0.85, 0), (0.93, 1), (0.97, 2), (0.99, 3), (1.0, 0))
    ).astype(np.int8)
    undated = time_kind >= DATE_TBA
    status[undated] = np.where(seeded.units("postponed", every[undated]) < 0.7, 4, 0)
    source = picked(seeded.units("source", every), [(s[0], i) for i, s in enumerate(_SOURCES)]).astype(
        np.int8
    )

    music, all_styles = style_counts
    style = (seeded.wholes("style", every) % np.uint64(music)).astype(np.int16)
    style[by_artist] = styles[headliner[by_artist]]
    other = kind == OTHER_SEGMENT
    style[other] = music + (seeded.wholes("style", every[other]) % np.uint64(all_styles - music)).astype(
        np.int16
    )
    second = np.where(
        seeded.units("second style", every) < np.where(other, 0.5, 0.3),
        seeded.wholes("second", every) % np.uint64(music), 0,
    ).astype(np.int16)  # fmt: skip
    second[seeded.units("second style", every) >= np.where(other, 0.5, 0.3)] = -1

    lineup, bounds = lineups(seeded, cast, partners, kind, headliner)
    original = np.maximum.accumulate(np.where(kind == TOUR, every, -1))
    package = (kind == PACKAGE) & (original >= 0)
    for column in (headliner, venue, day, minute, time_kind, style, second):
        column[package] = column[original[package]]
    status[package & (time_kind < DATE_TBA)] = 0
    status[package & (time_kind >= DATE_TBA)] = 4
    lineup, bounds = share_lineups(lineup, bounds, np.where(package, original, every))

    start = starts(seeded, every, [city.timezone for city in venue_cities], venue, day, minute, time_kind)
    return Concerts(
        _ids(seeded, every, source), kind, headliner, venue, day, minute, time_kind, start, status, source,
        style, second, lineup, bounds,
    )  # fmt: skip


def _kinds(seeded: Seeded, every: NDArray[np.int64], concerts: int) -> NDArray[np.int8]:
    kind = picked(
        seeded.units("kind", every),
        ((0.81, TOUR), (0.92, NOBODY), (0.935, FESTIVAL), (0.955, CO_BILL), (0.973, TRIBUTE), (1.0, PACKAGE)),
    ).astype(np.int8)
    kind[concerts:] = OTHER_SEGMENT
    return kind


def _venues(
    seeded: Seeded,
    every: NDArray[np.int64],
    cities: Sequence[City],
    big_venues: NDArray[np.bool_],
    big: NDArray[np.bool_],
    country_weights: dict[str, float],
) -> NDArray[np.int32]:
    """A venue per event, drawn so that countries, and cities within a country, get their shares."""
    in_city: dict[tuple[str, str], int] = {}
    for city in cities:
        in_city[city.country_code, city.name] = in_city.get((city.country_code, city.name), 0) + 1
    totals = {
        code: sum(c.weight / in_city[c.country_code, c.name] for c in cities if c.country_code == code)
        for code in country_weights
    }
    weights = np.array([
        country_weights[c.country_code] / totals[c.country_code] * c.weight / in_city[c.country_code, c.name]
        for c in cities
    ])  # fmt: skip
    drawn = seeded.units("venue", every)
    venue = np.empty(len(every), dtype=np.int32)
    for chosen, odds in ((big, weights * big_venues), (~big, weights)):
        cumulative = np.cumsum(odds)
        if cumulative[-1] > 0:
            venue[chosen] = np.searchsorted(cumulative / cumulative[-1], drawn[chosen], side="right").clip(
                max=len(odds) - 1
            )
    return venue


def _ids(seeded: Seeded, every: NDArray[np.int64], source: NDArray[np.int8]) -> NDArray[np.bytes_]:
    """Ids in Ticketmaster's form: 13 to 21 characters of [A-Za-z0-9_-], case-sensitive, all distinct."""
    unique, filling = seeded.wholes("id", every), seeded.wholes("id filling", every)
    ids = np.zeros((len(every), 21), dtype=np.uint8)
    for number, (_, prefix, length, _) in enumerate(_SOURCES):
        rows = source == number
        ids[rows, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
        for place in range(length - len(prefix)):
            digits, shift = (unique, 6 * place) if place < 11 else (filling, 6 * (place - 11))
            ids[rows, len(prefix) + place] = _DIGITS[
                ((digits[rows] >> np.uint64(shift)) & np.uint64(63)).astype(np.int64)
            ]
    viewed: NDArray[np.bytes_] = ids.view("S21").reshape(-1)
    return viewed
