"""The rows of a whole run of events: each event once, as it came first in the order of the responses."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from include.sources.rows import Noticed, Rejection, Tally
from include.sources.ticketmaster.rows import EventRow, rows


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A response with events."""

    name: str
    window: str
    country: str | None
    """The one that was asked for; None for the whole world."""
    body: bytes


def run_rows(
    responses: Iterable[KeptResponse], countries: Collection[str], snapshot_at: datetime, tally: Tally
) -> Iterator[EventRow]:
    """The rows of a run for these countries; the tally learns what became none.

    Raises `UnexpectedPayload` when a response cannot be read.
    """
    known, noticed = _Ids(), Noticed()
    for response in responses:
        for found in rows(response.body, snapshot_at, response.country, noticed):
            event_id = found.record_id if isinstance(found, Rejection) else found[0].event_id
            if not isinstance(found, Rejection) and found[0].country_code not in countries:
                tally.elsewhere[response.window] += 1
            elif event_id is not None and not known.add(event_id):
                tally.duplicates[response.window] += 1
            elif isinstance(found, Rejection):
                # Of the whole world's events most are none of ours, so they say little about the parser.
                tally.reject(found, response.window, response.name, expected=response.country is None)
            else:
                tally.records += 1
                tally.note(noticed, found[0].event_id)
                yield from found


class _Ids:
    """A set of ids that takes no memory: a temporary database on disk that vanishes with this object."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("pragma cache_size = -8000")  # kilobytes
        self._database.execute("pragma journal_mode = off")
        self._database.execute("pragma synchronous = off")
        self._database.execute("create table ids (id text primary key) without rowid")
        self._database.execute("begin")

    def add(self, event_id: str) -> bool:
        """Whether it was new."""
        return self._database.execute("insert or ignore into ids values (?)", (event_id,)).rowcount == 1
