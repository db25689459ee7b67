"""How deeply JSON is nested, without decoding it: decoders recurse, and fail in ways of their own."""

import re

_CHUNK = 1 << 18
"""Bytes examined at a time: what is cut out of them takes several times their memory."""
_BACKSLASH = ord("\\")
_ROUND = bytes.maketrans(b"[]{}", b"()()")
_OTHERS = bytes(set(range(256)) - set(b'"[]{}'))

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
"""A text, or a bracket outside of texts."""


def is_deeper(body: bytes | bytearray, levels: int) -> bool:
    """Whether lists and objects are nested more than this many levels deep."""
    brackets, too_deep = _brackets(body), b"(" * (levels + 1)
    for _ in range(levels):
        if too_deep in brackets:
            return True
        shorter = brackets.replace(b"()", b"")
        if len(shorter) == len(brackets):
            return False
        brackets = shorter
    return b"()" in brackets or too_deep in brackets


def without_deeper(body: bytes | bytearray, levels: int, most: int) -> bytes:
    """The JSON with null in place of each list and object that is more than this many levels deep.

    Raises `ValueError` if any is more than `most` levels deep: that is no slip in one value.
    """
    kept, depth, first = [], 0, 0
    for found in _TOKEN.finditer(body):
        if found[0] in (b"[", b"{"):
            depth += 1
            if depth > most:
                raise ValueError(f"JSON nested more than {most:,} levels deep")
            if depth == levels + 1:
                kept += [body[first : found.start()], b"null"]
        elif found[0] in (b"]", b"}"):
            if depth == levels + 1:
                first = found.end()
            depth = max(depth - 1, 0)
    return b"".join([*kept, body[first:] if depth <= levels else b""])


def _brackets(body: bytes | bytearray) -> bytes:
    """The brackets outside of strings, as round ones."""
    outside, inside, first = [], 0, 0
    while first < len(body):
        end = min(first + _CHUNK, len(body))
        while (
            end < len(body) and body[end - 1] == _BACKSLASH
        ):  # what it escapes must not begin the next chunk
            end += 1
        chunk = body[first:end].replace(b"\\\\", b"").replace(b'\\"', b"")
        pieces = chunk.translate(_ROUND, _OTHERS).split(b'"')
        outside.append(b"".join(pieces[inside::2]))
        inside = (inside + len(pieces) - 1) % 2
        first = end
    return b"".join(outside)
