"""What a source module gives back: typed rows, and the records it rejected.

A row is a `msgspec.Struct` whose fields, in order, are the columns of its Parquet files and of its
staging table. Its texts carry the width of their column in bytes, as Redshift counts them.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, TypeVar, get_args

import msgspec

Row = TypeVar("Row", bound=msgspec.Struct)

Name = Annotated[str, msgspec.Meta(extra={"bytes": 1020})]
"""Free text: up to 255 characters of any script."""
Url = Annotated[str, msgspec.Meta(extra={"bytes": 2048})]
Identifier = Annotated[str, msgspec.Meta(extra={"bytes": 64})]
Key = Annotated[str, msgspec.Meta(extra={"bytes": 32})]
"""32 hexadecimal digits made by `include.sources.identity`."""
Mbid = Annotated[str, msgspec.Meta(extra={"bytes": 36})]
"""A MusicBrainz id: a UUID in lower case."""


class Rejection(msgspec.Struct, frozen=True):
    """A record that became no row, and why."""

    reason: str
    """A short code, such as `missing_name`: what the certificate counts by."""
    detail: str
    record_id: str | None
    position: int
    """Which record of its response it was, counted from 0."""


class Rejected(Exception):
    """Raised while one record is parsed; the parser turns it into a `Rejection` and goes on with the next."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Tally:
    """What becomes of the records of one run while rows are made of them."""

    write_rejected: Callable[[Rejection, str], object]
    """Keeps a rejection; the second argument is the name of the response the record came in."""
    records: int = 0
    """Distinct records, those rejected included."""
    unexpected: int = 0
    """Records rejected that nobody could expect to be."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Rejected records by reason."""
    rejected: Counter[str] = field(default_factory=Counter)
    """By the name of the window or list, as are the next two."""
    duplicates: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Events of other countries in responses about the whole world."""

    def reject(self, rejection: Rejection, of: str, response: str, expected: bool = False) -> None:
        """Notes a rejected record of a window or list."""
        self.records += 1
        self.unexpected += not expected
        self.reasons[rejection.reason] += 1
        self.rejected[of] += 1
        self.write_rejected(rejection, response)


@cache
def column_widths(row_type: type[msgspec.Struct]) -> tuple[tuple[str, int], ...]:
    """The text columns of a row type and the bytes each may hold."""
    widths = []
    for column in msgspec.structs.fields(row_type):
        for kind in (column.type, *get_args(column.type)):
            for note in getattr(kind, "__metadata__", ()):
                widths.append((column.name, note.extra["bytes"]))
    return tuple(widths)


def checked(row: Row) -> Row:
    """The row itself. Raises `Rejected("too_long")` when a text does not fit its column."""
    for column, width in column_widths(type(row)):
        text: Any = getattr(row, column)
        if text is not None and len(text) * 4 > width and len(text.encode()) > width:
            raise Rejected("too_long", f"{column} has {len(text.encode())} bytes, more than {width}")
    return row
