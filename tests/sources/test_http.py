"""The polite client, against a server on loopback whose responses each test chooses."""

import asyncio
import itertools
import json
import logging
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from include.errors import SourceRejected, SourceUnavailable, UnexpectedPayload
from include.sources.client import http
from include.sources.client.http import Client
from include.sources.client.http_headers import retry_after
from include.sources.client.messages import Backoff, Request, Response, Retry

KEY = "s3cret/key"
REQUEST = Request("one", "/events.json", {"page": "0", "q": "AC/DC & more"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Source:
    """A server that responds with `handlers` one after another, and keeps repeating the last."""

    handlers: list[Handler]
    url: str = ""
    at: list[float] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.at.append(time.monotonic())
        self.requests.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            return await self.handlers[min(len(self.at), len(self.handlers)) - 1](request)
        finally:
            self.in_flight -= 1


Serve = Callable[..., Awaitable[Source]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a `Source` with these handlers."""
    servers = []

    async def start(*handlers: Handler) -> Source:
        source = Source(list(handlers))
        application = web.Application()
        application.router.add_get("/{path:.*}", source.serve)
        server = TestServer(application)
        await server.start_server(access_log=None)
        servers.append(server)
        source.url = f"http://127.0.0.1:{server.port}"
        return source

    yield start
    for server in servers:
        await server.close()


def text(body: str, status: int = 200, **headers: str) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(
            text=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    return handle


async def cut_off(request: web.Request) -> web.StreamResponse:
    """Half a response, then the connection breaks."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"half":')
    assert request.transport is not None
    request.transport.abort()
    return response


async def broken(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


def client(source: Source, rate: float = 500, tries: int = 4, timeout: float = 5) -> Client:
    return Client("thesource", source.url, "apikey", KEY, rate, Backoff(tries, 0.002, 0.3), timeout)


def read(response: Response) -> bytes:
    """200 is accepted, 404 rejected, 418 has an unexpected shape; anything else is temporary."""
    if response.status == 404:
        raise SourceRejected("not there")
    if response.status == 418:
        raise Retry("a teapot", finally_raise=UnexpectedPayload)
    if response.status == 429:
        raise Retry("slow down", patience=20)
    if response.status != 200:
        raise Retry(f"HTTP {response.status} {response.excerpt()}")
    return response.body


async def get(asking: Client, request: Request = REQUEST) -> bytes:
    async with asking.get(request, read) as (_, body):
        return body


async def test_a_response_is_returned_with_its_parsed_value(serve: Serve) -> None:
    source = await serve(text("hello"))
    async with client(source) as asking, asking.get(REQUEST, read) as (response, meaning):
        assert (response.status, meaning) == (200, b"hello")
        assert abs(datetime.now(UTC) - response.received_at) < timedelta(seconds=5)


async def test_requests_have_the_parameters_the_key_and_a_user_agent(serve: Serve) -> None:
    source = await serve(text("hello"))
    async with client(source) as asking:
        await get(asking)
    [request] = source.requests
    assert dict(request.query) == {"page": "0", "q": "AC/DC & more", "apikey": KEY}
    assert request.headers["User-Agent"].startswith("musician-warehouse/1.0 (")
    assert "gzip" in request.headers["Accept-Encoding"]


async def test_what_is_nested_too_deep_costs_only_itself(serve: Serve) -> None:
    source = await serve(text('[{"id": "e1", "hologram": %s1%s}, {"id": "e2"}]' % ("[" * 900, "]" * 900)))  # noqa: UP031
    async with client(source) as asking:
        found = json.loads(await get(asking))
        assert asking.sent == 1
    assert [event["id"] for event in found] == ["e1", "e2"]
    assert json.dumps(found[0]["hologram"]) == "[" * 62 + "null" + "]" * 62


@pytest.mark.parametrize("failure", [cut_off, broken, text("<html>", 503), text("", 500), text("", 429)])
async def test_temporary_failures_are_retried(serve: Serve, failure: Handler) -> None:
    source = await serve(failure, failure, text("hello"))
    async with client(source) as asking:
        assert await get(asking) == b"hello"
        assert asking.sent == 3


async def test_a_request_that_hangs_is_retried(serve: Serve) -> None:
    source = await serve(silent, text("hello"))
    async with client(source, timeout=0.1) as asking:
        assert await get(asking) == b"hello"


async def test_a_lasting_failure_is_reported_with_source_address_and_last_response(serve: Serve) -> None:
    source = await serve(text("<h1>Down</h1>", 503))
    async with client(source, tries=3) as asking:
        with pytest.raises(SourceUnavailable) as raised:
            await get(asking)
    assert len(source.at) == 3
    for part in ("thesource", "3 tries", f"{source.url}/events.json?page=0", "HTTP 503 <h1>Down</h1>"):
        assert part in str(raised.value)


async def test_an_unreachable_server_is_reported_as_unavailable() -> None:
    async with client(Source([], "http://127.0.0.1:1"), tries=2) as asking:
        with pytest.raises(SourceUnavailable, match="thesource"):
            await get(asking)


async def test_a_retry_can_choose_the_final_error(serve: Serve) -> None:
    source = await serve(text("", 418))
    async with client(source) as asking:
        with pytest.raises(UnexpectedPayload, match="a teapot"):
            await get(asking)


async def test_a_rejected_request_is_not_retried(serve: Serve) -> None:
    source = await serve(text("", 404))
    async with client(source) as asking:
        with pytest.raises(SourceRejected, match="not there"):
            await get(asking)
    assert len(source.at) == 1


async def test_redirects_are_not_followed(serve: Serve) -> None:
    elsewhere = await serve(text("gotcha"))
    source = await serve(text("", 302, Location=f"{elsewhere.url}/events.json"))
    async with client(source) as asking:
        with pytest.raises(SourceRejected, match=r"redirect \(HTTP 302\)"):
            await get(asking)
    assert not elsewhere.at


async def test_retry_after_in_seconds_is_honoured_by_every_request(serve: Serve) -> None:
    source = await serve(text("", 503, Retry_After="1"), text("hello"))
    async with client(source) as asking:
        asking.backoff = Backoff(tries=2, first=0.001, longest=10)
        first = asyncio.create_task(get(asking))
        await asyncio.sleep(0.2)
        await asyncio.gather(first, get(asking))
    assert min(at - source.at[0] for at in source.at[1:]) >= 1


async def test_retry_after_as_a_date_is_honoured(serve: Serve) -> None:
    until = datetime.now(UTC) + timedelta(seconds=2)
    source = await serve(text("", 503, Retry_After=format_datetime(until, usegmt=True)), text("hello"))
    async with client(source) as asking:
        asking.backoff = Backoff(tries=2, first=0.001, longest=10)
        await get(asking)
    assert datetime.now(UTC) >= until.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1" + "0" * 20, 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Sun, 22 Nov 2026 06:00:30 GMT", 30),  # half a minute after the source's own clock
        ("Sun, 22 Nov 2026 05:59:00 GMT", 0),
        ("in a moment", 0),
        ("-5", 0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
        ("", 0),
    ],
)
def test_retry_after_is_at_most_a_day_by_the_clock_of_the_source(text: str, seconds: float) -> None:
    headers = {"Retry-After": text, "Date": "Sun, 22 Nov 2026 06:00:00 GMT"}
    for days_ahead in (-1, 0, 1):
        received_at = datetime(2026, 11, 22 + days_ahead, 6, tzinfo=UTC)
        assert retry_after(headers, received_at) == seconds


async def test_a_source_that_asks_for_too_long_a_wait_gets_no_further_requests(serve: Serve) -> None:
    source = await serve(text("", 503, Retry_After="3600"))
    async with client(source) as asking:
        with pytest.raises(SourceUnavailable, match="clients to wait 3600 s"):
            await get(asking)
    assert len(source.at) == 1


def test_waits_double_are_jittered_and_bounded() -> None:
    backoff = Backoff(tries=9, first=1, longest=30)
    for attempt, ceiling in enumerate([1, 2, 4, 8, 16, 30, 30]):
        waits = [backoff.wait(attempt, patience=1) for _ in range(200)]
        assert ceiling / 2 <= min(waits) < max(waits) <= ceiling
    assert 10 <= backoff.wait(0, patience=20) <= 20


async def test_no_second_has_more_requests_than_allowed_and_there_are_no_bursts(serve: Serve) -> None:
    source = await serve(text("hello"))
    rate = 20
    async with client(source, rate) as asking:
        await asyncio.gather(*(get(asking) for _ in range(45)))
    spaces = [later - earlier for earlier, later in itertools.pairwise(source.at)]
    assert sorted(spaces)[len(spaces) // 2] > 0.9 / rate
    for start in source.at:  # one more, because the server records a request only when its loop runs
        assert sum(start <= at < start + 1 for at in source.at) <= rate + 1


async def test_requests_that_wait_for_a_connection_are_not_sent_together(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo

    async def slowly(*arguments: Any, **keywords: Any) -> Any:
        await asyncio.sleep(0.5)
        return await resolve(*arguments, **keywords)

    monkeypatch.setattr(loop, "getaddrinfo", slowly)
    source = await serve(text("hello"))
    source.url = source.url.replace("127.0.0.1", "localhost")
    rate = 20
    async with client(source, rate) as asking:
        await asyncio.gather(*(get(asking) for _ in range(5)))
    assert min(later - earlier for earlier, later in itertools.pairwise(source.at)) > 0.5 / rate


async def test_waiting_for_its_turn_is_not_counted_against_a_request(serve: Serve) -> None:
    source = await serve(text("hello"))
    async with client(source, rate=2, timeout=0.2) as asking:
        await asyncio.gather(*(get(asking) for _ in range(3)))
        assert asking.sent == 3


async def test_requests_start_at_a_steady_rate_without_waiting_for_earlier_responses(serve: Serve) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.Response(text="hello")

    source = await serve(slow)
    async with client(source, rate=20) as asking:
        await asyncio.gather(*(get(asking) for _ in range(20)))
    assert source.peak >= 3


async def test_the_number_of_responses_in_memory_is_limited(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_SECONDS_IN_FLIGHT", 0.01)
    source = await serve(text("hello"))
    held = peak = 0

    async def hold(asking: Client) -> None:
        nonlocal held, peak
        async with asking.get(REQUEST, read):
            held += 1
            peak = max(peak, held)
            await asyncio.sleep(0.02)
            held -= 1

    async with client(source, rate=500) as asking:
        await asyncio.gather(*(hold(asking) for _ in range(30)))
    assert peak == 5


@pytest.mark.parametrize("url", ["http://example.org", "ftp://127.0.0.1", "http://127.0.0.1.example.org", ""])
def test_a_key_is_never_sent_unencrypted_to_another_machine(url: str) -> None:
    with pytest.raises(SourceRejected, match="thesource"):
        Client("thesource", url, "apikey", KEY, 5)


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://127.0.0.1:80", "http://localhost", "http://[::1]"]
)
def test_encrypted_and_local_addresses_are_fine(url: str) -> None:
    Client("thesource", url, "apikey", KEY, 5)


def test_plain_http_to_another_machine_must_be_allowed_explicitly() -> None:
    Client("thesource", "http://sandbox:5441", "apikey", KEY, 5, allow_http=True)
    with pytest.raises(SourceRejected, match="thesource"):
        Client("thesource", "ftp://sandbox:5441", "apikey", KEY, 5, allow_http=True)


async def test_the_key_appears_in_no_log_error_response_or_representation(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"Quota limit exceeded. Identifier : {KEY}"
    source = await serve(text(echo, 500), broken, text(echo))
    async with client(source) as asking:
        assert KEY.encode() not in await get(asking)
        assert KEY not in repr(asking)
    source = await serve(text(echo, 500))
    async with client(source) as asking:
        with pytest.raises(SourceUnavailable) as raised:
            await get(asking)
    told = caplog.text + str(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)
    assert KEY not in told
    assert "s3cret" not in told


async def test_a_key_that_urls_write_differently_is_blotted_too(caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library's own errors contain the whole URL."""

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nBad Header : x\r\n\x00\r\n\r\n")
        await writer.drain()
        writer.close()

    caplog.set_level(logging.INFO)
    async with await asyncio.start_server(garbage, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url, backoff = f"http://127.0.0.1:{port}", Backoff(tries=2, first=0.01)
        async with Client("lastfm", url, "api_key", "s3cr+t/k=y&z", 100, backoff) as client:
            with pytest.raises(SourceUnavailable) as raised:
                async with client.get(REQUEST, lambda response: None):
                    pass
    assert "api_key=***" in str(raised.value)
    assert "t/k" not in caplog.text + str(raised.value)


async def test_bytes_that_are_not_text_do_not_break_a_response(serve: Serve) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=b'{"name": "caf\xe9"}')

    source = await serve(handle)
    async with (
        Client("ticketmaster", source.url, "apikey", KEY, 100) as client,
        client.get(REQUEST, lambda response: response.body) as (_, body),
    ):
        assert body.decode() == '{"name": "caf\N{REPLACEMENT CHARACTER}"}'


ECHOED = "aB3dE/fG+7hI=jK"


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lower": str.lower,
    "upper": str.upper,
    "swapped case": str.swapcase,
    "title case": str.title,
    "url": lambda text: quote(text, safe=""),
    "url lower": lambda text: quote(text, safe="").lower(),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "base64 in a URL": lambda text: quote(b64encode(text.encode()).decode(), safe=""),
}
BEFORE = ["", "k", "ke", "key=", "apikey="]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_key_echoed_in_another_form_is_redacted(form: Callable[[str], str], before: str) -> None:
    client = Client("lastfm", "https://ws.example", "api_key", ECHOED, 5)
    echo = form(before + ECHOED)
    left = client._redacted(f"you sent {echo}, really").replace("***", "")
    longest = max((len(a) for a in _common(left, form(ECHOED))), default=0)
    assert longest <= max(4, len(form("="))), left  # which may come from what is before the key


def _common(left: str, form: str) -> list[str]:
    """What is still there of the form."""
    return [form[a:b] for a in range(len(form)) for b in range(a + 5, len(form) + 1) if form[a:b] in left]


def test_no_message_shows_the_user_of_an_address() -> None:
    with pytest.raises(SourceRejected) as raised:
        Client("lastfm", "http://ada:hunter2@ws.example", "api_key", "key", 5)
    assert "hunter2" not in str(raised.value) and "http://ws.example" in str(raised.value)
