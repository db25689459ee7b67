"""What both API stand-ins share: latency, injected faults, gzip, a log of requests, and how to control them.

GET  /sandbox/requests    {"count", "in_flight_peak", "statuses": {"200": …}, "requests": [{"number", "at",
                          "path", "params", "status", "fault"}, …]}; "at" is monotonic seconds, the key is
                          left out; ?after=N lists only requests after number N
GET  /sandbox/options     the current options
POST /sandbox/options     JSON object: changes the options it names and returns all current ones
POST /sandbox/reset       forgets requests, quota and faults, and restores the initial options
"""

import asyncio
import copy
import time
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from sandbox.faults import BROKEN, Fault, Response, bad_body, break_off
from sandbox.world.seeded import Seeded


@dataclass
class GatewayOptions:
    """Options of both stand-ins."""

    key: str = "sandbox-key"
    """The only API key that is accepted."""
    key_revoked_after: int | None = None
    """After this many requests the key is rejected."""
    latency: float = 0.0
    """Seconds a response takes."""
    latency_jitter: float = 0.0
    """The most seconds added to that, drawn per request."""
    faults: list[Fault] = field(default_factory=list)
    """Requests that fail; see "a fault" for what each may say."""
    fault_seed: int = 1
    """Determines which requests a `share` of faults hits."""


Options = TypeVar("Options", bound=GatewayOptions)


def with_changes(options: Options, changes: Mapping[str, Any]) -> Options:
    """The options with some changed. Raises `ValueError` for unknown names and wrong values."""
    known = {option.name for option in fields(options)}
    if unknown := sorted(set(changes) - known):
        raise ValueError(f"no option {', '.join(unknown)}; the options are {', '.join(sorted(known))}")
    return msgspec.convert(asdict(options) | dict(changes), type(options))


class Source(Protocol):
    """What a stand-in adds to the gateway."""

    @property
    def options(self) -> GatewayOptions: ...

    @options.setter
    def options(self, options: Any) -> None: ...

    def admit(self, path: str, params: Mapping[str, str], now: float) -> Response | None:
        """The error response if the key or a limit rejects the request, or None. `now` is monotonic seconds."""

    def respond(self, path: str, params: Mapping[str, str], number: int) -> Response:
        """The response to an admitted request; `number` counts all requests from 1."""

    def failure(self, fault: Fault, params: Mapping[str, str]) -> Response:
        """The response for an injected fault that is an error of this API."""

    def reset(self) -> None:
        """Resets the limits."""


class Gateway:
    """Serves one stand-in."""

    def __init__(self, source: Source, key_parameter: str) -> None:
        self._source = source
        self._key_parameter = key_parameter
        self._initial = copy.deepcopy(source.options)
        self._log: list[dict[str, Any]] = []
        self._fired: Counter[int] = Counter()
        self._in_flight = self._in_flight_peak = 0

    def application(self) -> web.Application:
        """The application: the control paths, and the stand-in at every other path."""
        application = web.Application()
        application.router.add_get("/sandbox/requests", self._requests)
        application.router.add_get("/sandbox/options", self._options)
        application.router.add_post("/sandbox/options", self._change)
        application.router.add_post("/sandbox/reset", self._reset)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return application

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        now = time.monotonic()
        source, params = self._source, dict(request.query)
        entry: dict[str, Any] = {
            "number": len(self._log) + 1,
            "at": now,
            "path": request.path,
            "params": {name: value for name, value in params.items() if name != self._key_parameter},
            "status": None,
            "fault": None,
        }
        self._log.append(entry)
        self._in_flight += 1
        self._in_flight_peak = max(self._in_flight_peak, self._in_flight)
        try:
            if rejection := source.admit(request.path, params, now):
                entry["status"] = rejection.status
                return await self._send(request, rejection)
            options = source.options
            drawn = Seeded(options.fault_seed).unit("latency", entry["number"])
            await asyncio.sleep(options.latency + options.latency_jitter * drawn)
            fault = self._fault(entry["number"], params)
            if fault:
                entry["fault"] = fault.kind
                return await self._fail(request, fault, params, entry)
            response = source.respond(request.path, params, entry["number"])
            entry["status"] = response.status
            return await self._send(request, response)
        finally:
            self._in_flight -= 1

    def _fault(self, number: int, params: Mapping[str, str]) -> Fault | None:
        seeded = Seeded(self._source.options.fault_seed)
        for place, fault in enumerate(self._source.options.faults):
            if fault.times is not None and self._fired[place] >= fault.times:
                continue
            if any(params.get(name) != value for name, value in fault.where.items()):
                continue
            every = not fault.at and not fault.share
            if every or number in fault.at or seeded.unit(f"fault {place}", number) < fault.share:
                self._fired[place] += 1
                return fault
        return None

    async def _fail(
        self, request: web.Request, fault: Fault, params: Mapping[str, str], entry: dict[str, Any]
    ) -> web.StreamResponse:
        if fault.kind in BROKEN:
            whole = self._source.respond(request.path, params, entry["number"])
            entry["status"] = whole.status if fault.kind == "truncated" else None
            return await break_off(request, fault.kind, whole)
        response = bad_body(fault.kind) or self._source.failure(fault, params)
        headers = dict(response.headers)
        if fault.retry_after is not None:
            after = fault.retry_after
            headers["Retry-After"] = after if isinstance(after, str) else f"{after:g}"
        entry["status"] = fault.status or response.status
        return await self._send(request, Response(entry["status"], response.body, headers))

    async def _send(self, request: web.Request, response: Response) -> web.Response:
        headers = {"Content-Type": "application/json;charset=utf-8", **response.headers}
        body = response.body
        if "gzip" in request.headers.get("Accept-Encoding", "") and len(body) > 256:
            body = await asyncio.to_thread(_gzip, body) if len(body) > 100_000 else _gzip(body)
            headers["Content-Encoding"] = "gzip"
        sent = web.Response(status=response.status, body=body, headers=headers)
        if response.status == 200:
            sent.enable_chunked_encoding()  # neither API sends a Content-Length with its data
        return sent

    async def _requests(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        statuses = Counter(str(entry["status"]) for entry in self._log)
        return web.json_response({
            "count": len(self._log), "in_flight_peak": self._in_flight_peak, "statuses": statuses,
            "requests": self._log[after:],
        })  # fmt: skip

    async def _options(self, request: web.Request) -> web.Response:
        shown = asdict(self._source.options)
        del shown["key"]
        return web.json_response(shown)

    async def _change(self, request: web.Request) -> web.Response:
        changes = await request.json()
        try:
            self._source.options = with_changes(self._source.options, changes)
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        if "faults" in changes:
            self._fired.clear()
        return await self._options(request)

    async def _reset(self, request: web.Request) -> web.Response:
        self._log.clear()
        self._fired.clear()
        self._in_flight_peak = self._in_flight
        self._source.options = copy.deepcopy(self._initial)
        self._source.reset()
        return await self._options(request)


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(level=1, wbits=31)
    return compressor.compress(body) + compressor.flush()
