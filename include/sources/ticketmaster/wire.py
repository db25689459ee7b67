"""The JSON of the Discovery API as far as this project reads it; keys it does not name are skipped unread.

An absent key and `null` mean the same. Nothing is cleaned here.
"""

from datetime import date, datetime, time
from typing import Annotated, Any

import msgspec

from include.errors import UnexpectedPayload
from include.sources.rows import Rejected

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Wire(msgspec.Struct, rename="camel", gc=False, frozen=True):
    """An object of the API."""


class Start(_Wire, frozen=True):
    local_date: date | None = None
    local_time: time | None = None
    date_time: Instant | None = None
    date_tba: bool = msgspec.field(name="dateTBA", default=False)
    date_tbd: bool = msgspec.field(name="dateTBD", default=False)
    time_tba: bool = msgspec.field(name="timeTBA", default=False)
    no_specific_time: bool = False


class InitialStart(_Wire, frozen=True):
    local_date: date | None = None


class End(_Wire, frozen=True):
    local_date: date | None = None


class Status(_Wire, frozen=True):
    code: str | None = None


class Dates(_Wire, frozen=True):
    start: Start = Start()
    end: End | None = None
    initial_start_date: InitialStart | None = None
    timezone: str | None = None
    status: Status = Status()
    span_multiple_days: bool = False


class PublicSale(_Wire, frozen=True):
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None


class Sales(_Wire, frozen=True):
    public: PublicSale = PublicSale()


class Named(_Wire, frozen=True):
    id: str | None = None
    name: str | None = None


class Classification(_Wire, frozen=True):
    primary: bool = False
    segment: Named | None = None
    genre: Named | None = None
    sub_genre: Named | None = None


class PriceRange(_Wire, frozen=True):
    type: str | None = None
    currency: str | None = None
    min: float | None = None
    max: float | None = None


class State(_Wire, frozen=True):
    state_code: str | None = None


class Country(_Wire, frozen=True):
    country_code: str | None = None


class Location(_Wire, frozen=True):
    latitude: str | float | None = None
    longitude: str | float | None = None


class Venue(_Wire, frozen=True):
    """A venue, or the `place` an event has instead of one."""

    id: str | None = None
    name: str | None = None
    postal_code: str | None = None
    timezone: str | None = None
    city: Named = Named()
    state: State = State()
    country: Country = Country()
    location: Location = Location()


class ExternalId(_Wire, frozen=True):
    id: str | None = None


class ExternalLinks(_Wire, frozen=True):
    musicbrainz: list[ExternalId] = []


class Attraction(_Wire, frozen=True):
    id: str | None = None
    name: str | None = None
    external_links: ExternalLinks = ExternalLinks()


class Embedded(_Wire, frozen=True):
    venues: list[Venue] = []
    attractions: list[Attraction] = []


class Event(_Wire, frozen=True):
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


class EmbeddedEvents(_Wire, frozen=True):
    events: list[msgspec.Raw] | None = None


class _Document(_Wire, frozen=True):
    """A page of a search, or a single event; told apart by their keys."""

    id: Any = None
    page: Any = None
    embedded: EmbeddedEvents | None = msgspec.field(name="_embedded", default=None)


class _WithId(_Wire, frozen=True):
    id: Any = None


_event = msgspec.json.Decoder(Event)
_document = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_with_id = msgspec.json.Decoder(_WithId)


def events(body: bytes) -> list[msgspec.Raw]:
    """The events of a response, undecoded. Raises `UnexpectedPayload` if it is no response about events."""
    try:
        document: _Document | list[msgspec.Raw] = _document.decode(body)
    except msgspec.DecodeError as error:
        raise UnexpectedPayload(f"not a response about events: {error}") from None
    if isinstance(document, list):
        return document
    if document.id is not None:
        return [msgspec.Raw(body)]
    if document.embedded is not None and document.embedded.events is not None:
        return document.embedded.events
    if document.embedded is None and document.page is not None:
        return []
    raise UnexpectedPayload("not a response about events: neither a page of events, nor a list, nor an event")


def decode_event(raw: msgspec.Raw) -> Event:
    """One event. Raises `Rejected("wrong_type")` when a value has another type than expected."""
    try:
        return _event.decode(raw)
    except msgspec.DecodeError:
        pass
    try:
        return msgspec.convert(_without_nulls(msgspec.json.decode(raw)), Event)
    except msgspec.DecodeError as error:
        raise Rejected("wrong_type", str(error)) from None


def id_of(raw: msgspec.Raw) -> str | None:
    """The id of an event that does not decode, if it has one."""
    try:
        found = _with_id.decode(raw).id
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, str) else None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
