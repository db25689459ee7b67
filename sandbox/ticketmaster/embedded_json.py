"""Ticketmaster's JSON for the venue and the attractions embedded in an event."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from sandbox.world import names
from sandbox.world.catalog import Catalog
from sandbox.world.classifications import STYLES, SUB_TYPE, TYPE, Style
from sandbox.world.places import COUNTRIES
from sandbox.world.venues import Venue

Bulk = Literal["light", "moderate", "full"]
"""light: no images (about 3 KB an event); moderate: the event's images (5 KB); full: also the attractions'
images and the long texts (9 KB)."""

_IMAGES = (
    ("16_9", "RETINA_PORTRAIT_16_9.jpg", 640, 360), ("16_9", "SOURCE", 2426, 1365),
    ("16_9", "RETINA_LANDSCAPE_16_9.jpg", 1136, 639), ("16_9", "TABLET_LANDSCAPE_16_9.jpg", 1024, 576),
    ("4_3", "CUSTOM.jpg", 305, 225), ("3_2", "ARTIST_PAGE_3_2.jpg", 305, 203),
    ("16_9", "RECOMENDATION_16_9.jpg", 100, 56), ("3_2", "RETINA_PORTRAIT_3_2.jpg", 640, 427),
    ("3_2", "TABLET_LANDSCAPE_3_2.jpg", 1024, 683), ("16_9", "EVENT_DETAIL_PAGE_16_9.jpg", 205, 115),
    ("16_9", "TABLET_LANDSCAPE_LARGE_16_9.jpg", 2048, 1152),
)  # fmt: skip
_IMAGE_LIST = msgspec.json.encode([
    {"ratio": ratio, "url": f"https://s1.ticketm.net/dam/a/2e6/@_42301_{suffix}", "width": width,
     "height": height, "fallback": False}
    for ratio, suffix, width, height in _IMAGES
]).split(b"@")  # fmt: skip


class EmbeddedWriter:
    """Writes the venues and attractions of one catalogue at one bulk, and caches them."""

    def __init__(self, catalog: Catalog, bulk: Bulk) -> None:
        self._catalog = catalog
        self._seeded = catalog.seeded
        self._bulk = bulk
        self.venue = lru_cache(maxsize=4096)(self._write_venue)
        self.attraction = lru_cache(maxsize=20_000)(self._write_attraction)

    def images(self, index: int) -> msgspec.Raw:
        """Eleven images, the number every event and attraction has."""
        return msgspec.Raw(self._seeded.uuid("image", index % (1 << 62)).encode().join(_IMAGE_LIST))

    def place(self, venue: Venue) -> dict[str, Any]:
        """An address instead of a venue."""
        city = venue.city
        return {
            "city": {"name": city.name},
            "country": {
                "name": COUNTRIES[city.country_code].ticketmaster_name,
                "countryCode": city.country_code,
            },
            "address": {"line1": venue.name.strip(), "line2": city.name},
            "location": {"longitude": str(city.longitude), "latitude": str(city.latitude)},
            "area": {},
            "postalCode": city.postal_code,
        }

    def _write_venue(self, index: int) -> msgspec.Raw:
        venue, drawn = self._catalog.venues[index], self._seeded.whole("venue details", index)
        city = venue.city
        written: dict[str, Any] = {
            "name": venue.name,
            "type": "venue",
            "id": venue.id,
            "url": f"https://www.{COUNTRIES[city.country_code].site}/venue/{drawn % 500_000}",
            "test": False,
            "locale": "en-us",
            "postalCode": city.postal_code,
            "timezone": city.timezone,
            "city": {"name": city.name},
            "state": {"name": city.state, "stateCode": city.state_code},
            "country": {
                "name": COUNTRIES[city.country_code].ticketmaster_name,
                "countryCode": city.country_code,
            },
            "address": {
                "line1": f"{drawn // 7 % 4000 + 1} {self._seeded.pick('street', index, names.LAST_NAMES)} St"
            },
            "location": {
                "longitude": f"{city.longitude + (drawn // 10**7 % 1000 - 500) / 8_000:.6f}",
                "latitude": f"{city.latitude + (drawn // 10**10 % 1000 - 500) / 11_000:.6f}",
            },
            "markets": [
                {"name": name, "id": number} if name else {"id": number} for number, name in city.markets
            ],
            "dmas": [{"id": dma} for dma in city.dmas],
            "upcomingEvents": {
                "ticketmaster": (total := int(self._catalog.upcoming_at[index])),
                "_total": total,
                "_filtered": 0,
            },
            "_links": {"self": {"href": f"/discovery/v2/venues/{venue.id}?locale=en-us"}},
        }
        oddity = drawn // 10**13 % 1000
        if not city.state_code:
            del written["state"]
        if not city.markets or not self._catalog.in_market(index):
            del written["markets"]
        if not city.dmas or not self._catalog.in_dma(index):
            del written["dmas"]
        if oddity < 8:
            del written["name"]
        elif oddity < 31:
            written["name"] += " "
        elif oddity < 49:
            del written["location"]
        elif oddity < 53:
            written["location"] = {"longitude": "0", "latitude": "0"}
        elif oddity < 61:
            del written["timezone"]
        elif oddity < 65:
            del written["postalCode"]
        return msgspec.Raw(msgspec.json.encode(written))

    def _write_attraction(self, attraction: int) -> msgspec.Raw:
        catalog, seeded = self._catalog, self._seeded
        identifier, name = catalog.attractions.id_of(attraction), catalog.attractions.name_of(attraction)
        artist = attraction % catalog.cast.artists if attraction < catalog.cast.first_festival else None
        style = STYLES[0 if artist is None else catalog.music.styles[artist]]
        drawn = seeded.whole("attraction", attraction)
        links: dict[str, Sequence[dict[str, str]]] = {}
        slug = "".join(c for c in name.lower() if c.isalnum()) or "artist"
        if drawn % 100 < 69:
            for site, share in (
                ("youtube", 50),
                ("twitter", 48),
                ("facebook", 57),
                ("instagram", 38),
                ("homepage", 56),
                ("spotify", 28),
            ):
                if drawn // 100 % 100 < share:
                    links[site] = [
                        {
                            "url": f"https://www.{site}.com/{slug}"
                            if site != "homepage"
                            else f"https://www.{slug}.com"
                        }
                    ]
            if drawn // 10**4 % 100 < 26:
                links["lastfm"] = [{"url": f"http://www.last.fm/music/{name.strip().replace(' ', '+')}"}]
        if mbid := catalog.attractions.mbid_of(attraction):
            reference = {"id": mbid}
            if drawn // 10**6 % 3 == 0:
                reference["url"] = f"https://musicbrainz.org/artist/{mbid}"
            links["musicbrainz"] = [reference]
        total = int(catalog.upcoming[attraction])
        written: dict[str, Any] = {
            "name": name,
            "type": "attraction",
            "id": identifier,
            "test": False,
            "url": f"https://www.ticketmaster.com/{slug}-tickets/artist/{drawn % 3_000_000}",
            "locale": "en-us",
            "externalLinks": links,
            "aliases": [name.strip().lower()],
            "images": self.images(attraction) if self._bulk == "full" else [],
            "classifications": [classified(style, True)],
            "upcomingEvents": {
                "tmr": total // 5,
                "ticketmaster": total - total // 5,
                "_total": total,
                "_filtered": 0,
            },
            "_links": {"self": {"href": f"/discovery/v2/attractions/{identifier}?locale=en-us"}},
        }
        if not links:
            del written["externalLinks"]
        if drawn // 10**8 % 100 >= 8:
            del written["aliases"]
        if drawn // 10**10 % 100 >= 97:
            del written["upcomingEvents"]
        return msgspec.Raw(msgspec.json.encode(written))


def classified(style: Style, primary: bool) -> dict[str, Any]:
    """A classification of an event or attraction."""
    written: dict[str, Any] = {"primary": primary, "segment": {"id": style.segment_id, "name": style.segment}}
    if style.genre is not None:
        written["genre"] = {"id": style.genre_id, "name": style.genre}
    if style.sub_genre is not None:
        written["subGenre"] = {"id": style.sub_genre_id, "name": style.sub_genre}
    if style.genre is not None:
        written |= {"type": TYPE, "subType": SUB_TYPE}
    return written | {"family": False}
