"""The responses of the Discovery API: a page of a search, a list of events, or a single event."""

from typing import Any

import msgspec

from include.errors import UnexpectedPayload
from include.sources.nulling import KnownFields, Lenient, decoded
from include.sources.text import mended
from include.sources.ticketmaster.wire import Event, Wire


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


class _EventList(Wire, frozen=True):
    events: list[msgspec.Raw]


class _UsualPage(Wire, frozen=True):
    """A page of a search as almost all are: decoded in one pass, without copying its events."""

    page: msgspec.Raw
    embedded: _EventList = msgspec.field(name="_embedded")
    id: None = None


class _Document(Wire, frozen=True):
    """A page of a search or a single event, distinguished by their keys."""

    id: Any = None
    page: msgspec.Raw = msgspec.Raw(b"null")
    embedded: msgspec.Raw = msgspec.field(name="_embedded", default=msgspec.Raw(b"null"))


_event = Lenient(Event, required=("id", "name"))
_usual_page = msgspec.json.Decoder(_UsualPage)
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
        try:
            usual = _usual_page.decode(body)
        except msgspec.DecodeError:
            return _any_body(body)
        return _numbers(usual.page, usual.embedded.events), usual.embedded.events
    except msgspec.DecodeError as error:
        raise UnexpectedPayload(f"not a response about events: {error}") from error


def _any_body(body: bytes) -> tuple[PageNumbers | None, list[msgspec.Raw]]:
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
    return _numbers(document.page, found), found


def _numbers(page: msgspec.Raw, found: list[msgspec.Raw]) -> PageNumbers | None:
    numbers = decoded(page)
    if numbers is None:
        if not found:
            raise msgspec.ValidationError("neither a page of events, nor a list, nor an event")
        return None
    return msgspec.convert(numbers, PageNumbers, strict=False)


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


def id_of(raw: msgspec.Raw) -> str | None:
    """The id of an event that cannot be decoded, if it has one."""
    try:
        found = _with_id.decode(raw).id
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, str) else None


def unknown_page_fields(body: bytes) -> tuple[str, ...]:
    """The paths of the fields beside the events of a page of a search that this release does not know."""
    try:
        unknown = _known_beside.unknown(body)
        document = _document.decode(body) if unknown else None
    except msgspec.DecodeError:  # `events` says what is wrong
        return ()
    is_page = isinstance(document, _Document) and decoded(document.page) is not None
    return unknown if is_page else ()


_known_beside = KnownFields(_Page, {_Page: "_links", PageNumbers: "totalPages number"})
