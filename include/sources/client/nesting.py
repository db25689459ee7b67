"""How deeply JSON is nested, without decoding it: decoders recurse, and fail in ways of their own."""

_CHUNK = 1 << 20
_ROUND = bytes.maketrans(b"[]{}", b"()()")
_OTHERS = bytes(set(range(256)) - set(b'"[]{}'))


def is_deeper(body: bytes | bytearray, levels: int) -> bool:
    """Whether lists and objects are nested more than this many levels deep."""
    brackets = _brackets(body)
    if b"(" * (levels + 1) in brackets:
        return True
    for _ in range(levels):
        shorter = brackets.replace(b"()", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return b"()" in brackets


def _brackets(body: bytes | bytearray) -> bytes:
    """The brackets outside of strings, as round ones."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = body.translate(_ROUND, _OTHERS).replace(b'""', b"")
    outside, inside = [], 0
    for first in range(
        0, len(marks), _CHUNK
    ):  # by chunks, because the pieces take more memory than the marks
        pieces = marks[first : first + _CHUNK].split(b'"')
        outside.append(b"".join(pieces[inside::2]))
        inside = (inside + len(pieces) - 1) % 2
    return b"".join(outside)
