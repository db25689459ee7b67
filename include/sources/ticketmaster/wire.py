"""The JSON of the Discovery API, as far as this project reads it; any other keys are skipped.

An absent key and `null` mean the same. Values are only decoded here.
"""

import re
from datetime import date, datetime, time
from typing import Annotated

import msgspec

from include.sources.text import text

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
YEARS = range(1980, 2099)
"""A date outside these years is a placeholder: 1900-01-01, 1970-01-01, 2099-12-31, 9999-12-31."""
_COUNTRY = re.compile(r"[A-Z]{2}")


class Wire(msgspec.Struct, rename="camel", gc=False, frozen=True):
    """An object of the API."""


class Start(Wire, frozen=True):
    local_date: date | None = None
    local_time: time | None = None
    date_time: Instant | None = None
    date_tba: bool = msgspec.field(name="dateTBA", default=False)
    date_tbd: bool = msgspec.field(name="dateTBD", default=False)
    time_tba: bool = msgspec.field(name="timeTBA", default=False)
    no_specific_time: bool = False


class InitialStart(Wire, frozen=True):
    local_date: date | None = None


class End(Wire, frozen=True):
    local_date: date | None = None


class Status(Wire, frozen=True):
    code: str | None = None


class Dates(Wire, frozen=True):
    start: Start = Start()
    end: End | None = None
    initial_start_date: InitialStart | None = None
    timezone: str | None = None
    status: Status = Status()
    span_multiple_days: bool = False


class PublicSale(Wire, frozen=True):
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None


class Sales(Wire, frozen=True):
    public: PublicSale = PublicSale()


class Named(Wire, frozen=True):
    id: str | None = None
    name: str | None = None


class Classification(Wire, frozen=True):
    primary: bool = False
    segment: Named | None = None
    genre: Named | None = None
    sub_genre: Named | None = None


class PriceRange(Wire, frozen=True):
    type: str | None = None
    currency: str | None = None
    min: float | None = None
    max: float | None = None


class State(Wire, frozen=True):
    state_code: str | None = None


class Country(Wire, frozen=True):
    country_code: str | None = None


class Location(Wire, frozen=True):
    latitude: str | float | None = None
    longitude: str | float | None = None


class Venue(Wire, frozen=True):
    """A venue, or the `place` that some events have instead."""

    id: str | None = None
    name: str | None = None
    postal_code: str | None = None
    timezone: str | None = None
    city: Named = Named()
    state: State = State()
    country: Country = Country()
    location: Location = Location()


class ExternalId(Wire, frozen=True):
    id: str | None = None


class ExternalLinks(Wire, frozen=True):
    musicbrainz: list[ExternalId] = []


class Attraction(Wire, frozen=True):
    id: str | None = None
    name: str | None = None
    external_links: ExternalLinks = ExternalLinks()


class Embedded(Wire, frozen=True):
    venues: list[Venue] = []
    attractions: list[Attraction] = []


class Event(Wire, frozen=True):
    id: str | None = None
    name: str | None = None
    url: str | None = None
    test: bool = False
    dates: Dates = Dates()
    sales: Sales = Sales()
    classifications: list[Classification] = []
    price_ranges: list[PriceRange] = []
    promoter: Named = Named()
    place: Venue | None = None
    embedded: Embedded = msgspec.field(name="_embedded", default=Embedded())


def country_code(country: Country) -> str | None:
    """The code of a country in capital letters; None if it has none that could be one."""
    code = (text(country.country_code) or "").upper()
    return code if _COUNTRY.fullmatch(code) else None
