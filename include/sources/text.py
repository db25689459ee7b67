"""Cleans text as it enters, so that columns can store it and people can read it.

The rules, in this order:

    half of a surrogate pair (`\\ud83d` alone)      U+FFFD, the replacement character
    line breaks and tabs                           a space
    other control characters, including NUL        removed, as are those that reverse text, and noncharacters
    composed and decomposed letters (`é`)          composed (NFC)
    spaces and invisible characters at the ends    removed
    complete HTML entities (`&amp;`)               decoded, in names, also if they were escaped twice
    percent escapes in a text without spaces       likewise, if a URL would have to escape all of them
    nothing left, or nothing that can be seen      None

Keys are derived from the result (`include.sources.identity`), which also ignores case, among other things.
"""

import codecs
import re
import unicodedata
from functools import lru_cache
from html import unescape
from html.entities import html5
from urllib.parse import unquote_to_bytes

NAME_BYTES = 1_020
"""The width of a name's column in bytes: 255 characters in any script."""
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_UNSTORABLE = re.compile(
    f"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff{_NONCHARACTERS}]"
)
_BREAKS = "\t\n\v\f\r\x85\u2028\u2029"
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_INVISIBLE = (
    f"{_SPACES}\u00ad\u061c\u115f\u1160\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u2060\u2061\u2062\u2063\u2064\u2800\u3164\uffa0"
)
_ONLY_WITH_OTHERS = _INVISIBLE + "".join(map(chr, [0x34F, *range(0xFE00, 0xFE10), *range(0xE0000, 0xE0200)]))
"""They choose a form of the character before them, which may be an emoji at the end of a name."""
_ESCAPED = 3
"""How many times a name may have been escaped."""
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]*);")
_PERCENT = re.compile(r"(?:[^%\s]|%[0-9a-fA-F]{2})*")
_NEEDS_NO_ESCAPE = re.compile(r"%(?:4[1-9a-fA-F]|5[0-9aA]|6[1-9a-fA-F]|7[0-9aA]|3[0-9]|[01][0-9a-fA-F])")
# An escaped character of a JSON text: a whole pair, half of one, or anything else.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|u....|.)", re.DOTALL)
# A text, or what some encoders write for a number that is none.
_NOT_A_NUMBER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|(-?(?:NaN|Infinity)\b)', re.DOTALL)


def mended(body: bytes) -> bytes:
    """A JSON document that decoders accept: half surrogate pairs, raw control characters and `NaN` are replaced, and a
    byte order mark is removed.

    Some sources cut their texts in the middle of a pair, and a decoder rejects the whole document for that.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if rb"\ud" in body or rb"\uD" in body:
        body = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
    if b"NaN" in body or b"Infinity" in body:
        body = _NOT_A_NUMBER.sub(lambda found: b"null" if found[1] else found[0], body)
    return body.translate(_CONTROLS_TO_SPACES)


_CONTROLS_TO_SPACES = bytes(range(256)).translate(bytes([32] * 32) + bytes(range(32, 256)))


def text(value: str | None) -> str | None:
    """The cleaned text; None when nothing is left of it."""
    if not value:
        return None
    if value.isascii() and value.isprintable():
        return value.strip() or None
    if _UNSTORABLE.search(value):
        value = _UNSTORABLE.sub(_storable, value)
    value = unicodedata.normalize("NFC", value).strip(_INVISIBLE)
    return value if value.strip(_ONLY_WITH_OTHERS) else None


@lru_cache(maxsize=20_000)
def name(value: str | None) -> str | None:
    """Like `text`, but for names: stray escapes are decoded as well."""
    found = text(value)
    for _ in range(_ESCAPED):
        if not found or not ("%" in found or "&" in found):
            break
        escaped, found = found, text(_ENTITY.sub(_character, _percent_decoded(found)))
        if found == escaped:
            break
    return found


def cut(value: str, width: int = NAME_BYTES) -> str:
    """As many characters of the text as fit into `width` bytes, which is how Redshift counts."""
    if len(value) * 4 <= width:
        return value
    return value.encode()[:width].decode(errors="ignore").rstrip()


def _character(found: re.Match[str]) -> str:
    entity = found[0]
    return unescape(entity) if entity[1] == "#" or entity[1:] in html5 else entity


def _storable(found: re.Match[str]) -> str:
    character = found[0]
    if character in _BREAKS:
        return " "
    return "\ufffd" if "\ud800" <= character <= "\udfff" else ""


def _percent_decoded(value: str) -> str:
    if not _PERCENT.fullmatch(value) or _NEEDS_NO_ESCAPE.search(value):
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        return value
