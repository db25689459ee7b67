"""One Ticketmaster event of the catalogue as JSON, with the shape and, if wanted, the size of real ones.

Fields, and how often each is present, follow recorded responses of 2025 and 2026.
"""

from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

import msgspec

from sandbox.ticketmaster.embedded_json import Bulk, EmbeddedWriter, classified
from sandbox.world import names
from sandbox.world.catalog import Catalog
from sandbox.world.classifications import STYLES
from sandbox.world.event_codes import (
    CO_BILL,
    DATE_TBA,
    DATE_TBD,
    EPOCH,
    FESTIVAL,
    NO_SPECIFIC_TIME,
    OTHER_SEGMENT,
    PACKAGE,
    STATUSES,
    TIME_TBA,
    TIMED,
    TOUR,
    TRIBUTE,
)
from sandbox.world.places import COUNTRIES
from sandbox.world.venues import Venue

_PROMOTERS = (
    ("653", "LIVE NATION MUSIC"),
    ("494", "PROMOTED BY VENUE"),
    ("5676", "HARBOR LIGHT PRESENTS"),
    ("850", "AEG LIVE"),
)
_PLEASE_NOTE = (
    "Doors open one hour before the show. This event is general admission, standing room only. All ages are "
    "welcome; guests under 16 must be accompanied by an adult. No re-entry. No refunds or exchanges. Bags "
    "larger than 12 x 6 x 12 inches are not permitted. Every person must hold a ticket, regardless of age. "
    "Support acts and times are subject to change."
)
_INFO = "There is a delivery delay on this event until 72 hours prior to the show. Your phone is your ticket."
_ACCESSIBILITY = (
    "Accessible and companion seats are offered at various price points, pending availability. To view them, "
    "select the accessibility filter on the map. For other questions contact the venue's box office."
)


def _instant(seconds: int) -> str:
    day, second = divmod(seconds, 86_400)
    return f"{_day(day)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


@lru_cache(maxsize=4096)
def _day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


class EventWriter:
    """Writes the events of one catalogue at one bulk: `event(row)` is an event's JSON."""

    def __init__(self, catalog: Catalog, bulk: Bulk) -> None:
        self._catalog = catalog
        self._seeded = catalog.seeded
        self._bulk = bulk
        self._embedded = EmbeddedWriter(catalog, bulk)
        self.event = lru_cache(maxsize=4096)(self._write_event)
        self._tour = lru_cache(maxsize=20_000)(partial(names.tour_name, self._seeded))
        self._classification = lru_cache(maxsize=256)(self._write_classification)

    def name(self, event: int) -> str:
        """The name of an event: often not that of its first attraction, as in reality."""
        catalog, seeded = self._catalog, self._seeded
        kind = int(catalog.concerts.kind[event])
        lineup = catalog.lineup(event)
        if kind == PACKAGE:
            original = event - 1
            while original >= 0 and catalog.concerts.kind[original] != TOUR:
                original -= 1
            if original >= 0:
                suffix = seeded.pick(
                    "package", event, (" - VIP Packages", " | Enhanced Experiences", " - Restaurant Tickets")
                )
                return f"{self.name(original)}{suffix}"
        drawn = seeded.unit("event name", event)
        if kind == OTHER_SEGMENT:
            first, second = (
                catalog.music.names[seeded.whole(stream, event) % len(catalog.music.names)]
                for stream in ("one", "two")
            )
            return f"{first}: Stand-Up Live" if drawn < 0.5 else f"{first} vs. {second}"
        if not len(lineup):
            venue = catalog.venues[catalog.concerts.venue[event]]
            act = names.artist_name(seeded, (1 << 40) + event)
            night = seeded.pick(
                "night",
                event,
                ("Jazz Night", "Open Mic", "Soul Sunday", "Candlelight Concert", "Salsa Night"),
            )
            return act if drawn < 0.7 else f"{night} at {venue.name.strip() or venue.city.name}"
        billing = catalog.attractions.name_of(int(lineup[0])).strip()
        if kind in (CO_BILL, TRIBUTE):
            return billing
        if kind == FESTIVAL:
            year = (EPOCH + timedelta(days=int(catalog.concerts.day[event]))).year
            return f"{billing} {year}{'' if drawn < 0.6 else ' - Festival Pass'}"
        tour = self._tour(int(catalog.concerts.headliner[event]))
        if drawn < 0.36:
            return billing
        if drawn < 0.70:
            return f"{billing}: {tour}"
        if drawn < 0.82:
            return f"{billing} - {tour}"
        if drawn < 0.94 and len(lineup) > 1:
            return f"{billing} with {catalog.attractions.name_of(int(lineup[1])).strip()}"
        return f"An Evening with {billing}" if drawn < 0.97 else f"{_PROMOTERS[2][1].title()}: {billing}"

    def _write_event(self, event: int) -> bytes:
        catalog, seeded = self._catalog, self._seeded
        columns = catalog.concerts
        identifier = str(columns.ids[event], "ascii")
        venue = catalog.venues[columns.venue[event]]
        country = COUNTRIES[venue.city.country_code]
        lineup = [int(attraction) for attraction in catalog.lineup(event)]
        kind = int(columns.kind[event])
        drawn = seeded.whole("details", event)
        locale = "de-de" if venue.city.country_code == "DE" else "en-us"
        written: dict[str, Any] = {
            "name": self.name(event),
            "type": "event",
            "id": identifier,
            "test": False,
            "url": f"https://www.{country.site}/event/{seeded.whole('url', event):016X}",
            "locale": locale,
            "images": self._embedded.images(lineup[0] if lineup else -1 - event)
            if self._bulk != "light"
            else [],
            "sales": self._sales(event),
            "dates": self._dates(event, venue),
            "classifications": self._classifications(event),
        }
        if drawn % 100 < 58:
            number, promoter = _PROMOTERS[drawn // 100 % len(_PROMOTERS)]
            billed = {
                "id": number,
                "name": promoter,
                "description": f"{promoter} / NTL / {venue.city.country_code}",
            }
            written |= {"promoter": billed, "promoters": [billed]}
        if drawn // 10**4 % 100 < 25:
            written["info"] = _INFO
        if self._bulk != "light" and drawn // 10**6 % 100 < 26:
            written["pleaseNote"] = _PLEASE_NOTE
        if self._bulk == "full" and drawn // 10**6 % 100 < 60:
            written |= {"accessibility": {"info": _ACCESSIBILITY, "ticketLimit": 4, "id": "accessibility"}}
        if drawn // 10**8 % 100 < 17:
            written["priceRanges"] = self._prices(event, venue)
        if drawn // 10**10 % 100 < 64:
            written["seatmap"] = {
                "staticUrl": f"https://mapsapi.tmol.io/maps/geometry/3/event/{identifier}/staticImage?type=png"
            }
        if drawn // 10**12 % 100 < 12:
            written["ticketLimit"] = {"info": "There is an overall 8 ticket limit for this event."}
        if drawn // 10**14 % 100 < 16:
            written["ageRestrictions"] = {"legalAgeEnforced": bool(drawn & 1)}
        if drawn // 10**15 % 100 < 81:
            written["ticketing"] = {
                "safeTix": {"enabled": bool(drawn & 2)},
                "allInclusivePricing": {"enabled": True},
            }
        if drawn // 10**16 % 100 < 30:
            written["nameOrigin"] = "custom"
        links: dict[str, Any] = {"self": {"href": f"/discovery/v2/events/{identifier}?locale={locale}"}}
        embedded: dict[str, Any] = {}
        if kind == OTHER_SEGMENT and drawn % 10 == 0:
            written["place"] = self._embedded.place(
                venue
            )  # like one recorded event: an address instead of a venue
        else:
            links["venues"] = [{"href": f"/discovery/v2/venues/{venue.id}?locale={locale}"}]
            embedded["venues"] = [self._embedded.venue(venue.index)]
        if lineup:
            links["attractions"] = [
                {"href": f"/discovery/v2/attractions/{catalog.attractions.id_of(who)}?locale={locale}"}
                for who in lineup
            ]
            embedded["attractions"] = [self._embedded.attraction(who) for who in lineup]
        written["_links"] = links
        if embedded:
            written["_embedded"] = embedded
        return msgspec.json.encode(written)

    def _sales(self, event: int) -> dict[str, Any]:
        columns, drawn = self._catalog.concerts, self._seeded.whole("sales", event)
        day = (int(columns.day[event]) - 90 - drawn % 90) * 86_400
        end = (int(columns.day[event]) + 1) * 86_400 + 3 * 3_600
        start = _instant(day + 15 * 3_600)
        if drawn // 100 % 100 < 20:
            start = "1900-01-01T06:00:00Z" if drawn & 1 else "1900-01-01T18:00:00Z"
        public = {"startDateTime": start, "startTBD": False, "startTBA": False, "endDateTime": _instant(end)}
        if drawn // 10**4 % 100 >= 15:
            return {"public": public}
        presale = {
            "startDateTime": _instant(day - 5 * 3_600),
            "endDateTime": _instant(day + 14 * 3_600),
            "name": "Artist Presale",
        }
        return {"public": public, "presales": [presale]}

    def _dates(self, event: int, venue: Venue) -> dict[str, Any]:
        columns, drawn = self._catalog.concerts, self._seeded.whole("dates", event)
        time_kind, status = int(columns.time_kind[event]), STATUSES[columns.status[event]]
        minute, seconds = int(columns.minute[event]), int(columns.start[event])
        local = EPOCH + timedelta(days=int(columns.day[event]))
        clock = f"{minute // 60:02}:{minute % 60:02}:00"
        start: dict[str, Any] = {}
        if time_kind < DATE_TBA:
            start["localDate"] = local.isoformat()
        if time_kind == TIMED:
            start |= {"localTime": clock, "dateTime": _instant(seconds)}
        start |= {
            "dateTBD": time_kind == DATE_TBD,
            "dateTBA": time_kind == DATE_TBA,
            "timeTBA": time_kind == TIME_TBA,
            "noSpecificTime": time_kind == NO_SPECIFIC_TIME,
        }
        dates: dict[str, Any] = {"start": start}
        if drawn % 100 < 77:
            dates["timezone"] = venue.city.timezone
        if status in ("rescheduled", "postponed"):
            before = local - timedelta(days=30 + drawn // 100 % 300)
            initial = {"localDate": before.isoformat(), "localTime": clock}
            if (
                time_kind == TIMED
            ):  # ignores that the same local time may be an hour off in UTC when daylight saving differs
                initial["dateTime"] = _instant(seconds - (local - before).days * 86_400)
            dates["initialStartDate"] = initial
        several = columns.kind[event] == FESTIVAL
        if several:
            dates["end"] = {
                "localDate": (local + timedelta(days=2)).isoformat(),
                "approximate": False,
                "noSpecificTime": True,
            }
        dates["status"] = {"code": status}
        dates["spanMultipleDays"] = bool(several)
        return dates

    def _classifications(self, event: int) -> list[msgspec.Raw]:
        columns = self._catalog.concerts
        first, second = int(columns.style[event]), int(columns.second_style[event])
        listed = [self._classification(first, True)]
        return listed if second < 0 or second == first else [*listed, self._classification(second, False)]

    def _write_classification(self, style: int, primary: bool) -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(classified(STYLES[style], primary)))

    def _prices(self, event: int, venue: Venue) -> list[dict[str, Any]]:
        low = 15 + self._seeded.unit("price", event) ** 2 * 120
        high = low * (1.2 + self._seeded.unit("dear", event) * 3)
        price = {
            "type": "standard",
            "currency": COUNTRIES[venue.city.country_code].currency,
            "min": round(low, 2),
            "max": round(high, 2),
        }
        if self._seeded.unit("fees", event) > 0.13:
            return [price]
        return [
            {
                **price,
                "type": "standard including fees",
                "min": round(low * 1.2, 2),
                "max": round(high * 1.2, 2),
            },
            price,
        ]
