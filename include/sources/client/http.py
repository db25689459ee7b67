"""One polite client per API key: identified, spaced, overlapping, patient, and silent about the key.

The client knows nothing about any particular API. Each source passes a `read` function that interprets a
response: it returns the parsed value, or raises `Retry` or one of `include.errors`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from types import SimpleNamespace, TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import aiohttp

from include.clock import utc_now
from include.errors import QuotaSpent, SourceRejected, UnexpectedPayload
from include.sources.client.http_headers import retry_after
from include.sources.client.messages import Backoff, Request, Response, Retry
from include.sources.client.nesting import is_deeper, without_deeper
from include.sources.client.pace import Pace
from include.sources.client.priority import PrioritySemaphore
from include.sources.client.quota import Quota
from include.sources.client.redaction import Redaction, without_login

log = logging.getLogger(__name__)
Parsed = TypeVar("Parsed")

USER_AGENT = "musician-warehouse/1.0 (collects concerts and charts into a data warehouse)"
_MAX_BYTES = 32 << 20
"""The largest decompressed body accepted: ten times a full page from Ticketmaster."""
_MAX_DEPTH = 64
"""Levels of nesting; a value that is more deeply nested becomes null."""
_MOST_DEPTH = 1_000
"""A response with a value that is more deeply nested is no response."""
_LARGE = 4 << 20
"""Larger bodies are received one at a time, so that many concurrent ones cannot fill the memory."""
_SECONDS_IN_FLIGHT = 5
"""How many seconds' worth of requests may be in flight at once: enough to keep the rate at that latency."""


@dataclass(slots=True)
class Client:
    """Sends requests to one source. An async context manager; use only one per API key at a time.

    At most `requests_per_second` requests start in any second; they start at a steady rate, without waiting
    for earlier responses. Redirects are errors. Raises `SourceRejected` for a base URL that would send the
    key to another machine unencrypted.
    """

    connection_id: str
    """The Airflow connection, which messages name."""
    base_url: str
    key_parameter: str
    key: str = field(repr=False)
    requests_per_second: float
    backoff: Backoff = field(default_factory=Backoff)
    timeout: float = 60
    """Seconds for one whole try."""
    quota: Quota | None = None
    """Counts the calls, if the source limits them."""
    allow_http: bool = False
    """Whether the base URL may use http to a machine other than this one."""
    now: Callable[[], datetime] = utc_now
    sent: int = field(default=0, init=False)
    """Requests sent so far, failed tries included."""
    _redacted: Redaction = field(init=False, repr=False)
    """The key in every form in which it is redacted."""
    _session: aiohttp.ClientSession = field(init=False, repr=False)
    _pace: Pace = field(init=False, repr=False)
    _send_order: PrioritySemaphore = field(init=False, repr=False)
    """One request at a time is about to be sent: the most urgent."""
    _in_flight: PrioritySemaphore = field(init=False, repr=False)
    _large: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    """Held by the one request whose body is large."""

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        if address.scheme != "https" and not (
            address.scheme == "http" and (self.allow_http or _is_loopback(address.hostname))
        ):
            raise SourceRejected(
                f"The connection `{self.connection_id}` has the base URL {without_login(self.base_url)!r}, which is "
                "not https. The API key travels in the URL; correct the connection's host. (Only a sandbox sets "
                '`"allow_http": true` in the extra.)'
            )
        self._redacted = Redaction(self.key)
        self._pace = Pace(self.requests_per_second)
        self._send_order = PrioritySemaphore(1)
        self._in_flight = PrioritySemaphore(max(2, round(_SECONDS_IN_FLIGHT * self.requests_per_second)))

    async def __aenter__(self) -> Self:
        connected = aiohttp.TraceConfig()
        connected.on_connection_create_end.append(self._wait_to_send)
        connected.on_connection_reuseconn.append(self._wait_to_send)
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(
                total=None
            ),  # `_send` has its own, which excludes time spent waiting
            connector=aiohttp.TCPConnector(
                limit=0
            ),  # `_in_flight` is the limit: a second one would cause bursts
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[connected],
        )
        # Otherwise aiohttp repeats a GET on a broken connection by itself, uncounted and past the rate limit.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        if self.quota:
            await self.quota.close()

    @asynccontextmanager
    async def get(
        self, request: Request, read: Callable[[Response], Parsed]
    ) -> AsyncIterator[tuple[Response, Parsed]]:
        """The response, and what `read` made of it. The request counts as in flight until the block ends,
        which bounds the number of responses in memory.

        Raises `SourceUnavailable` after the last try, `SourceRejected` for a redirect, `QuotaSpent` when no
        call is left, and whatever `read` raises.
        """
        async with self._in_flight.acquire(request.urgency), AsyncExitStack() as until_done:
            yield await self._get_with_retries(request, read, until_done)

    async def _get_with_retries(
        self, request: Request, read: Callable[[Response], Parsed], until_done: AsyncExitStack
    ) -> tuple[Response, Parsed]:
        for attempt in range(self.backoff.tries):
            least = 0.0
            try:
                response = await self._send(request, until_done)
                least = retry_after(response.headers, response.received_at)
                return replace(response, requests=attempt + 1), self._read(response, read)
            except Retry as retry:
                problem = retry
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                problem = Retry(self._redacted(f"{type(error).__name__} {error}".strip()))
            await until_done.aclose()
            if attempt + 1 == self.backoff.tries or least > self.backoff.longest:
                break
            wait = max(least, self.backoff.wait(attempt, problem.patience))
            if least or problem.patience > 1:  # concerns the key, not just this request
                self._pace.pause(wait)
            log.info("%s: %s; retrying in %.1f s: %s", self.connection_id, problem.reason, wait, request)
            await asyncio.sleep(wait)
        too_long = least > self.backoff.longest
        advice = f"It asks clients to wait {least:.0f} s. " if too_long else ""
        raise problem.finally_raise(
            f"{self.connection_id} gave no usable response in {attempt + 1} tries (last: "
            f"{problem.reason} for {self._shown(request)}). {advice}All earlier responses are kept: the next try "
            "of the run continues from them.",
            self.now() + timedelta(seconds=least) if too_long else None,
        ) from None

    def _read(self, response: Response, read: Callable[[Response], Parsed]) -> Parsed:
        try:
            return read(response)
        except QuotaSpent:
            if self.quota:
                raise self.quota.exhausted() from None
            raise

    async def _send(self, request: Request, until_done: AsyncExitStack) -> Response:
        async with AsyncExitStack() as until_sent:
            await until_sent.enter_async_context(self._send_order.acquire(request.urgency))
            await self._pace.wait_out_pause()
            if self.quota:
                await self.quota.spend()
            async with asyncio.timeout(self.timeout) as deadline:
                return await self._exchange(request, _Sending(until_sent, until_done, deadline))

    async def _wait_to_send(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, connection: object
    ) -> None:
        """Called by aiohttp when a request has its connection and is about to be written.

        Waiting before it connects would not do: requests held up by DNS or a handshake would leave in a burst.
        """
        sending: _Sending = context.trace_request_ctx
        sending.deadline.reschedule(None)
        await self._pace.wait()
        sending.deadline.reschedule(self._deadline())
        self.sent += 1
        await sending.until_sent.aclose()

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self.timeout

    async def _exchange(self, request: Request, sending: "_Sending") -> Response:
        async with self._session.get(
            f"{self.base_url}{request.path}",
            params={**request.params, self.key_parameter: self.key},
            allow_redirects=False,
            trace_request_ctx=sending,
        ) as received:
            text = (await self._body(received, sending)).decode(errors="replace")  # JSON is UTF-8 (RFC 8259)
            response = Response(received.status, received.headers, self._redacted(text).encode(), self.now())
        if self.quota:
            self.quota.update_from(response.headers)
        if 300 <= response.status < 400:
            raise SourceRejected(
                f"{self.connection_id} responded to GET {self._shown(request)} with a redirect (HTTP "
                f"{response.status}), which is not followed because it would send the API key elsewhere. "
                "Correct the connection's host."
            )
        return response

    async def _body(self, response: aiohttp.ClientResponse, sending: "_Sending") -> bytes:
        """The body, decompressed, without what is more deeply nested than anything real.

        Raises `Retry` if it is larger, or far more deeply nested, than any real one.
        """
        body, is_large = bytearray(), False
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > _MAX_BYTES:
                body.clear()  # the error, kept during the wait, refers to it
                raise Retry(f"more than {_MAX_BYTES >> 20} MB", finally_raise=UnexpectedPayload)
            if len(body) > _LARGE and not is_large:
                is_large = True
                sending.deadline.reschedule(None)
                await sending.until_done.enter_async_context(self._large)
                sending.deadline.reschedule(self._deadline())
        if is_deeper(body, _MAX_DEPTH):
            try:
                return await asyncio.to_thread(without_deeper, body, _MAX_DEPTH, _MOST_DEPTH)
            except ValueError as error:
                raise Retry(str(error), finally_raise=UnexpectedPayload) from None
        return bytes(body)

    def _shown(self, request: Request) -> str:
        return f"{without_login(self.base_url)}{request}"


@dataclass(frozen=True, slots=True)
class _Sending:
    """What ends or begins at the moment a request is sent."""

    until_sent: AsyncExitStack
    """Keeps its place in the send order, which the next request takes over."""
    until_done: AsyncExitStack
    """Keeps other large bodies waiting."""
    deadline: asyncio.Timeout
    """When the try times out."""


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
