"""A stand-in for the Last.fm API 2.0, with its quirks and limits, over a seeded catalogue.

Endpoint  GET /2.0/?method=geo.getTopArtists | chart.getTopArtists | artist.getTopTracks | artist.getInfo |
          artist.getCorrection, format=json
Errors    {"error", "message"} bodies as recorded, several of them with HTTP 200
Source    what users of the real API observed, and recorded responses of 2025
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_plus

import msgspec
from aiohttp import web

from sandbox.gateway import Fault, Gateway, GatewayOptions, Response
from sandbox.world.catalog import Catalog
from sandbox.world.music import ChartEntry, Track
from sandbox.world.names import fold, song_title
from sandbox.world.places import CHART_COUNTRIES
from sandbox.world.seeded import pair, text_index

Params = Mapping[str, str]

UNKNOWN_NAME, UNKNOWN_MBID, UNKNOWN_TOTAL = "[unknown]", "5dfdca28-9ddc-4853-933c-8bc97d87beec", 13_508_587
_PLACEHOLDER = "2a96cbd8b46e442fc41c2b86b821562f.png"
_IMAGES = [
    {"#text": f"https://lastfm.freetls.fastly.net/i/u/{size}/{_PLACEHOLDER}", "size": name}
    for size, name in (
        ("34s", "small"),
        ("64s", "medium"),
        ("174s", "large"),
        ("300x300", "extralarge"),
        ("300x300", "mega"),
    )
]
_MESSAGES = {
    3: "Invalid Method - No method with that name in this package",
    6: "Invalid parameters - Your request is missing a required parameter",
    8: "Operation failed - Most likely the backend service failed. Please try again.",
    10: "Invalid API key - You must be granted a valid key by last.fm",
    11: "Service Offline - This service is temporarily offline. Try again later.",
    16: "The service is temporarily unavailable, please try again.",
    26: "Suspended API key - Access for your account has been suspended, please contact Last.fm",
    29: "Rate Limit Exceeded - This application has made too many requests in a short period. If this is "
    "your API key, see https://www.last.fm/api/tos#4.4 for information about raising the limit.",
}  # fmt: skip
_STATUSES = {3: 400, 6: 400, 8: 500, 10: 403, 11: 503, 16: 503, 26: 403}


@dataclass
class LastfmOptions(GatewayOptions):
    """How the stand-in behaves; wrong page sizes are options because it is not known when they happen."""

    requests_per_second: float | None = 5.0
    """Averaged over `limit_period`; requests above it get error 29. None: no limit."""
    limit_period: float = 300.0
    """Seconds over which requests are counted."""
    limit_status: int = 429
    """HTTP status of error 29; clients have also seen 200."""
    suspended: bool = False
    """Every request gets error 26."""
    halved_hundreds: float = 0.0
    """Share of artists for whom a limit of 100, 200, … yields only half as many songs."""
    doubled_pages: bool = False
    """Page n > 1 begins with the items of page n - 1, as observed in 2018."""
    repeat_after: int | None = None
    """After this many rows an artist's songs start over from the first."""
    total_factor: float = 1.0
    """The reported total is the real one times this."""
    total_as: str | None = None
    """Sent as every total, whatever the real one: an empty string, 1,234 or null."""
    single_as_object: bool = False
    """A list of one item is sent as that item, as was usual until 2016."""
    repeated_names: float = 0.0
    """Share of a chart's artists who appear twice, the second time in another case."""


def application(catalog: Catalog, options: LastfmOptions | None = None) -> web.Application:
    """The stand-in as an aiohttp application."""
    return Gateway(Lastfm(catalog, options or LastfmOptions()), "api_key").application()


class _ErrorResponse(Exception):
    """Raised where the request gets an error body."""

    def __init__(self, response: Response) -> None:
        self.response = response


class Lastfm:
    """Serves requests from a catalogue. `options` may be replaced at any time."""

    def __init__(self, catalog: Catalog, options: LastfmOptions) -> None:
        self.options: Any = options
        self._music = catalog.music
        self._upcoming = catalog.upcoming
        self._seeded = catalog.seeded
        self._admitted: deque[float] = deque()
        self._asked = 0
        self._methods: dict[str, Callable[[Params], Any]] = {
            "geo.gettopartists": self._country_chart,
            "chart.gettopartists": self._world_chart,
            "artist.gettoptracks": self._top_tracks,
            "artist.getinfo": self._info,
            "artist.getcorrection": self._correction,
        }

    def reset(self) -> None:
        """Forgets the requests of the last minutes."""
        self._admitted.clear()
        self._asked = 0

    def admit(self, path: str, params: Params, now: float) -> Response | None:
        """Errors 10, 26 and 29, or None."""
        options: LastfmOptions = self.options
        self._asked += 1
        revoked = options.key_revoked_after is not None and self._asked > options.key_revoked_after
        if params.get("api_key") != options.key or revoked:
            return _error(10)
        if options.suspended:
            return _error(26)
        if options.requests_per_second is not None:
            while self._admitted and self._admitted[0] <= now - options.limit_period:
                self._admitted.popleft()
            if len(self._admitted) >= options.requests_per_second * options.limit_period:
                return _error(29, status=options.limit_status)
            self._admitted.append(now)
        return None

    def failure(self, fault: Fault, params: Params) -> Response:
        """The error body that the fault injects."""
        if fault.kind == "no_items":
            paging = self._paging(self._limit(params), self._page(params), 0)
            empty: Any = {"topartists": {"artist": [], "@attr": paging}}
            if "artist" in params:
                empty = {"toptracks": {"track": [], "@attr": {"artist": params["artist"]} | paging}}
            return Response(200, msgspec.json.encode(empty))
        if fault.kind == "error_none":
            return Response(503, b'{"message": "Something went wrong"}')
        if not fault.kind.startswith("error_"):
            raise ValueError(f"Last.fm has no fault {fault.kind}")
        code = int(fault.kind.removeprefix("error_"))
        if code == 6:
            return _not_found().response
        return _error(code, status=self.options.limit_status if code == 29 else None)

    def respond(self, path: str, params: Params, number: int) -> Response:
        """The list, the artist, or the error."""
        if path.rstrip("/") != "/2.0":
            return Response(404, b"<html><body>Not Found</body></html>", {"Content-Type": "text/html"})
        if params.get("format") != "json":
            return Response(
                200,
                b'<?xml version="1.0" encoding="UTF-8"?>\n<lfm status="ok"/>',
                {"Content-Type": "text/xml"},
            )
        method = self._methods.get(params.get("method", "").lower())
        if method is None:
            return _error(3)
        try:
            return Response(200, msgspec.json.encode(method(params)))
        except _ErrorResponse as error:
            return error.response

    # Charts

    def _country_chart(self, params: Params) -> Any:
        name = params.get("country", "").strip()
        if not name:
            raise _ErrorResponse(_error(6, "country param required", status=200, links=True))
        code = self._music.country_named(name)
        if code is None:
            raise _ErrorResponse(_error(6, "country param invalid", status=200, links=True))
        limit, page = self._limit(params), self._page(params)
        chart = self._repeated(self._music.chart(code))
        entries = []
        for place in self._places(limit, page, len(chart)):
            entry = chart[place]
            listed = {"name": entry.name, "listeners": str(entry.listeners)} | self._mbid(
                "geo", entry.artist, 0.98, 0.0
            )
            entries.append(
                listed | _page_of(entry.name) | {"image": _IMAGES, "@attr": {"rank": str(entry.rank)}}
            )
        attributes = {"country": CHART_COUNTRIES[code]} | self._paging(limit, page, len(chart))
        return {"topartists": {"artist": self._list(entries), "@attr": attributes}}

    def _repeated(self, chart: list[ChartEntry]) -> list[ChartEntry]:
        share = self.options.repeated_names
        twice = [
            [entry, replace(entry, name=entry.name.upper())]
            if self._seeded.unit("repeated", entry.artist) < share
            else [entry]
            for entry in chart
        ]
        return [entry for entries in twice for entry in entries] if share else chart

    def _world_chart(self, params: Params) -> Any:
        limit, page = self._limit(params), self._page(params)
        order = self._music.world_chart()
        entries = []
        for place in self._places(limit, page, len(order)):
            artist = self._music.artist(order[place])
            listed = {
                "name": artist.name,
                "playcount": str(artist.play_count),
                "listeners": str(artist.listeners),
            }
            entries.append(
                listed
                | self._mbid("chart", artist.index, 0.87, 0.11)
                | _page_of(artist.name)
                | {"image": _IMAGES}
            )
        paging = self._paging(
            limit, page, 109_053_468
        )  # the real API's total: far more than the deepest page reaches
        return {"artists": {"artist": self._list(entries), "@attr": paging}}

    # Artists

    def _top_tracks(self, params: Params) -> Any:
        artist = self._artist(params)
        limit, page = self._limit(params, zero=50), self._page(params)
        if isinstance(artist, int):
            name, tracks, total = self._music.names[artist], self._music.top_tracks(artist), None
            credit = {"name": name} | self._mbid("tracks", artist, 0.9, 0.0) | {"url": _url(name)}
        else:
            name, tracks, total = artist, *self._shadow_tracks(artist)
            credit = (
                {"name": name}
                | ({"mbid": UNKNOWN_MBID} if name == UNKNOWN_NAME else {})
                | {"url": _url(name)}
            )
        given = limit
        if (
            limit % 100 == 0
            and self._seeded.unit("halved", text_index(fold(name)) >> 1) < self.options.halved_hundreds
        ):
            given = limit // 2
        entries = []
        claimed = int((total or len(tracks)) * max(1.0, self.options.total_factor))
        for row in self._places(limit, page, claimed, given):
            if row >= len(tracks) and self.options.repeat_after is None:
                break
            track = tracks[row % min(self.options.repeat_after or len(tracks), len(tracks))]
            counts = {"playcount": str(track.play_count), "listeners": str(track.listeners)}
            entries.append(
                {"name": track.name}
                | counts
                | ({"mbid": track.mbid} if track.mbid else {})
                | {"url": f"{_url(name)}/_/{quote_plus(track.name)}", "streamable": "0", "artist": credit}
                | {"image": _IMAGES[:4], "@attr": {"rank": str(row + 1)}}
            )
        paging = {"artist": name} | self._paging(limit, page, total or len(tracks))
        return {"toptracks": {"track": self._list(entries), "@attr": paging}}

    def _info(self, params: Params) -> Any:
        artist = self._artist(params)
        name = self._music.names[artist] if isinstance(artist, int) else artist
        listeners, plays = 2, 15
        if isinstance(artist, int):
            listeners, plays = self._music.artist(artist).listeners, self._music.artist(artist).play_count
        url = (
            _url(name)
            if isinstance(artist, int)
            else f"https://www.last.fm/music/+noredirect/{quote_plus(name)}"
        )
        link = {"link": {"#text": "", "rel": "original", "href": f"{url}/+wiki"}}
        written = {"name": name} | (
            self._mbid("info", artist, 0.9, 0.1) if isinstance(artist, int) else {"mbid": ""}
        )
        touring = isinstance(artist, int) and bool(self._upcoming[artist])
        return {"artist": {
            **written, "url": url, "image": _IMAGES, "streamable": "0", "ontour": "1" if touring else "0",
            "stats": {"listeners": str(listeners), "playcount": str(plays)},
            "similar": {"artist": []}, "tags": {"tag": []},
            "bio": {"links": link, "published": "01 Jan 1970, 00:00", "summary": "", "content": ""},
        }}  # fmt: skip

    def _correction(self, params: Params) -> Any:
        asked = params.get("artist", "")
        artist = self._artist({**params, "autocorrect": "1"})
        if not isinstance(artist, int) or self._music.names[artist] == asked:
            return {"corrections": "\n                "}
        name = self._music.names[artist]
        corrected = {"name": name} | self._mbid("info", artist, 0.9, 0.1) | {"url": _url(name)}
        return {"corrections": {"correction": {"artist": corrected, "@attr": {"index": "0"}}}}

    def _artist(self, params: Params) -> int | str:
        """The requested artist: one of the catalogue, or the name of a shadow artist or of [unknown]."""
        music, name = self._music, params.get("artist")
        mbid = params.get("mbid", "").lower()
        if mbid == UNKNOWN_MBID:
            return UNKNOWN_NAME
        if mbid:  # a lookup by mbid fails for some artists that exist by name
            by_mbid = music.artists_by_mbid.get(mbid)
            if by_mbid is None or self._seeded.unit("found by mbid", by_mbid) < 0.3:
                raise _not_found()
            return by_mbid
        if name is None or name == "":
            raise _ErrorResponse(_error(6, status=400))
        corrects = params.get("autocorrect", "0") == "1"
        if not name.strip() or name == UNKNOWN_NAME or (corrects and name.casefold() == "unknown artist"):
            return UNKNOWN_NAME
        exact = music.artist_named(name)
        if exact is not None:
            return exact
        similar = None if name.endswith("(Touring)") else music.artist_like(name)
        if similar is not None:
            return similar if corrects else name
        if self.scrobbled(name):
            return name
        raise _not_found()

    def scrobbled(self, name: str) -> bool:
        """Whether a billing that is not an artist (co-bill, tribute act) has a shadow page: three in five do."""
        billing = (" & ", " / ", "Tribute", "Experience", "Fest", "Guest", "(Touring)")
        return (
            any(part in name for part in billing) and self._seeded.unit("shadow", text_index(name) >> 1) < 0.6
        )

    def _shadow_tracks(self, name: str) -> tuple[list[Track], int | None]:
        """The songs, and the reported total, of [unknown] or of a shadow artist, who has hardly any listeners."""
        if name == UNKNOWN_NAME:
            songs = [f"{word} {number}" for number in range(1, 501) for word in ("Spur", "Pista")]
            return [
                Track(i + 1, song, None, 291_787 - 290 * i, 74_049 - 70 * i) for i, song in enumerate(songs)
            ], UNKNOWN_TOTAL
        place = text_index(name) >> 40
        count = 3 + self._seeded.whole("shadow songs", place) % 13
        names = dict.fromkeys(song_title(self._seeded, pair(place, number)) for number in range(count))
        return [
            Track(i + 1, song, None, max(1, 8 - i), max(1, 2 - i // 2)) for i, song in enumerate(names)
        ], None

    # Lists

    def _limit(self, params: Params, zero: int | None = None) -> int:
        limit = _whole(params.get("limit", "50"))
        if limit == 0 and zero is not None:
            return zero
        if limit is None or not 1 <= limit <= 1_000:
            raise _ErrorResponse(_error(6, "limit param out of bounds (1-1000)", swapped=True))
        return limit

    def _page(self, params: Params) -> int:
        page = _whole(params.get("page", "1"))
        if page is None or not 1 <= page <= 1_000_000:
            raise _ErrorResponse(_error(6, "page param out of bounds (1-1000000)", swapped=True))
        return page

    def _places(self, limit: int, page: int, total: int, given: int | None = None) -> range:
        """The rows of a page."""
        first = (page - 1) * limit
        begin = first - limit if self.options.doubled_pages and page > 1 else first
        return range(begin, min(first + (given or limit), total))

    def _paging(self, limit: int, page: int, total: int) -> dict[str, Any]:
        claimed = int(total * self.options.total_factor)
        pages = -(-claimed // limit)
        reported: Any = str(claimed)
        if self.options.total_as is not None:
            reported = None if self.options.total_as == "null" else self.options.total_as
        return {"page": str(page), "perPage": str(limit), "totalPages": str(pages), "total": reported}

    def _list(self, entries: Sequence[dict[str, Any]]) -> Any:
        return entries[0] if len(entries) == 1 and self.options.single_as_object else entries

    def _mbid(self, method: str, artist: int, known: float, empty: float) -> dict[str, str]:
        """The mbid as one method gives it: present, empty or missing; occasionally another artist's."""
        drawn = self._seeded.unit(f"{method} mbid", artist)
        if drawn < known:
            stream = "other mbid" if method == "tracks" and drawn < 0.004 else "artist mbid"
            return {"mbid": self._seeded.uuid(stream, artist)}
        return {"mbid": ""} if drawn < known + empty else {}


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _url(name: str) -> str:
    return f"https://www.last.fm/music/{quote_plus(name, safe=',!')}"


def _page_of(name: str) -> dict[str, str]:
    return {"url": _url(name), "streamable": "0"}


def _error(
    code: int,
    message: str | None = None,
    status: int | None = None,
    links: bool = False,
    swapped: bool = False,
) -> Response:
    """An error body. Recorded ones differ in the order of their keys, and some have empty links."""
    body: dict[str, Any] = {"error": code, "message": message or _MESSAGES[code]}
    if swapped or code in (3, 29):
        body = {"message": body["message"], "error": code}
    if links:
        body["links"] = []
    return Response(status or _STATUSES[code], msgspec.json.encode(body))


def _not_found() -> _ErrorResponse:
    return _ErrorResponse(_error(6, "The artist you supplied could not be found", status=200, links=True))
