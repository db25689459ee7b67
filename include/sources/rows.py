"""What a source module returns: typed rows, and the records it rejected.

A row is a `msgspec.Struct` whose fields, in order, are the columns of its Parquet files and of its
staging table. Its text fields are annotated with the width of their column in bytes, which is how Redshift counts.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, TypeVar, get_args

import msgspec

from include.sources import text

Row = TypeVar("Row", bound=msgspec.Struct)

Name = Annotated[str, msgspec.Meta(extra={"bytes": text.NAME_BYTES})]
"""Free text: up to 255 characters in any script."""
Url = Annotated[str, msgspec.Meta(extra={"bytes": 2048})]
Identifier = Annotated[str, msgspec.Meta(extra={"bytes": 64})]
Key = Annotated[str, msgspec.Meta(extra={"bytes": 32})]
"""32 hexadecimal digits made by `include.sources.identity`."""
Mbid = Annotated[str, msgspec.Meta(extra={"bytes": 36})]
"""A MusicBrainz id: a UUID in lower case."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Rejection(msgspec.Struct, frozen=True):
    """A record that did not become a row, and why."""

    reason: str
    """A short code, such as `missing_name`, by which the certificate counts."""
    detail: str
    record_id: str | None
    position: int
    """The position of the record in its response, counted from 0."""


class Rejected(Exception):
    """Raised while a record is parsed; the parser turns it into a `Rejection` and continues with the next."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Noticed:
    """What happened to the values of one record, by the path of their field, such as `priceRanges.min`."""

    nulled: list[str] = field(default_factory=list)
    """Optional values that made no sense and were stored as null."""
    cut: list[str] = field(default_factory=list)
    """Names that were longer than their column and were cut."""
    unknown: list[str] = field(default_factory=list)
    """Fields that this release does not know."""

    def null(self, path: str) -> None:
        """Records that an optional value is stored as null."""
        self.nulled.append(path)

    def forget(self) -> None:
        """Clears everything before the next record."""
        self.nulled.clear()
        self.cut.clear()
        self.unknown.clear()

    def name(self, value: str | None, path: str) -> str | None:
        """A name as it is stored: decoded, composed, and cut to the width of `Name`."""
        found = text.name(value)
        if found is None or len(found) * 4 <= text.NAME_BYTES or (fitting := text.cut(found)) == found:
            return found
        self.cut.append(path)
        return fitting

    def fitting(self, value: str | None, path: str, width: int) -> str | None:
        """A text that would be meaningless if cut: None when it has more than `width` bytes."""
        found = text.text(value)
        if found is not None and len(found) * 4 > width and len(found.encode()) > width:
            self.null(path)
            return None
        return found

    def mbid(self, value: str | None, path: str) -> str | None:
        """A MusicBrainz id in lower case; None if it is not one."""
        found = text.text(value)
        if found is None or _UUID.fullmatch(found.lower()):
            return found and found.lower()
        self.null(path)
        return None


@dataclass(slots=True)
class Tally:
    """Counts what becomes of the records of one run while they are turned into rows."""

    write_rejected: Callable[[Rejection, str], object]
    """Keeps a rejection; the second argument is the name of the response the record came in."""
    records: int = 0
    """Distinct records, including rejected ones."""
    unexpected: int = 0
    """Records whose rejection was not to be expected."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected records by reason."""
    rejected: Counter[str] = field(default_factory=Counter)
    """By the name of the window or list, as are the next two."""
    duplicates: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Events whose venue lies in a country that was not requested."""
    newest: dict[str, str] = field(default_factory=dict)
    """By record, the response received last, where an earlier one describes the record differently."""
    nulled: Counter[str] = field(default_factory=Counter)
    """Values of distinct records by path, as are the next two."""
    cut: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    first_with: dict[str, str] = field(default_factory=dict)
    """The first record or response that had an unknown field."""

    def note(self, noticed: Noticed, record: str) -> None:
        """Counts what happened to the values of a record that became rows."""
        self.nulled.update(noticed.nulled)
        self.cut.update(noticed.cut)
        self.note_unknown(noticed.unknown, record)

    def note_unknown(self, paths: Iterable[str], record: str) -> None:
        """Counts the unknown fields of a record, or those beside the records of a response."""
        for path in dict.fromkeys(paths):  # in order, so that landing again counts them in the same order
            self.unknown[path] += 1
            self.first_with.setdefault(path, record)

    def reject(self, rejection: Rejection, of: str, response: str, expected: bool = False) -> None:
        """Counts and keeps a rejected record of a window or list."""
        self.records += 1
        self.unexpected += not expected
        self.reasons[rejection.reason] += 1
        self.rejected[of] += 1
        self.write_rejected(rejection, response)


@cache
def column_widths(row_type: type[msgspec.Struct]) -> tuple[tuple[str, int], ...]:
    """The text columns of a row type and how many bytes each may hold."""
    widths = []
    for column in msgspec.structs.fields(row_type):
        for kind in (column.type, *get_args(column.type)):
            for note in getattr(kind, "__metadata__", ()):
                widths.append((column.name, note.extra["bytes"]))
    return tuple(widths)


def checked(row: Row) -> Row:
    """The row itself. Raises `Rejected("too_long")` when a text does not fit its column."""
    for column, width in column_widths(type(row)):
        value: Any = getattr(row, column)
        if value is not None and len(value) * 4 > width and len(value.encode()) > width:
            raise Rejected("too_long", f"{column} has {len(value.encode())} bytes, more than {width}")
    return row
