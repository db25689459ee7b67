"""Concerts of the Ticketmaster Discovery API: one event of a response becomes rows, or a rejection.

    Endpoint  GET https://app.ticketmaster.com/discovery/v2/events.json
    Docs      https://developer.ticketmaster.com/products-and-docs/apis/discovery-api/v2/
    Limits    5 requests a second, at least 0.2 s apart; 5,000 a day; the first 1,000 events of a search
    Yields    `EventRow`: one row per event and billed artist, or one without an artist if none is billed

`search.py` makes the requests; this module knows nothing about them.

How irregular values are handled (the certificate counts them by the code in the last column):

    no id, an id too long or of the wrong type     rejected   missing_id, too_long, wrong_type
    no name, or one of the wrong type              rejected   missing_name, wrong_type
    no country, and no country was requested       rejected   missing_country
    `test` is true                                 rejected   test_event
    another value of the wrong type                nulled     by its path, such as dates.start.localTime
    an undocumented status                         nulled     dates.status.code
    coordinates not numeric, or out of range       nulled     _embedded.venues.location, both
    price < 0 or absurd, min > max, no currency    nulled     priceRanges, all three
    a country that is not two letters              nulled     by its path; the searched country takes its place
    a placeholder date (1900, 9999)                nulled     by its path
    an end before the start, or without a start    nulled     dates.end.localDate
    an end that is only an instant (dateTime)      ignored    often it is past midnight, and not on the last day
    a MusicBrainz id that is not a UUID            nulled     by its path
    a billed artist without a name                 nulled     by its path; those after it move up
    a name longer than its column                  cut        by its path, at a character
    another text longer than its column            nulled     by its path
    no status                                      kept       status None; `canceled` becomes `cancelled`
    coordinates 0,0 or missing                     kept       both None
    genre or segment "Undefined"                   kept       None
    an artist billed twice                         kept       only the first billing
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated

import msgspec

from include.sources.rows import Identifier, Key, Mbid, Name, Noticed, Rejected, Rejection, Url, checked
from include.sources.text import text
from include.sources.ticketmaster import bodies, values, wire
from include.sources.ticketmaster.billing import NOBODY, billed
from include.sources.ticketmaster.known_fields import unknown_fields

_Code = Annotated[str, msgspec.Meta(extra={"bytes": 16})]
_Country = Annotated[str, msgspec.Meta(extra={"bytes": 2})]
_Currency = Annotated[str, msgspec.Meta(extra={"bytes": 3})]


class EventRow(msgspec.Struct, frozen=True):
    """One event and one of its billed artists; the columns of `staging.events`, in order."""

    snapshot_at: datetime
    """The run's instant. Every instant here is UTC, without a zone."""
    country_code: _Country
    """The venue's country or, if that is not given, the country whose search found the event."""
    event_id: Identifier
    event_name: Name
    event_url: Url | None
    status: _Code | None
    local_date: date | None
    local_time: Annotated[str, msgspec.Meta(extra={"bytes": 8})] | None
    """HH:MM:SS, local time at the venue."""
    starts_at: datetime | None
    local_end_date: date | None
    """The last day of a festival, local date at the venue."""
    initial_date: date | None
    """The originally announced date of a postponed or rescheduled event."""
    timezone: Identifier | None
    date_tba: bool
    date_tbd: bool
    time_tba: bool
    no_specific_time: bool
    spans_multiple_days: bool
    public_sale_starts_at: datetime | None
    public_sale_ends_at: datetime | None
    segment: Name | None
    genre: Name | None
    sub_genre: Name | None
    price_currency: _Currency | None
    price_min: float | None
    price_max: float | None
    promoter_name: Name | None
    venue_id: Identifier | None
    venue_name: Name | None
    venue_city: Name | None
    venue_state_code: _Code | None
    venue_country_code: _Country | None
    venue_postal_code: Annotated[str, msgspec.Meta(extra={"bytes": 32})] | None
    venue_latitude: float | None
    venue_longitude: float | None
    artist_position: int | None
    """1 for the artist billed first."""
    attraction_id: Identifier | None
    artist_name: Name | None
    artist_mbid: Mbid | None
    artist_key: Key | None
    """The key of the artist page with exactly the billed name."""
    name_key: Key | None
    """The key of the normalised name, for matching."""
    namesake_key: Key | None
    """The artist's key if the page of that name turns out to be another artist's, or there are several."""


def rows(
    body: bytes, snapshot_at: datetime, country_code: str | None, noticed: Noticed
) -> Iterator[list[EventRow] | Rejection]:
    """For each event in the response to a search of one country (None: the whole world), in order: its rows, or why
    it was rejected.

    The body may be a page of a search, a list of events, or a single event. Raises `UnexpectedPayload`
    when it is none of these. `noticed` describes the event that was yielded last.
    """
    snapshot_at = snapshot_at.astimezone(UTC).replace(tzinfo=None)
    for position, raw in enumerate(bodies.events(body)):
        event_id = None
        try:
            noticed.forget()
            event, nulled = bodies.decode_event(raw)
            noticed.nulled.extend(nulled)
            noticed.unknown.extend(unknown_fields(raw))
            event_id = event.id
            yield _rows(event, snapshot_at, country_code, noticed)
        except Rejected as rejected:
            event_id = event_id or bodies.id_of(raw)
            yield Rejection(rejected.reason, rejected.detail, event_id, position)


def _rows(
    event: wire.Event, snapshot_at: datetime, country_code: str | None, noticed: Noticed
) -> list[EventRow]:
    event_id, event_name = text(event.id), noticed.name(event.name, "name")
    if event_id is None:
        raise Rejected("missing_id", "the event has no id")
    if event_name is None:
        raise Rejected("missing_name", "the event has no name")
    if event.test:
        raise Rejected("test_event", "the event is marked as a test")
    start, sale = event.dates.start, event.sales.public
    initial = event.dates.initial_start_date
    venue = event.embedded.venues[0] if event.embedded.venues else event.place or wire.Venue()
    venue_country = wire.country_code(venue.country)
    if venue_country is None and venue.country.country_code:
        noticed.null("_embedded.venues.country.countryCode")
    found_in = venue_country or country_code
    if found_in is None:
        raise Rejected("missing_country", "the event names no country, nor did the search that found it")
    first_day = values.day(start.local_date, "dates.start.localDate", noticed)
    latitude, longitude = values.coordinates(venue.location, noticed)
    classification = next((c for c in event.classifications if c.primary), None) or next(
        iter(event.classifications), wire.Classification()
    )
    about_event = (
        snapshot_at,
        found_in,
        event_id,
        event_name,
        noticed.fitting(event.url, "url", 2048),
        values.status(event.dates.status.code, noticed),
        first_day,
        start.local_time.isoformat("seconds")[:8] if start.local_time else None,  # without an offset
        values.utc(start.date_time, "dates.start.dateTime", noticed),
        values.last_day(event.dates.end, first_day, noticed),
        values.day(initial.local_date, "dates.initialStartDate.localDate", noticed) if initial else None,
        noticed.fitting(event.dates.timezone, "dates.timezone", 64)
        or noticed.fitting(venue.timezone, "_embedded.venues.timezone", 64),
        start.date_tba,
        start.date_tbd,
        start.time_tba,
        start.no_specific_time,
        event.dates.span_multiple_days,
        values.utc(sale.start_date_time, "sales.public.startDateTime", noticed),
        values.utc(sale.end_date_time, "sales.public.endDateTime", noticed),
        values.class_name(classification.segment, "classifications.segment.name", noticed),
        values.class_name(classification.genre, "classifications.genre.name", noticed),
        values.class_name(classification.sub_genre, "classifications.subGenre.name", noticed),
        *values.price(event.price_ranges, noticed),
        noticed.name(event.promoter.name, "promoter.name"),
        noticed.fitting(venue.id, "_embedded.venues.id", 64),
        noticed.name(venue.name, "_embedded.venues.name"),
        noticed.name(venue.city.name, "_embedded.venues.city.name"),
        noticed.fitting(venue.state.state_code, "_embedded.venues.state.stateCode", 16),
        venue_country,
        noticed.fitting(venue.postal_code, "_embedded.venues.postalCode", 32),
        latitude,
        longitude,
    )
    artists = billed(event.embedded.attractions, noticed) or [NOBODY]
    return [checked(EventRow(*about_event, *artist)) for artist in artists]
