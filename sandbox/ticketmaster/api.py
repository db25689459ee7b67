"""A stand-in for the Ticketmaster Discovery API, with its quirks and limits, over a seeded catalogue.

Endpoint  GET /discovery/v2/events.json (or /events), /discovery/v2/events/{id}.json
Errors    bodies as recorded: 401, 429 spike and quota, DIS1004, DIS1015, DIS1024, DIS1035, DIS1036
Source    what users of the real API observed
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import msgspec
from aiohttp import web

from sandbox.faults import Fault, Response
from sandbox.gateway import Gateway
from sandbox.ticketmaster import errors
from sandbox.ticketmaster.oddities import (
    poisonous,
    reported,
    shown,
)
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.ticketmaster.page_links import page_links
from sandbox.ticketmaster.search import BadDate
from sandbox.ticketmaster.world import World
from sandbox.world.catalog import Catalog


def application(catalog: Catalog, options: TicketmasterOptions | None = None) -> web.Application:
    """The stand-in as an aiohttp application."""
    return Gateway(Ticketmaster(catalog, options or TicketmasterOptions()), "apikey").application()


class Ticketmaster:
    """Serves requests from a catalogue. `options` may be replaced at any time."""

    def __init__(self, catalog: Catalog, options: TicketmasterOptions) -> None:
        self.options: Any = options
        self._catalog = catalog
        self._worlds: dict[tuple[Any, ...], World] = {}
        self.reset()

    def reset(self) -> None:
        """Forgets the quota and the last request."""
        self._last_admitted = float("-inf")
        self._used = 0
        self._period_ends = float("-inf")
        self._resets_at = 0
        self._asked = 0

    def admit(self, path: str, params: Mapping[str, str], now: float) -> Response | None:
        """A 401 or 429, or None if the request is admitted."""
        options: TicketmasterOptions = self.options
        self._asked += 1
        revoked = options.key_revoked_after is not None and self._asked > options.key_revoked_after
        if params.get("apikey") != options.key or revoked:
            return errors.gateway_fault(401, "Invalid ApiKey", "oauth.v2.InvalidApiKey")
        if options.requests_per_second is not None:
            spacing = 1 / options.requests_per_second - options.spike_tolerance
            if now - self._last_admitted < spacing:
                return errors.spike_arrest(options.requests_per_second)
        self._last_admitted = now
        if now >= self._period_ends:
            self._used, self._period_ends = 0, now + options.quota_period
            self._resets_at = int((time.time() + options.clock_offset + options.quota_period) * 1000)
        self._used += 1  # 400s consume quota too
        if options.daily_quota is not None and self._used > options.daily_quota:
            return errors.quota_violation(options.key)
        return None

    def failure(self, fault: Fault, params: Mapping[str, str]) -> Response:
        """The error that the fault injects."""
        if fault.kind == "quota":
            return errors.quota_violation(self.options.key)
        if fault.kind == "quota_401":
            return Response(401, errors.quota_violation(self.options.key).body)
        if fault.kind == "spike":
            return errors.spike_arrest(self.options.requests_per_second or 5.0)
        if fault.kind == "dis_404":
            return errors.error(404, "DIS1004", "Resource not found with provided criteria", "404")
        if fault.kind == "wall":
            return errors.too_deep(self.options.paging_depth or 1_000)
        if fault.kind in ("no_hits", "no_events"):
            response = self._page("/discovery/v2/events.json", params, 1)
            if response.status != 200:
                return response
            whole = msgspec.json.decode(response.body)
            whole.pop("_embedded", None)
            if fault.kind == "no_hits":
                whole["page"] |= {"totalElements": 0, "totalPages": 0}
            return Response(200, msgspec.json.encode(whole))
        raise ValueError(f"Ticketmaster has no fault {fault.kind}")

    def respond(self, path: str, params: Mapping[str, str], number: int) -> Response:
        """The page of events, the event, or the error."""
        if path in ("/discovery/v2/events", "/discovery/v2/events.json"):
            response = self._page(path, params, number)
        elif path.startswith("/discovery/v2/events/"):
            response = self._detail(path.rsplit("/", 1)[1].removesuffix(".json"), params)
        else:
            return Response(404, b"")
        headers = {"Date": self._date()} if self.options.clock_offset else {}
        if response.status == 200:
            headers |= self._rate_headers()
        return Response(response.status, response.body, {**response.headers, **headers})

    def _date(self) -> str:
        return formatdate(time.time() + float(self.options.clock_offset), usegmt=True)

    def _rate_headers(self) -> dict[str, str]:
        quota = self.options.daily_quota or 5_000
        return {
            "Rate-Limit": str(quota),
            "Rate-Limit-Available": str(max(0, quota - self._used)),
            "Rate-Limit-Over": "0",
            "Rate-Limit-Reset": str(self._resets_at),
        }

    def _world(self) -> "World":
        options: TicketmasterOptions = self.options
        key = (options.bulk, options.crowd, options.crowd_states, options.foreign_venues)
        if key not in self._worlds:
            self._worlds = {key: World(self._catalog, options)}
        return self._worlds[key]

    def _detail(self, identifier: str, params: Mapping[str, str]) -> Response:
        world = self._world()
        row = world.search.row_of(identifier)
        if row is None:
            locale = params.get("locale", "en-us")
            return errors.error(
                404,
                "DIS1004",
                f"Resource not found with provided criteria (locale={locale}, id={identifier})",
                "404",
            )
        return Response(200, world.event(row, options=self.options, number=0))

    def _page(self, path: str, params: Mapping[str, str], number: int) -> Response:
        options: TicketmasterOptions = self.options
        size, page = _whole(params.get("size", "20")), _whole(params.get("page", "0"))
        if size is None or size > 200:
            return errors.error(400, "DIS1036", 'Query param "size" must be less than 200')
        size = min(size, options.page_size or size)
        if (
            page is None
        ):  # this code is a guess: no recording shows the response to a page that is not a number
            return errors.error(400, "DIS1037", 'Query param "page" must be a number')
        offset = page * size
        if options.total_cap is not None and offset >= options.total_cap - 20:
            return errors.error(400, "DIS1024", "Results limit exceeded", "400")
        if options.paging_depth is not None and offset > options.paging_depth:
            return errors.too_deep(options.paging_depth)
        world = self._world()
        try:
            found = world.search.find(params, options, number)
        except BadDate:
            form = "YYYY-MM-DDTHH:mm:ssZ {example: 2020-08-01T14:00:00Z }"
            return errors.error(
                400, "DIS1015", f"Query param with date must be of valid format {form}", link="self"
            )
        if not len(found.rows) and options.empty_as_404:
            return errors.error(404, "DIS1004", "Resource not found with provided criteria", "404")
        total = reported(world.catalog, options, len(found.rows), number)
        total = total if options.total_cap is None else min(total, options.total_cap)
        pages = -(-total // (20 if options.pages_of_20 else size)) if size else 0
        shown_size = max(0, size - options.short_pages)
        rows = found.slice(page * shown_size, (page + 1) * shown_size, options, number, world.name)
        if poisonous(world.catalog, options, rows):
            return Response(500, b"<html><body><h1>Internal Server Error</h1></body></html>")
        rows = shown(world.catalog, options, rows)
        if options.broken_last_page and page == pages - 1:
            rows = rows[:0]
        envelope = msgspec.json.encode({
            "_links": page_links(path, params, page, pages),
            "page": {"size": size, "totalElements": total, "totalPages": pages, "number": page},
        })  # fmt: skip
        if not len(rows):
            return Response(200, envelope)
        events = b",".join([world.event(int(row), options, number) for row in rows])
        return Response(200, b'{"_embedded":{"events":[' + events + b"]}," + envelope[1:])


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
