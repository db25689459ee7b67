"""How the Discovery API's event search is requested, and what its responses mean.

Only Music events are requested, by the segment's id, because its name is localised. The filters are inclusive at
both ends and accept whole seconds only.
"""

import hashlib
import sys
from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from include.errors import QuotaSpent, SourceRejected, UnexpectedPayload
from include.sources.client.messages import Request, Response, Retry, is_temporary
from include.sources.nulling import Lenient
from include.sources.rows import Rejected
from include.sources.text import text
from include.sources.ticketmaster import wire
from include.sources.ticketmaster.bodies import search_page
from include.sources.ticketmaster.windows import PAGE, Page, Sighting, Window

CONNECTION = "ticketmaster"
KEY_PARAMETER = "apikey"
_PATH = "/discovery/v2/events.json"
_TOO_DEEP = ("DIS1024", "DIS1035")
"""Error codes of a page beyond the 1,000th event."""
_MOST_EVENTS = 10**9
"""A total above this is not a number of events."""
_MUSIC = "KZFzniwnSyZfZ7v7nJ"


def request(window: Window, page: int, urgency: float = 0) -> Request:
    """The request for one page of a window."""
    params = {"countryCode": window.country} if window.country else {}
    params |= {
        "segmentId": _MUSIC,
        "locale": "*",
        "size": str(PAGE),
        "page": str(page),
        "sort": window.order,
    }
    if window.start is not None and window.end is not None:
        params |= {"startDateTime": _instant(window.start), "endDateTime": _instant(window.end)}
    return Request(f"{window.name()}-{page}", _PATH, params | dict(window.filters), urgency)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def read(response: Response) -> Page:
    """The page that a response contains.

    Raises `Retry` for temporary failures: the HTTP statuses of `is_temporary`, a body that is not JSON or has no page
    numbers, an impossible total, and a 400 or 404 without one of the API's error codes. Raises `SourceRejected` for a
    bad key or request, and `QuotaSpent` if the daily quota is used up, which older clients have also seen reported as
    a 401.
    """
    if response.status == 200:
        return _page(response)
    fault, codes = _complaint(response.body)
    if response.status == 404 and any(code.startswith("DIS") for code in codes):
        return Page(0, ())  # a search without any hits may look like this
    if any(code in _TOO_DEEP for code in codes):
        return Page(0, (), too_deep=True)
    if response.status in (401, 403, 429) and "quota" in fault.lower():
        raise QuotaSpent(
            f"The daily quota of the connection `{CONNECTION}` is used up (HTTP {response.status})."
        )
    if is_temporary(response.status):
        raise Retry(f"HTTP {response.status} {response.excerpt()}")
    if response.status in (400, 404) and not codes:  # from a proxy or gateway in front of the API
        raise Retry(f"HTTP {response.status} {response.excerpt()}")
    if response.status in (401, 403):
        raise SourceRejected(
            f"Ticketmaster rejected the API key (HTTP {response.status} {fault or response.excerpt()}). "
            f"Correct the password of the Airflow connection `{CONNECTION}` "
            f"(Admin → Connections, or AIRFLOW_CONN_{CONNECTION.upper()})."
        )
    raise SourceRejected(f"Ticketmaster rejected the request: HTTP {response.status} {response.excerpt()}")


class _Id(wire.Wire, frozen=True):
    id: str | None = None


class _Start(wire.Wire, frozen=True):
    date_time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    local_date: date | None = None


class _Dates(wire.Wire, frozen=True):
    start: _Start = _Start()


class _Classification(wire.Wire, frozen=True):
    genre: _Id = _Id()


class _State(wire.Wire, frozen=True):
    state_code: str | None = None


class _Venue(wire.Wire, frozen=True):
    state: _State = _State()
    country: wire.Country = wire.Country()


class _Venues(wire.Wire, frozen=True):
    venues: list[_Venue] = []


class _Event(wire.Wire, frozen=True):
    id: str
    dates: _Dates = _Dates()
    classifications: list[_Classification] = []
    embedded: _Venues = msgspec.field(name="_embedded", default=_Venues())


class _Fault(wire.Wire, frozen=True):
    faultstring: str = ""
    detail: Any = None


class _Error(wire.Wire, frozen=True):
    code: str = ""


class _Complaint(wire.Wire, frozen=True):
    fault: _Fault = _Fault()
    errors: list[_Error] = []


_event = Lenient(_Event, required=("id",))
_complaint_decoder = msgspec.json.Decoder(_Complaint)


def _page(response: Response) -> Page:
    try:
        numbers, events = search_page(response.body)
    except UnexpectedPayload as error:
        if isinstance(error.__cause__, msgspec.ValidationError):
            raise Retry(
                f"unexpected structure of the page: {error}", finally_raise=UnexpectedPayload
            ) from None
        raise Retry(f"not JSON ({error}): {response.excerpt()}") from None
    if numbers is None or numbers.total_elements is None:
        raise Retry(f"no page numbers: {response.excerpt()}", finally_raise=UnexpectedPayload)
    if not 0 <= numbers.total_elements <= _MOST_EVENTS:
        raise Retry(f"a total of {numbers.total_elements} events", finally_raise=UnexpectedPayload)
    lowered = isinstance(numbers.size, int) and 0 < numbers.size < PAGE
    size = numbers.size if lowered else PAGE
    return Page(numbers.total_elements, tuple(map(_sighting, events)), size=size)


def _sighting(raw: msgspec.Raw) -> Sighting:
    try:
        event, _ = _event.decode(raw)
        event_id = text(event.id)
    except Rejected:  # it will be rejected when the run is landed; here it only has to be counted
        event_id = None
    if event_id is None:
        return Sighting(hashlib.blake2b(raw, digest_size=16).hexdigest(), None, None, None, None)
    venue = event.embedded.venues[0] if event.embedded.venues else _Venue()
    start = event.dates.start
    return Sighting(
        event_id,
        start.date_time if start.date_time and start.date_time.year in wire.YEARS else None,
        _shared(wire.country_code(venue.country)),
        _shared(venue.state.state_code),
        _shared(event.classifications[0].genre.id if event.classifications else None),
        start.local_date if start.local_date and start.local_date.year in wire.YEARS else None,
    )


def _shared(code: str | None) -> str | None:
    """The code as an object that equal codes share: a crawl holds tens of thousands of sightings at a time."""
    return code and sys.intern(code)


def _complaint(body: bytes) -> tuple[str, list[str]]:
    """What an error response contains: the gateway's fault and the API's error codes."""
    try:
        complaint = _complaint_decoder.decode(body)
    except msgspec.DecodeError:
        return "", []
    fault = f"{complaint.fault.faultstring} {complaint.fault.detail or ''}".strip()
    return fault, [error.code for error in complaint.errors]
