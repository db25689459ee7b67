"""One polite client per API key: identified, spaced, overlapping, patient, and silent about the key.

The client knows nothing of any API. What an answer means is told by the source's `read` function, which
returns what it understood, or raises `Retry`, or one of `include.errors`.
"""

import asyncio
import logging
import random
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import SimpleNamespace, TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import aiohttp
from aiolimiter import AsyncLimiter
from yarl import URL

from include.clock import utc_now
from include.errors import PipelineError, QuotaSpent, SourceRejected, SourceUnavailable, UnexpectedPayload
from include.sources.client.priority import Turns
from include.sources.client.quota import Quota

log = logging.getLogger(__name__)
Meaning = TypeVar("Meaning")

USER_AGENT = "musician-warehouse/1.0 (collects concerts and charts into a data warehouse)"
_SPACING = 1.025
"""Requests are spaced a little wider than the rate asks, so that jitter on their way does not break it."""
_MOST_BYTES = 32 << 20
"""Of a decompressed body: ten times a full page of Ticketmaster's."""
_DEEPEST = 64
_DEEP = re.compile(rb"[\[{]{%d}" % _DEEPEST)
"""Levels that open one after the other; msgspec refuses what is nested deeper in other ways."""
_LONGEST_REST = 86_400.0
"""Seconds for which a source is left alone at most, whatever it asks for."""
_SECONDS_IN_FLIGHT = 5
"""So many seconds' worth of requests may be under way at once: enough to keep the rate at that latency."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GET. `name` tells it from every other request of a run and is the same in every try of it."""

    name: str
    path: str
    params: Mapping[str, str]
    urgency: float = 0
    """Of the requests that wait for their turn, the most urgent is sent first."""

    def __str__(self) -> str:
        return f"{self.path}?{urlencode(self.params)}"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. The API key is blotted out of `body`, and bytes that are no UTF-8 are replaced."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    requests: int = 1
    """How many it took to get it, failed ones included."""

    def excerpt(self) -> str:
        """The beginning of the body, in one line, for messages."""
        return " ".join(self.body[:300].decode(errors="replace").split()) or "(empty body)"


class Retry(Exception):
    """Raised by a `read` function: the same request may be answered properly in a while.

    `patience` multiplies the wait. When every try is used up, `finally_raise` is what the caller gets.
    """

    def __init__(
        self, reason: str, *, patience: float = 1, finally_raise: type[PipelineError] = SourceUnavailable
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.patience = patience
        self.finally_raise = finally_raise


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how long, in seconds: 0.5, 1, 2, … each shortened by up to half at random."""

    tries: int = 6
    first: float = 0.5
    longest: float = 60

    def wait(self, attempt: int, patience: float) -> float:
        """Seconds to wait after the attempt of this number, counted from 0."""
        return min(self.longest, self.first * patience * 2.0**attempt) * random.uniform(0.5, 1)


@dataclass(slots=True)
class Client:
    """Asks one source. Use it as an async context manager, and one per API key at a time.

    Never more than `requests_per_second` requests start in any second; they start on the beat whether or
    not earlier ones were answered. Redirects are errors. Raises `SourceRejected` for a base URL that would
    carry the key over an unencrypted connection to another machine.
    """

    connection_id: str
    """The Airflow connection, which messages tell the reader to look at."""
    base_url: str
    key_parameter: str
    key: str = field(repr=False)
    requests_per_second: float
    backoff: Backoff = Backoff()
    timeout: float = 60
    """Seconds for one whole try."""
    quota: Quota | None = None
    """What counts the calls, if the source limits them."""
    allow_http: bool = False
    """Whether the base URL may be http on another machine than this one."""
    now: Callable[[], datetime] = utc_now
    sent: int = field(default=0, init=False)
    """Requests sent so far, failed tries included."""
    _key_forms: tuple[str, ...] = field(init=False, repr=False)
    """The key in every form in which it is blotted out."""
    _session: aiohttp.ClientSession = field(init=False, repr=False)
    _governor: AsyncLimiter = field(init=False, repr=False)
    _turns: Turns = field(init=False, repr=False)
    _slots: Turns = field(init=False, repr=False)
    _quiet_until: float = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        if address.scheme != "https" and not (
            address.scheme == "http" and (self.allow_http or _is_loopback(address.hostname))
        ):
            raise SourceRejected(
                f"The connection `{self.connection_id}` has the base URL {_bare(self.base_url)!r}, which is not "
                "https. The API key travels in the URL; correct the connection's host. (Only a sandbox sets "
                '`"allow_http": true` in the extra.)'
            )
        self._key_forms = key_forms(self.key)
        self._governor = AsyncLimiter(1, _SPACING / self.requests_per_second)
        self._turns = Turns(1)
        self._slots = Turns(max(2, round(_SECONDS_IN_FLIGHT * self.requests_per_second)))

    async def __aenter__(self) -> Self:
        connected = aiohttp.TraceConfig()
        connected.on_connection_create_end.append(self._wait_for_the_beat)
        connected.on_connection_reuseconn.append(self._wait_for_the_beat)
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None),  # `_send` has its own, in which waiting does not count
            connector=aiohttp.TCPConnector(limit=0),  # the slots are the limit: waiting sockets would bunch
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[connected],
        )
        # aiohttp would repeat a GET on a broken connection by itself: past the governor, and uncounted.
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
        self, request: Request, read: Callable[[Response], Meaning]
    ) -> AsyncIterator[tuple[Response, Meaning]]:
        """The answer, and what `read` made of it. As long as the block runs it counts as under way, so the
        answers held in memory are bounded.

        Raises `SourceUnavailable` after the last try, `SourceRejected` for a redirect, `QuotaSpent` when no
        call is left, and what `read` raises.
        """
        async with self._slots.turn(request.urgency):
            yield await self._ask_patiently(request, read)

    async def _ask_patiently(
        self, request: Request, read: Callable[[Response], Meaning]
    ) -> tuple[Response, Meaning]:
        for attempt in range(self.backoff.tries):
            least = 0.0
            try:
                response = await self._send(request)
                least = _retry_after(response)
                return replace(response, requests=attempt + 1), self._understood(response, read)
            except Retry as retry:
                problem = retry
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                problem = Retry(self._blotted(f"{type(error).__name__} {error}".strip()))
            if attempt + 1 == self.backoff.tries or least > self.backoff.longest:
                break
            wait = max(least, self.backoff.wait(attempt, problem.patience))
            if least or problem.patience > 1:  # meant for the key, not for this one request
                self._quiet_until = max(self._quiet_until, asyncio.get_running_loop().time() + wait)
            log.info("%s: %s; asking again in %.1f s: %s", self.connection_id, problem.reason, wait, request)
            await asyncio.sleep(wait)
        alone = least > self.backoff.longest
        advice = f"It asks to be left alone for {least:.0f} s. " if alone else ""
        raise problem.finally_raise(
            f"{self.connection_id} did not answer properly in {attempt + 1} tries: {self._shown(request)} "
            f"gave {problem.reason}. {advice}What was received is kept: the next try of the run goes on.",
            self.now() + timedelta(seconds=least) if alone else None,
        ) from None

    def _understood(self, response: Response, read: Callable[[Response], Meaning]) -> Meaning:
        try:
            return read(response)
        except QuotaSpent:
            if self.quota:
                raise self.quota.refused() from None
            raise

    async def _send(self, request: Request) -> Response:
        async with AsyncExitStack() as until_sent:
            await until_sent.enter_async_context(self._turns.turn(request.urgency))
            await self._keep_quiet()
            if self.quota:
                await self.quota.spend()
            async with asyncio.timeout(self.timeout) as patience:
                return await self._exchange(request, _Departure(until_sent, patience))

    async def _wait_for_the_beat(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, connection: object
    ) -> None:
        """What aiohttp calls when a request has its connection and would be written at once.

        Here, and not before it connects: requests that wait for a name or a handshake would be sent together.
        """
        departure: _Departure = context.trace_request_ctx
        departure.patience.reschedule(None)
        await self._governor.acquire()
        while await self._keep_quiet():
            await self._governor.acquire()  # or the next one would be sent at the same time
        departure.patience.reschedule(asyncio.get_running_loop().time() + self.timeout)
        self.sent += 1
        await departure.until_sent.aclose()

    async def _keep_quiet(self) -> bool:
        """Waits while the source wants to hear nothing; whether it did."""
        waited = False
        while (left := self._quiet_until - asyncio.get_running_loop().time()) > 0:
            waited = True
            await asyncio.sleep(left)
        return waited

    async def _exchange(self, request: Request, departure: "_Departure") -> Response:
        async with self._session.get(
            f"{self.base_url}{request.path}",
            params={**request.params, self.key_parameter: self.key},
            allow_redirects=False,
            trace_request_ctx=departure,
        ) as answer:
            text = (await _bounded(answer)).decode(errors="replace")  # JSON is UTF-8 (RFC 8259)
            response = Response(answer.status, answer.headers, self._blotted(text).encode(), self.now())
        if self.quota:
            self.quota.heard(response.headers)
        if 300 <= response.status < 400:
            raise SourceRejected(
                f"{self.connection_id} answered GET {self._shown(request)} with a redirect (HTTP "
                f"{response.status}), which is not followed because it would carry the API key elsewhere. "
                "Correct the connection's host."
            )
        return response

    def _shown(self, request: Request) -> str:
        return f"{_bare(self.base_url)}{request}"

    def _blotted(self, text: str) -> str:
        for form in self._key_forms:
            text = text.replace(form, "***")
        return text


@dataclass(frozen=True, slots=True)
class _Departure:
    """What changes at the moment a request is sent."""

    until_sent: AsyncExitStack
    """Holds the turn, which the next request then gets."""
    patience: asyncio.Timeout
    """How long the try may take."""


def key_forms(key: str) -> tuple[str, ...]:
    """The key as a source may echo it: plain, in a URL, in either case, in hexadecimal digits, in Base64.

    Base64 packs three bytes, so there it has three forms, by what stands before it; each without its ends, which
    depend on the neighbours.
    """
    data = key.encode()
    in_url = str(URL.build(query={"": key})).removeprefix("?=")
    forms = [key, in_url, quote(key, safe=""), quote_plus(key), data.hex()]
    for before in range(3):
        whole = b64encode(bytes(before) + data).decode()
        inner = whole[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        forms += [inner, inner.translate(str.maketrans("+/", "-_"))]
    longest_first = sorted(
        {each for form in forms[:5] for each in (form, form.lower(), form.upper())}, key=len
    )
    return tuple(dict.fromkeys([*reversed(longest_first), *forms[5:]]))


def _bare(url: str) -> str:
    """The URL without a user and password."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """The body, decompressed. Raises `Retry` when it is larger or deeper than any of the source's."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Retry(f"more than {_MOST_BYTES >> 20} MB", finally_raise=UnexpectedPayload)
    if _DEEP.search(body):
        raise Retry(f"JSON of more than {_DEEPEST} levels", finally_raise=UnexpectedPayload)
    return bytes(body)


def _retry_after(response: Response) -> float:
    """Seconds the answer's `Retry-After` header asks for; it holds seconds or an HTTP date (RFC 9110).

    A date is read by the source's own clock. Nobody is left alone for more than a day.
    """
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST_REST)
    until = http_date(text)
    now = http_date(response.headers.get("Date", "")) or response.received_at
    return min(max(0.0, (until - now).total_seconds()), _LONGEST_REST) if until else 0.0


def http_date(text: str) -> datetime | None:
    """The instant an HTTP date names (RFC 9110); None if it names none."""
    try:
        at = parsedate_to_datetime(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
