"""The JSON of the Discovery API, as far as this project reads it; any other keys are skipped.

An absent key and `null` mean the same. Values are only decoded here.
"""

import re
from datetime import date, datetime, time
from typing import Annotated, Any

import msgspec

from include.errors import UnexpectedPayload
from include.sources.nulling import KnownFields, Lenient, decoded
from include.sources.text import mended, text

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


class PageNumbers(Wire, frozen=True):
    total_elements: int | None = None
    size: Any = None


class _WithId(Wire, frozen=True):
    id: Any = None


class _Embedded(Wire, frozen=True):
    events: msgspec.Raw = msgspec.Raw(b"")


class _Page(Wire, frozen=True):
    """A page of a search."""

    page: PageNumbers | None = None
    embedded: _Embedded | None = msgspec.field(name="_embedded", default=None)


class _Document(Wire, frozen=True):
    """A page of a search or a single event, distinguished by their keys."""

    id: Any = None
    page: msgspec.Raw = msgspec.Raw(b"null")
    embedded: msgspec.Raw = msgspec.field(name="_embedded", default=msgspec.Raw(b"null"))


_event = Lenient(Event, required=("id", "name"))
_document = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_embedded = msgspec.json.Decoder(_Embedded)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_with_id = msgspec.json.Decoder(_WithId)


def events(body: bytes) -> list[msgspec.Raw]:
    """The events of a response, undecoded. Raises `UnexpectedPayload` if the response is not about events."""
    return search_page(body)[1]


def search_page(body: bytes) -> tuple[PageNumbers | None, list[msgspec.Raw]]:
    """The page numbers, if it is a page of a search, and the events of a response, undecoded.

    Both the crawl and landing read responses by this function. A page without events has no `_embedded`, or one
    that is null, empty, or without events. Raises `UnexpectedPayload` if the response is not about events; its
    `__cause__` is a `msgspec.ValidationError` unless the body is not JSON at all.
    """
    try:
        document: _Document | list[msgspec.Raw]
        try:
            document = _document.decode(body)
        except msgspec.DecodeError:
            body = mended(body)
            document = _document.decode(body)
        if isinstance(document, list):
            return None, document
        if document.id is not None:
            return None, [msgspec.Raw(body)]
        found = _listed(document.embedded)
        page = decoded(document.page)
        if page is None:
            if not found:
                raise msgspec.ValidationError("neither a page of events, nor a list, nor an event")
            return None, found
        return msgspec.convert(page, PageNumbers, strict=False), found
    except msgspec.DecodeError as error:
        raise UnexpectedPayload(f"not a response about events: {error}") from error


def _listed(embedded: msgspec.Raw) -> list[msgspec.Raw]:
    if not bytes(embedded).startswith(b"{"):
        return []
    events = bytes(_embedded.decode(embedded).events)
    if not events and decoded(embedded):
        raise msgspec.ValidationError("`_embedded` contains something other than events")
    if events.startswith(b"{"):
        return [msgspec.Raw(events)] if decoded(events) else []
    return _raws.decode(events) if events.startswith(b"[") else []


def decode_event(raw: msgspec.Raw) -> tuple[Event, tuple[str, ...]]:
    """One event, and the paths of the optional values in it that had the wrong type.

    Raises `Rejected("wrong_type")` when it is not an event, or its id or name is not a string.
    """
    return _event.decode(raw)


def country_code(country: Country) -> str | None:
    """The code of a country in capital letters; None if it has none that could be one."""
    code = (text(country.country_code) or "").upper()
    return code if _COUNTRY.fullmatch(code) else None


def id_of(raw: msgspec.Raw) -> str | None:
    """The id of an event that cannot be decoded, if it has one."""
    try:
        found = _with_id.decode(raw).id
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, str) else None


def unknown_fields(raw: msgspec.Raw) -> tuple[str, ...]:
    """The paths of the fields of an event that this release does not know."""
    return _known.unknown(raw)


def unknown_page_fields(body: bytes) -> tuple[str, ...]:
    """The paths of the fields beside the events of a page of a search that this release does not know."""
    try:
        document = _document.decode(body)
    except msgspec.DecodeError:  # `events` says what is wrong
        return ()
    if isinstance(document, list) or decoded(document.page) is None:
        return ()
    return _known_beside.unknown(body)


_known_beside = KnownFields(_Page, {_Page: "_links", PageNumbers: "totalPages number"})
_known = KnownFields(
    Event,
    {
        Event: "type locale images description info pleaseNote additionalInfo promoters seatmap ticketLimit "
        "ageRestrictions accessibility ticketing products outlets doorsTimes nameOrigin code distance units "
        "location score externalLinks aliases localizedAliases rank _links",
        Dates: "end access doorsTimes displayOptions",
        Start: "dateTBA dateTBD",
        InitialStart: "localTime dateTime",
        Sales: "presales",
        PublicSale: "startTBD startTBA",
        Status: "",
        Named: "description _links locale stateCode",
        Classification: "type subType family",
        PriceRange: "",
        State: "name",
        Country: "name",
        Location: "",
        Venue: "type url locale images description additionalInfo test aliases localizedAliases address area "
        "markets dmas boxOfficeInfo parkingDetail generalInfo accessibleSeatingDetail ada social "
        "upcomingEvents externalLinks ticketing distance units nameOrigin currency classifications source "
        "_links _embedded",
        Attraction: "type url locale images description additionalInfo test aliases localizedAliases "
        "classifications upcomingEvents nameOrigin source target_language _links",
        Embedded: "promoters",
    },
    # Which sites an attraction links to does not matter here.
    open_kinds=(ExternalLinks, ExternalId),
)
