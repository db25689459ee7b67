"""A stand-in for the Last.fm API 2.0, with its quirks and limits, over a seeded catalogue.

Endpoint  GET /2.0/?method=geo.getTopArtists | chart.getTopArtists | artist.getTopTracks | artist.getInfo |
          artist.getCorrection, format=json
Errors    {"error", "message"} bodies as recorded, several of them with HTTP 200
Source    what users of the real API observed, and recorded responses of 2025
"""

from collections import deque
from typing import Any

import msgspec
from aiohttp import web

from sandbox.faults import Fault, Response
from sandbox.gateway import Gateway
from sandbox.lastfm.errors import ErrorResponse, error, not_found
from sandbox.lastfm.methods import Methods
from sandbox.lastfm.options import LastfmOptions
from sandbox.lastfm.paging import Params, limit_of, page_of, paging
from sandbox.world.catalog import Catalog


def application(catalog: Catalog, options: LastfmOptions | None = None) -> web.Application:
    """The stand-in as an aiohttp application."""
    return Gateway(Lastfm(catalog, options or LastfmOptions()), "api_key").application()


class Lastfm:
    """Serves requests from a catalogue. `options` may be replaced at any time."""

    def __init__(self, catalog: Catalog, options: LastfmOptions) -> None:
        self.options: Any = options
        self._methods = Methods(catalog, lambda: self.options).by_name
        self._admitted: deque[float] = deque()
        self._asked = 0

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
            return error(10)
        if options.suspended:
            return error(26)
        if options.requests_per_second is not None:
            while self._admitted and self._admitted[0] <= now - options.limit_period:
                self._admitted.popleft()
            if len(self._admitted) >= options.requests_per_second * options.limit_period:
                return error(29, status=options.limit_status)
            self._admitted.append(now)
        return None

    def failure(self, fault: Fault, params: Params) -> Response:
        """The error body that the fault injects."""
        if fault.kind == "no_items":
            attributes = paging(self.options, limit_of(params), page_of(params), 0)
            empty: Any = {"topartists": {"artist": [], "@attr": attributes}}
            if "artist" in params:
                empty = {"toptracks": {"track": [], "@attr": {"artist": params["artist"]} | attributes}}
            return Response(200, msgspec.json.encode(empty))
        if fault.kind == "error_none":
            return Response(503, b'{"message": "Something went wrong"}')
        if not fault.kind.startswith("error_"):
            raise ValueError(f"Last.fm has no fault {fault.kind}")
        code = int(fault.kind.removeprefix("error_"))
        if code == 6:
            return not_found().response
        return error(code, status=self.options.limit_status if code == 29 else None)

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
            return error(3)
        try:
            return Response(200, msgspec.json.encode(method(params)))
        except ErrorResponse as raised:
            return raised.response
