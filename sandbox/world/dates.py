"""When each event takes place: its local date, its time of day, and the instant at which a search finds it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import exp
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from sandbox.world.event_codes import DATE_TBA, EPOCH, TIMED, UNDATED
from sandbox.world.seeded import Seeded

SLOTS = ((0.43, 1200), (0.62, 1140), (0.80, 1170), (0.86, 1260), (0.90, 1080), (0.93, 1110), (0.95, 1230),
          (0.97, 900), (0.98, 840), (0.99, 1320), (0.995, 1215), (1.0, 1125))  # fmt: skip


_WEEKDAYS = (0.5, 0.6, 0.75, 1.0, 2.1, 2.6, 1.0)


_MONTHS = (0.6, 0.8, 1.0, 1.15, 1.2, 1.2, 1.25, 1.15, 1.15, 1.25, 1.0, 0.8)


def days_of(
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


def starts(
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
