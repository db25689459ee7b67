"""Responses that fail: which requests, and how."""

import asyncio
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from aiohttp import web

FaultKind = Literal[
    "http_400", "http_404", "http_408", "http_425", "http_500", "http_503",
    "hang", "drip", "reset", "truncated", "html", "empty", "endless", "gzip_bomb",
    "nested", "nested_objects", "nested_mixed", "nested_unclosed",
    "spike", "quota", "quota_401", "no_hits", "no_events", "dis_404", "wall",
    "error_3", "error_6", "error_8", "error_11", "error_16", "error_29", "error_none",
    "no_items",
]  # fmt: skip
"""http_…: an HTML error page; hang: no response until the client gives up; drip: a byte now and then;
reset: the connection breaks before the response; truncated: it breaks halfway through; html: a page instead
of JSON; empty: no bytes; endless: a response that never ends; gzip_bomb: one that unpacks to 1 GB; nested,
nested_objects, nested_mixed: JSON 5,000 levels deep, in lists, in objects, or in both; nested_unclosed: the
same, cut off before it closes. Ticketmaster only:
spike, quota: a 429; quota_401: the same body with a 401; no_hits: an empty result; dis_404: an empty result
as a 404; no_events: a page without its events; wall: a page rejected as too deep. Last.fm only: error_…: an
error body; error_none: one without a number; no_items: a list without items."""
BROKEN = ("hang", "drip", "reset", "truncated", "endless", "gzip_bomb")
"""The kinds that are no whole response."""
_CHUNK = 1 << 16
_NESTED = {
    "nested": (b"[", b"]"),
    "nested_objects": (b'{"a":', b"}"),
    "nested_mixed": (b'[ 1, {"a": ', b"}]"),
    "nested_unclosed": (b'{"a": [[], ', b""),
}


@dataclass
class Fault:
    """Which requests fail, and how. Without `share` and `at`, all do.

    Requests rejected because of their key or a limit are counted, but no fault is injected into them.
    """

    kind: FaultKind
    """One of the kinds below."""
    share: float = 0.0
    """Share of requests that fail, drawn at random."""
    at: list[int] = field(default_factory=list)
    """The numbers of the requests that fail, counted from 1."""
    where: dict[str, str] = field(default_factory=dict)
    """Only requests with these parameters fail."""
    times: int | None = None
    """The most requests that fail."""
    status: int | None = None
    """The HTTP status sent instead of the kind's usual one."""
    retry_after: float | str | None = None
    """Sent as `Retry-After`: seconds, or any text."""


@dataclass(frozen=True)
class Response:
    """An HTTP response before it is sent; `body` is JSON unless `headers` say otherwise."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


async def break_off(request: web.Request, kind: FaultKind, whole: Response) -> web.StreamResponse:
    """Sends what never becomes a whole response, instead of this one; the kind is one of `BROKEN`."""
    if kind == "hang":  # aiohttp gives no notice when a client has gone
        while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    if kind in ("hang", "reset"):
        _break(request)
        return web.Response()
    if kind in ("drip", "endless"):
        return await _stream(request, b"0" if kind == "drip" else b"0" * _CHUNK)
    if kind == "gzip_bomb":
        return web.Response(
            body=await asyncio.to_thread(_bomb),
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )
    stream = web.StreamResponse(
        status=whole.status, headers={"Content-Type": "application/json;charset=utf-8"}
    )
    stream.content_length = len(whole.body)
    await stream.prepare(request)
    await stream.write(whole.body[: len(whole.body) // 2])
    _break(request)
    return stream


def bad_body(kind: FaultKind) -> Response | None:
    """A response that no client of either API expects; None if the kind is an error of one of the APIs."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    if kind == "html":
        return Response(200, b"<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>", html)
    if kind == "empty":
        return Response(200, b"")
    if kind in _NESTED:
        begins, ends = _NESTED[kind]
        return Response(200, b'{"page":' + begins * 5_000 + b"1" + ends * 5_000 + b"}")
    if kind.startswith("http_"):
        return Response(int(kind[-3:]), b"<html><body><h1>Service Unavailable</h1></body></html>", html)
    return None


def _break(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _stream(request: web.Request, chunk: bytes) -> web.StreamResponse:
    """Sends the chunk again and again until the client gives up; one of a single byte only now and then."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        while request.transport is not None and not request.transport.is_closing():
            await response.write(chunk)
            await asyncio.sleep(0 if len(chunk) > 1 else 0.05)
    except ConnectionError:
        pass
    return response


@cache
def _bomb() -> bytes:
    """A gigabyte of zeros as one gzip stream of a megabyte: one block, compressed once and repeated."""
    compressor, chunk, chunks = zlib.compressobj(level=9, wbits=-15), b"0" * (1 << 20), 1_000
    block = compressor.compress(chunk) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(chunks):
        checksum = zlib.crc32(chunk, checksum)
    trailer = struct.pack("<II", checksum, chunks * len(chunk))
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * chunks + compressor.flush() + trailer
