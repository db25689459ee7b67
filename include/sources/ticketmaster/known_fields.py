"""The fields of an event that this release knows."""

import msgspec

from include.sources.nulling import KnownFields
from include.sources.ticketmaster.wire import (
    Attraction,
    Classification,
    Country,
    Dates,
    Embedded,
    Event,
    ExternalId,
    ExternalLinks,
    InitialStart,
    Location,
    Named,
    PriceRange,
    PublicSale,
    Sales,
    Start,
    State,
    Status,
    Venue,
)


def unknown_fields(raw: msgspec.Raw) -> tuple[str, ...]:
    """The paths of the fields of an event that this release does not know."""
    return _known.unknown(raw)


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
