"""Every event of the catalogue as columns: who plays where and when. 230,000 events take about 20 MB.

One row per Ticketmaster event, tour by tour. What no search needs (images, prices, promoters) is generated
only when an event is rendered (sandbox/ticketmaster/event_json.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import exp
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sandbox.world.places import City
from sandbox.world.seeded import Seeded

TOUR, NOBODY, FESTIVAL, CO_BILL, TRIBUTE, PACKAGE, OTHER_SEGMENT = range(7)
"""Kinds of event: an artist's concert; one without attractions; a festival; two headliners billed as one
attraction; a tribute act; VIP packages for the concert before it; not Music."""
TIMED, TIME_TBA, NO_SPECIFIC_TIME, DATE_TBA, DATE_TBD = range(5)
"""How precisely the start is known. The last two have no date at all."""
STATUSES = ("onsale", "offsale", "rescheduled", "cancelled", "postponed")
UNDATED = np.iinfo(np.int64).max
"""The start of an event without a date."""
EPOCH = date(1970, 1, 1)

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
_SLOTS = ((0.43, 1200), (0.62, 1140), (0.80, 1170), (0.86, 1260), (0.90, 1080), (0.93, 1110), (0.95, 1230),
          (0.97, 900), (0.98, 840), (0.99, 1320), (0.995, 1215), (1.0, 1125))  # fmt: skip
_WEEKDAYS = (0.5, 0.6, 0.75, 1.0, 2.1, 2.6, 1.0)
_MONTHS = (0.6, 0.8, 1.0, 1.15, 1.2, 1.2, 1.25, 1.15, 1.15, 1.25, 1.0, 0.8)


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


@dataclass(frozen=True)
class Cast:
    """How attractions are numbered: artists from 0 in order of popularity, then one co-bill, one tribute act and
    one namesake for each artist, then festivals, then nameless ones ("Special Guest")."""

    artists: int
    festivals: int
    nameless: int

    @property
    def co_bills(self) -> int:
        return self.artists

    @property
    def tributes(self) -> int:
        return 2 * self.artists

    @property
    def namesakes(self) -> int:
        return 3 * self.artists

    @property
    def first_festival(self) -> int:
        return 4 * self.artists

    @property
    def first_nameless(self) -> int:
        return self.first_festival + self.festivals

    @property
    def size(self) -> int:
        return self.first_nameless + self.nameless


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
    headliner[touring] = _tours(seeded, cast.artists, famous, int(touring.sum()))
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
    day = _days(seeded, every, headliner, days, today)
    minute = _pick(seeded.units("minute", every), _SLOTS).astype(np.int16)
    minute[festivals] = 720
    time_kind = _pick(
        seeded.units("time kind", every),
        ((0.95, TIMED), (0.98, TIME_TBA), (0.99, NO_SPECIFIC_TIME), (0.998, DATE_TBA), (1.0, DATE_TBD)),
    ).astype(np.int8)
    status = _pick(
        seeded.units("status", every), ((0.85, 0), (0.93, 1), (0.97, 2), (0.99, 3), (1.0, 0))
    ).astype(np.int8)
    undated = time_kind >= DATE_TBA
    status[undated] = np.where(seeded.units("postponed", every[undated]) < 0.7, 4, 0)
    source = _pick(seeded.units("source", every), [(s[0], i) for i, s in enumerate(_SOURCES)]).astype(np.int8)

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

    lineup, bounds = _lineups(seeded, cast, partners, kind, headliner)
    original = np.maximum.accumulate(np.where(kind == TOUR, every, -1))
    package = (kind == PACKAGE) & (original >= 0)
    for column in (headliner, venue, day, minute, time_kind, style, second):
        column[package] = column[original[package]]
    status[package & (time_kind < DATE_TBA)] = 0
    status[package & (time_kind >= DATE_TBA)] = 4
    lineup, bounds = _share_lineups(lineup, bounds, np.where(package, original, every))

    start = _starts(seeded, every, [city.timezone for city in venue_cities], venue, day, minute, time_kind)
    return Concerts(
        _ids(seeded, every, source), kind, headliner, venue, day, minute, time_kind, start, status, source,
        style, second, lineup, bounds,
    )  # fmt: skip


def _pick(drawn: NDArray[np.float64], choices: Sequence[tuple[float, int]]) -> NDArray[np.int64]:
    """For each draw, the first choice whose cumulative share is above it."""
    shares, values = np.array([share for share, _ in choices]), np.array([value for _, value in choices])
    picked: NDArray[np.int64] = values[np.searchsorted(shares, drawn, side="right").clip(max=len(values) - 1)]
    return picked


def _kinds(seeded: Seeded, every: NDArray[np.int64], concerts: int) -> NDArray[np.int8]:
    kind = _pick(
        seeded.units("kind", every),
        ((0.81, TOUR), (0.92, NOBODY), (0.935, FESTIVAL), (0.955, CO_BILL), (0.973, TRIBUTE), (1.0, PACKAGE)),
    ).astype(np.int8)
    kind[concerts:] = OTHER_SEGMENT
    return kind


def _tours(seeded: Seeded, artists: int, famous: Sequence[int], wanted: int) -> NDArray[np.int32]:
    """The headliners of `wanted` concerts: first the famous artists who tour, then others in random order."""
    every = np.arange(artists, dtype=np.int64)
    drawn = seeded.units("tour length", every)
    lengths = 1 + (25 * drawn**2.5).astype(np.int64)
    charting = np.array(sorted(famous), dtype=np.int64)
    lengths[charting] = np.where(
        seeded.units("tours", charting) < 0.72, 5 + (56 * drawn[charting] ** 2).astype(np.int64), 0
    )
    rest = np.setdiff1d(every, charting)
    order = np.concatenate((charting, rest[np.argsort(seeded.wholes("tour order", rest))]))
    short = wanted - int(lengths.sum())
    if short > 0 and len(rest):
        lengths[rest] += -(-short // len(rest))
    elif short > 0:
        lengths += -(-short // artists)
    return np.repeat(order, lengths[order])[:wanted].astype(np.int32)


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


def _days(
    seeded: Seeded, every: NDArray[np.int64], headliner: NDArray[np.int32], days: int, today: date
) -> NDArray[np.int32]:
    """A local date (days since 1970) per event, within `days` from tomorrow for all but 0.5 %. Hardly any
    headliner plays twice on a day."""
    dates = [today + timedelta(days=1 + offset) for offset in range(days)]
    weights = np.array([
        _WEEKDAYS[d.weekday()] * _MONTHS[d.month - 1] * (8 if _peak(d) else 1) * (0.25 + exp(-offset / 130))
        for offset, d in enumerate(dates)
    ])  # fmt: skip
    cumulative = np.cumsum(weights) / weights.sum()
    day = (
        np.searchsorted(cumulative, seeded.units("day", every), side="right")
        .clip(max=days - 1)
        .astype(np.int64)
    )
    for attempt in range(6):
        taken = headliner.astype(np.int64) * 4096 + day
        order = np.lexsort((every, taken))
        again = np.zeros(len(every), dtype=bool)
        again[order[1:]] = taken[order[1:]] == taken[order[:-1]]
        again &= headliner >= 0
        if not again.any():
            break
        drawn = seeded.units(f"day {attempt}", every[again])
        day[again] = np.searchsorted(cumulative, drawn, side="right").clip(max=days - 1)
    late = seeded.units("beyond", every) > 0.995
    day[late] = days + (seeded.units("late", every[late]) * 200).astype(np.int64)
    absolute = day + 1 + (today - EPOCH).days
    absolute[seeded.units("beyond", every) > 0.9999] = (date(2038, 1, 1) - EPOCH).days
    return absolute.astype(np.int32)


def _peak(day: date) -> bool:
    """Whether it is one of the busiest evenings: New Year's Eve, or the Saturday by Hallowe'en or midsummer."""
    saturday = day.weekday() == 5
    return (day.month, day.day) == (12, 31) or (
        saturday and ((day.month == 10 and day.day >= 25) or (day.month == 6 and 20 <= day.day <= 26))
    )


def _starts(
    seeded: Seeded,
    every: NDArray[np.int64],
    timezones: Sequence[str],
    venue: NDArray[np.int32],
    day: NDArray[np.int32],
    minute: NDArray[np.int16],
    time_kind: NDArray[np.int8],
) -> NDArray[np.int64]:
    """Seconds since 1970 (UTC) at which a search finds each event.

    An event without a time is found at an undisclosed moment between 17:00 and midnight, venue-local time;
    one without a date is not found by date at all (`UNDATED`).
    """
    zones = sorted(set(timezones))
    zone_of_venue = np.array([zones.index(name) for name in timezones])
    first, last = int(day.min()), int(day[day < (date(2038, 1, 1) - EPOCH).days].max(initial=int(day.min())))
    evening = [
        datetime.combine(EPOCH, datetime.min.time(), UTC) + timedelta(days=d, hours=21)
        for d in range(first, last + 1)
    ]
    offsets = np.array([
        [(moment.astimezone(ZoneInfo(name)).utcoffset() or timedelta()).total_seconds() for moment in evening]
        for name in zones
    ], dtype=np.int64)  # fmt: skip
    offset = offsets[zone_of_venue[venue], (day - first).clip(max=last - first)]
    unstated = 17 * 3600 + (seeded.units("unstated time", every) * 7 * 3600).astype(np.int64)
    of_day = np.where(time_kind == TIMED, minute.astype(np.int64) * 60, unstated)
    start: NDArray[np.int64] = day.astype(np.int64) * 86400 + of_day - offset
    start[time_kind >= DATE_TBA] = UNDATED
    return start


def _lineups(
    seeded: Seeded,
    cast: Cast,
    partners: NDArray[np.int32],
    kind: NDArray[np.int8],
    headliner: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The attractions of every event, headliner first, each at most once."""
    every = np.arange(len(kind), dtype=np.int64)
    billed = (kind == TOUR) | (kind == FESTIVAL) | (kind == CO_BILL) | (kind == TRIBUTE)
    drawn = seeded.units("support", every)
    extra = _pick(drawn, ((0.60, 0), (0.79, 1), (0.91, 2), (0.97, 3), (0.99, 4), (1.0, 5)))
    extra[kind == CO_BILL] = 2
    extra[kind == FESTIVAL] = 4 + (drawn[kind == FESTIVAL] * 10).astype(np.int64)
    size = np.where(billed, 1 + extra, 0)
    bounds = np.concatenate(([0], np.cumsum(size)))
    event = np.repeat(every, size)
    position = np.arange(bounds[-1]) - bounds[event]
    place = event * 16 + position
    popular = (cast.artists * seeded.units("supporting artist", place) ** 1.6).astype(np.int64)
    nameless = seeded.units("nameless", place) < 0.006
    who = np.where(nameless, cast.first_nameless + place % cast.nameless, popular)
    lead, what = headliner[event].astype(np.int64), kind[event]
    namesake = (seeded.units("namesake", lead) < 0.004) & (lead >= 0) & (lead < cast.artists)
    who = np.where(position == 0, np.where(namesake, cast.namesakes + lead, lead), who)
    who = np.where((what == TRIBUTE) & (position == 0), cast.tributes + lead, who)
    pair = what == CO_BILL
    who = np.where(pair & (position == 0), cast.co_bills + lead, who)
    who = np.where(pair & (position == 1), lead, who)
    who = np.where(pair & (position == 2), partners[np.where(pair, lead, 0)], who)
    order = np.lexsort((position, who, event))
    repeated = np.zeros(len(who), dtype=bool)
    repeated[order[1:]] = (who[order[1:]] == who[order[:-1]]) & (event[order[1:]] == event[order[:-1]])
    kept = ~repeated
    bounds = np.concatenate(([0], np.cumsum(np.bincount(event[kept], minlength=len(kind)))))
    return who[kept].astype(np.int32), bounds.astype(np.int64)


def _share_lineups(
    lineup: NDArray[np.int32], bounds: NDArray[np.int64], same_as: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The lineups in which event e has the lineup of event `same_as[e]`."""
    size = (bounds[1:] - bounds[:-1])[same_as]
    new = np.concatenate(([0], np.cumsum(size)))
    within = np.arange(new[-1]) - np.repeat(new[:-1], size)
    return lineup[np.repeat(bounds[:-1][same_as], size) + within], new.astype(np.int64)


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
