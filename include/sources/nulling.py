"""Decodes records even if some of their optional values make no sense: those become null, and are counted.

A record with the types that its source promises is decoded in one pass. Only otherwise is it examined value by
value: what does not fit is removed by its path until the rest decodes. Paths look like `priceRanges.min`: the
source's names, without positions in lists.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec

from include.sources.rows import Rejected

Wire = TypeVar("Wire", bound=msgspec.Struct)

_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_MOST = 100
"""How many values are removed from one record one by one; after them, whole lists and top-level fields are."""
_MOST_DIGITS = 400
"""Of an integer: a float that large is infinite."""


def decoded(raw: bytes | msgspec.Raw) -> Any:
    """What a JSON text contains; a number too large for its type is infinite.

    Raises `msgspec.DecodeError` if the text is malformed.
    """
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:  # only a number that is too large: no type is expected here
        pass
    try:
        return json.loads(bytes(raw), parse_int=_whole_number)
    except ValueError as error:
        raise msgspec.DecodeError(str(error)) from None


def _whole_number(digits: str) -> float:
    return int(digits) if len(digits) < _MOST_DIGITS else float(digits)


class Lenient(Generic[Wire]):
    """Decodes records of one kind, and reports what it nulled.

    `required` are the top-level fields without which a record is unusable.
    """

    def __init__(self, kind: type[Wire], required: tuple[str, ...]) -> None:
        self._kind = kind
        self._required = required
        self._strict = msgspec.json.Decoder(kind)

    def decode(self, raw: bytes | msgspec.Raw) -> tuple[Wire, tuple[str, ...]]:
        """A record, and the paths of its nulled values. Raises `Rejected("wrong_type")` if it is unusable."""
        try:
            return self._strict.decode(raw), ()
        except msgspec.DecodeError:
            pass
        try:
            value = _without_nulls(decoded(raw))
        except msgspec.DecodeError as error:
            raise Rejected("wrong_type", str(error)) from None
        nulled: list[str] = []
        while True:
            try:
                return msgspec.convert(value, self._kind), tuple(nulled)
            except msgspec.ValidationError as error:
                path = _path(str(error))
                if not path or path[0] in self._required:
                    raise Rejected("wrong_type", str(error)) from None
                if len(nulled) >= _MOST:
                    path = _whole(path)
                _take_out(value, path)
                nulled.append(".".join(step for step in path if isinstance(step, str)))


class KnownFields:
    """The known fields of a source's records; finds the fields of a record that are not among them.

    There are almost never any, which a decoder that skips every value and stops at the first unknown name confirms
    quickly. Only a record that stops it is examined name by name.
    """

    def __init__(
        self, kind: type[msgspec.Struct], unread: dict[Any, str], open_kinds: tuple[type, ...] = ()
    ) -> None:
        """`unread` are the known fields of each kind that its struct omits; open kinds may have any fields."""
        self._kind = kind
        self._unread = {known: frozenset(names.split()) for known, names in unread.items()}
        self._open = open_kinds
        self._tripwire = msgspec.json.Decoder(self._strict(kind))
        self._within: dict[Any, dict[str, Any]] = {}

    def unknown(self, raw: bytes | msgspec.Raw) -> tuple[str, ...]:
        """The paths of a record's unknown fields."""
        try:
            self._tripwire.decode(raw)
        except msgspec.ValidationError:
            return tuple(dict.fromkeys(self._walk(self._kind, decoded(raw), "")))
        return ()

    def _strict(self, kind: Any) -> Any:
        fields: list[Any] = []
        names = {}
        for number, field in enumerate(msgspec.structs.fields(kind)):
            inner, is_list = _struct_in(field.type)
            if inner is None or inner in self._open:
                of: Any = msgspec.Raw
            else:
                of = list[self._strict(inner)] | None if is_list else self._strict(inner) | None  # type: ignore[misc]
            names[f"f{number}"] = field.encode_name
            fields.append((f"f{number}", of, None))
        read = set(names.values())
        for number, name in enumerate(sorted(self._unread.get(kind, frozenset()) - read)):
            names[f"u{number}"] = name
            fields.append((f"u{number}", msgspec.Raw, None))
        return msgspec.defstruct(
            kind.__name__, fields, rename=names, forbid_unknown_fields=True, gc=False, frozen=True
        )

    def _walk(self, kind: Any, value: Any, at: str) -> Iterator[str]:
        if isinstance(value, list):
            for item in value:
                yield from self._walk(kind, item, at)
        elif isinstance(value, dict):
            inner = self._structs_within(kind)
            for key, item in value.items():
                path = f"{at}.{key}" if at else key
                if key not in inner and key not in self._unread.get(kind, ()):
                    yield path
                elif (below := inner.get(key)) is not None and below not in self._open:
                    yield from self._walk(below, item, path)

    def _structs_within(self, kind: Any) -> dict[str, Any]:
        """The read fields of a kind, and the structs in them; remembered: an unknown field may be in every record."""
        if kind not in self._within:
            self._within[kind] = {
                field.encode_name: _struct_in(field.type)[0] for field in msgspec.structs.fields(kind)
            }
        return self._within[kind]


def _struct_in(kind: Any) -> tuple[Any, bool]:
    """The struct inside `list[…]` and `… | None`, and whether it is in a list; None if there is none."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    for argument in get_args(kind):
        inner, is_list = _struct_in(argument)
        if inner is not None:
            return inner, is_list or get_origin(kind) is list
    return None, False


def _path(message: str) -> list[str | int]:
    found = _AT.search(message)
    steps = _STEP.findall(found["path"]) if found else []
    return [key or int(index) for key, index in steps]


def _whole(path: list[str | int]) -> list[str | int]:
    """The path of the outermost list that a value is in or, if it is in none, of its top-level field."""
    return next((path[:at] for at, step in enumerate(path) if isinstance(step, int)), path[:1])


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
