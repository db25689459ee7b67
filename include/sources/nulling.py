"""Records decoded although some of their optional values make no sense: these become null, and are counted.

A record that has the types its source promises is decoded in one pass. Only one that has not is looked at
value by value: what does not fit is taken out by its path, until the rest does. Paths are written as
`priceRanges.min`: names of the source, without positions in lists.
"""

import re
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from include.sources.rows import Rejected

Wire = TypeVar("Wire", bound=msgspec.Struct)

_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_MOST = 100
"""Values that are taken out of one record before it is given up."""


class Lenient(Generic[Wire]):
    """Decodes records of one kind; also says what it nulled, and which fields it does not know.

    `required` are the top-level fields without which a record is unusable.
    """

    def __init__(self, kind: type[Wire], required: tuple[str, ...]) -> None:
        self._kind = kind
        self._required = required
        self._strict = msgspec.json.Decoder(kind)

    def decode(self, raw: bytes | msgspec.Raw) -> tuple[Wire, tuple[str, ...]]:
        """A record, and the paths of what was nulled in it. Raises `Rejected("wrong_type")`."""
        try:
            return self._strict.decode(raw), ()
        except msgspec.DecodeError:
            pass
        try:
            value = _without_nulls(msgspec.json.decode(raw))
        except msgspec.DecodeError as error:
            raise Rejected("wrong_type", str(error)) from None
        nulled: list[str] = []
        while True:
            try:
                return msgspec.convert(value, self._kind), tuple(nulled)
            except msgspec.ValidationError as error:
                path = _path(str(error))
                if not path or path[0] in self._required or len(nulled) == _MOST:
                    raise Rejected("wrong_type", str(error)) from None
                _take_out(value, path)
                nulled.append(".".join(step for step in path if isinstance(step, str)))


def unknown_fields(kind: Any, value: Any, at: str = "") -> Iterator[str]:
    """The paths of the fields of a decoded record that its type does not name."""
    if isinstance(value, list):
        for item in value:
            yield from unknown_fields(kind, item, at)
    elif isinstance(value, dict) and (fields := _fields(kind)) is not None:
        for key, item in value.items():
            path = f"{at}.{key}" if at else key
            if key not in fields:
                yield path
            else:
                yield from unknown_fields(fields[key], item, path)


_KNOWN: dict[Any, dict[str, Any] | None] = {}


def _fields(kind: Any) -> dict[str, Any] | None:
    """The fields of the struct inside `list[…]` and `… | None`, and their types; None if there is none."""
    if kind not in _KNOWN:
        arguments = getattr(kind, "__args__", ())
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            _KNOWN[kind] = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        else:
            _KNOWN[kind] = next((found for found in map(_fields, arguments) if found is not None), None)
    return _KNOWN[kind]


def _path(message: str) -> list[str | int]:
    found = _AT.search(message)
    steps = _STEP.findall(found["path"]) if found else []
    return [key or int(index) for key, index in steps]


def _take_out(value: Any, path: list[str | int]) -> None:
    *steps, last = path
    for step in steps:
        value = value[step]
    del value[last]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
