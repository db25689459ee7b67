"""The catalogue as changed by options: with a crowd, with venues abroad, or with every event on a new date."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from sandbox.ticketmaster.oddities import MOVED_DAYS, Oddities
from sandbox.world.catalog import Catalog
from sandbox.world.concerts import Concerts
from sandbox.world.event_codes import EPOCH, TIMED, UNDATED
from sandbox.world.rare_states import RARE_STATES
from sandbox.world.venues import Venue


def crowded(catalog: Catalog, options: Oddities) -> Catalog:
    """The catalogue with a crowd at 01:00 UTC on the 31st day.

    Raises `ValueError` if it is to be spread over more states than the first country has.
    """
    if not options.crowd:
        return catalog
    country = next(iter(catalog.countries))
    columns = catalog.concerts
    rows = catalog.events(country, dated=True)[: options.crowd]
    venues = {v.city.state_code: v.index for v in catalog.venues if v.city.country_code == country}
    if country == "US" and options.crowd_states > len(venues):
        first = len(catalog.venues)
        rare = [
            Venue(n, f"KovZpZArare{n}", f"{c.name} Hall", c, True) for n, c in enumerate(RARE_STATES, first)
        ]
        catalog = copy.copy(catalog)
        catalog.venues = [*catalog.venues, *rare]
        venues |= {venue.city.state_code: venue.index for venue in rare}
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
    for cached in ("upcoming", "upcoming_at", "venue_countries"):
        changed.__dict__.pop(cached, None)
    return changed
