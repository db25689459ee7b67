"""The rows of a whole events run: each event once, as described by the response that was received last.

Rows come in the order of the responses, regardless of when these were received. An event's rows are therefore
where it first occurs, and only at the end is it known whether a response received later describes it differently;
if so, all responses are read once more.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from include.sources.rows import Noticed, Rejection, Tally
from include.sources.ticketmaster.bodies import unknown_page_fields
from include.sources.ticketmaster.rows import EventRow, rows


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A response with events."""

    name: str
    window: str
    country: str | None
    """The country that was requested; None for the whole world."""
    received_at: datetime
    body: bytes


def run_rows(
    responses: Iterable[KeptResponse], countries: Collection[str], snapshot_at: datetime, tally: Tally
) -> Iterator[EventRow]:
    """The rows of a run for these countries; the tally counts the records that did not become rows.

    At the end, `tally.newest` names the events whose rows come from their first response although one received later
    differs; called again with a tally that has it, their rows come from the later one. Raises `UnexpectedPayload`
    when a response cannot be read.
    """
    seen, noticed, known = _Seen(), Noticed(), dict(tally.newest)
    for response in responses:
        tally.note_unknown(unknown_page_fields(response.body), response.name)
        for found in rows(response.body, snapshot_at, response.country, noticed):
            event_id = found.record_id if isinstance(found, Rejection) else found[0].event_id
            if event_id is not None and known.get(event_id, response.name) != response.name:
                tally.duplicates[response.window] += 1
            elif event_id is not None and not seen.add(event_id, response.received_at, found):
                tally.duplicates[response.window] += 1
                first = seen.newer(event_id, response.received_at)
                if first is not None and first != _digest(found):
                    tally.newest[event_id] = response.name
                elif first is not None:
                    tally.newest.pop(event_id, None)
            elif isinstance(found, Rejection):
                # Most events of a worldwide search lie outside our countries, so they say little about the parser.
                tally.reject(found, response.window, response.name, expected=response.country is None)
            elif found[0].country_code not in countries:
                tally.elsewhere[response.window] += 1
            else:
                tally.records += 1
                tally.note(noticed, found[0].event_id)
                yield from found


class _Seen:
    """The events seen so far, kept out of memory: in a temporary database on disk that vanishes with this object."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("pragma cache_size = -8000")  # kilobytes
        self._database.execute("pragma journal_mode = off")
        self._database.execute("pragma synchronous = off")
        self._database.execute(
            "create table seen (id text primary key, received_at real, digest blob) without rowid"
        )
        self._database.execute("begin")

    def add(self, event_id: str, received_at: datetime, found: object) -> bool:
        """Whether it was new."""
        event = (event_id, received_at.timestamp(), _digest(found))
        return self._database.execute("insert or ignore into seen values (?, ?, ?)", event).rowcount == 1

    def newer(self, event_id: str, received_at: datetime) -> bytes | None:
        """The digest of the event as first seen, if no response with it was received later than this."""
        at = received_at.timestamp()
        changed = self._database.execute(
            "update seen set received_at = ? where id = ? and received_at < ? returning digest",
            (at, event_id, at),
        ).fetchone()
        return None if changed is None else bytes(changed[0])


def _digest(found: object) -> bytes:
    """A digest of an event's rows, or of its rejection."""
    return hashlib.blake2b(msgspec.msgpack.encode(found), digest_size=8).digest()
