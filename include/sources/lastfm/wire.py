"""The JSON of Last.fm's lists, decoded into what becomes columns; other fields are skipped."""

import msgspec

from include.errors import UnexpectedPayload
from include.sources.nulling import KnownFields, Lenient
from include.sources.rows import Noticed, Rejected
from include.sources.text import mended

NOT_FOUND = 6
"""The error code of an artist, or a page, that Last.fm does not have."""
UNKNOWN = "[unknown]"
"""The name of Last.fm's bin for plays without an artist."""
_MOST = 10**12
"""Plays or listeners of one song or artist; a thousand times what the most popular ones have, and their sums fit."""


class Wire(msgspec.Struct, frozen=True, gc=False):
    """An object of the API."""


class Artist(Wire, frozen=True):
    name: str | None = None
    mbid: str | None = None
    url: str | None = None
    listeners: str | int | None = None


class Track(Wire, frozen=True):
    name: str | None = None
    mbid: str | None = None
    url: str | None = None
    playcount: str | int | None = None
    listeners: str | int | None = None
    artist: Artist | None = None


class Attributes(Wire, frozen=True):
    """A list's metadata; every number is a string."""

    artist: str | None = None
    total: str | int | None = 0


class _List(Wire, frozen=True):
    artist: msgspec.Raw = msgspec.Raw(b"[]")
    track: msgspec.Raw = msgspec.Raw(b"[]")
    attributes: msgspec.Raw = msgspec.field(name="@attr", default=msgspec.Raw(b"{}"))


class _Document(Wire, frozen=True):
    toptracks: _List | None = None
    topartists: _List | None = None
    artists: _List | None = None
    error: int | None = None


class _ListFields(Wire, frozen=True):
    artist: msgspec.Raw | None = None
    track: msgspec.Raw | None = None
    attributes: Attributes | None = msgspec.field(name="@attr", default=None)


class _DocumentFields(Wire, frozen=True):
    toptracks: _ListFields | None = None
    topartists: _ListFields | None = None
    artists: _ListFields | None = None


_document = msgspec.json.Decoder(_Document, strict=False)  # the error's code may be a string
_attributes = Lenient(Attributes, required=())
_artist = Lenient(Artist, required=("name",))
_track = Lenient(Track, required=("name",))
_unread = {Artist: "playcount streamable image @attr", Track: "streamable image @attr"}
_artist_fields = KnownFields(Artist, _unread)
_track_fields = KnownFields(Track, _unread)
_list_fields = KnownFields(
    _DocumentFields, {_DocumentFields: "error message links", Attributes: "country page perPage totalPages"}
)


def items(body: bytes) -> tuple[Attributes, list[msgspec.Raw]]:
    """A list's attributes and its undecoded items. Raises `UnexpectedPayload` if it is not a list we know.

    Error 6, which Last.fm may send for a page beyond the last, is an empty page.
    """
    try:
        document = _decoded(body)
    except msgspec.DecodeError as error:
        raise UnexpectedPayload(f"not a list of Last.fm: {error}") from None
    list_ = document.toptracks or document.topartists or document.artists
    if list_ is None and document.error == NOT_FOUND:
        return Attributes(), []
    if list_ is None:
        raise UnexpectedPayload("not a list of Last.fm: neither toptracks, nor topartists, nor artists")
    raw_items = bytes(list_.track if document.toptracks else list_.artist)
    try:
        attributes, _ = _attributes.decode(list_.attributes)
    except Rejected:  # not even an object; the items tell enough
        attributes = Attributes()
    if raw_items.startswith(b"["):
        return attributes, msgspec.json.decode(raw_items, type=list[msgspec.Raw])
    # In old responses a list of one is an object, and an empty list is an empty string.
    return attributes, [msgspec.Raw(raw_items)] if raw_items.startswith(b"{") else []


def _decoded(body: bytes) -> _Document:
    try:
        return _document.decode(body)
    except msgspec.DecodeError:  # rarely: few responses need it, and a kept one is mended already
        return _document.decode(mended(body))


def unknown_list_fields(body: bytes) -> tuple[str, ...]:
    """The paths of the fields beside a list's items that this release does not know."""
    return _list_fields.unknown(body)


def decode_artist(raw: msgspec.Raw) -> tuple[Artist, tuple[str, ...]]:
    """An artist of a chart, and the paths of the optional values in it that had the wrong type.

    Raises `Rejected("wrong_type")` when it is not an artist, or its name is not a string.
    """
    return _artist.decode(raw)


def decode_track(raw: msgspec.Raw) -> tuple[Track, tuple[str, ...]]:
    """A track, and the paths of the optional values in it that had the wrong type.

    Raises `Rejected("wrong_type")` when it is not a track, or its name is not a string.
    """
    return _track.decode(raw)


def unknown_artist_fields(raw: msgspec.Raw) -> tuple[str, ...]:
    """The paths of the fields of an artist that this release does not know."""
    return _artist_fields.unknown(raw)


def unknown_track_fields(raw: msgspec.Raw) -> tuple[str, ...]:
    """The paths of the fields of a track that this release does not know."""
    return _track_fields.unknown(raw)


def number(value: str | int | None, path: str, noticed: Noticed) -> int | None:
    """A count; None, which is noticed at the path, if it is not a number or beyond anything plausible."""
    if value is None or value == "":
        return None
    digits = str(value).strip()
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(_MOST)) and int(digits) <= _MOST:
        return int(digits)
    noticed.null(path)
    return None
