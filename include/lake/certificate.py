"""What a run requested and what it received: its scope, its crawl and, once landed, its certificate.

A certificate is evidence: `complete` means that everything the source reported is accounted for.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from include.errors import ManifestInvalid
from include.lake.runs import run_instant

_Countries = Annotated[
    tuple[Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")], ...], Meta(min_length=1, max_length=250)
]
_Number = Annotated[int, Meta(ge=0, le=1_000_000)]
_Count = Annotated[int, Meta(ge=0, lt=2**53)]
_Instant = Annotated[datetime, Meta(tz=True)]


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run requests. Events: countries and horizon. Songs: countries and numbers of artists and tracks."""

    countries: _Countries
    """ISO 3166-1 alpha-2 codes."""
    horizon_days: _Number | None = None
    artists_per_country: _Number | None = None
    touring_artists: _Number | None = None
    """The most artists whose songs are requested only because they tour."""
    tracks_per_artist: _Number | None = None

    @property
    def text(self) -> str:
        """One line, the same for equal scopes: `GB,US; 365 days`, `US; 50 artists, 200 touring, 50 tracks`."""
        numbers = (
            (self.horizon_days, "days"),
            (self.artists_per_country, "artists"),
            (self.touring_artists, "touring"),
            (self.tracks_per_artist, "tracks"),
        )
        described = ", ".join(f"{number} {unit}" for number, unit in numbers if number is not None)
        countries = ",".join(sorted(self.countries))
        return f"{countries}; {described}" if described else countries


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """One window of an events run: what was reported and what was received. An absent count is 0."""

    name: str = msgspec.field(name="window")
    country: str | None = None
    """None for the whole world."""
    start: _Instant | None = None
    """None, like `end`, for the undated events."""
    end: _Instant | None = None
    reported: _Count = 0
    fetched: _Count = 0
    """Events in its responses, repeated ones included."""
    distinct: _Count = 0
    missing: _Count = 0
    """Events that were reported, or expected from the last complete run, but not received."""
    fluctuation: _Count = 0
    """By how much its total changed while it was read."""
    complete: bool = True
    given_up: bool = False
    """Whether it was replaced by other windows that fetch the same events more cheaply."""
    requests: _Count = 0
    """Requests spent on it, failed ones included."""
    responses: tuple[str, ...] = ()
    """The names of its responses; not in certificates."""
    duplicate: _Count = 0
    rejected: _Count = 0
    elsewhere: _Count = 0
    """Events in its responses whose venue lies in a country that the run did not request."""


class List(msgspec.Struct, frozen=True, omit_defaults=True):
    """One list of a songs run: a country's chart, or the top tracks of an artist. An absent count is 0."""

    country: str | None = None
    """Whose chart it is; None for an artist's tracks."""
    artist: str | None = None
    """Whose tracks were requested; None for a chart."""
    returned: str | None = None
    """The artist's name as Last.fm corrected it."""
    not_found: str | None = None
    """Last.fm's message if it has no such artist."""
    reported: _Count = 0
    fetched: _Count = 0
    distinct: _Count = 0
    complete: bool = True
    requests: _Count = 0
    responses: tuple[str, ...] = ()
    duplicate: _Count = 0
    rejected: _Count = 0

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"chart {self.country}" if self.artist is None else f"artist {self.artist}"


class Crawl(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finished fetch (`crawl.json`): what was requested, and which responses it received."""

    scope: Scope
    complete: bool
    reasons: tuple[str, ...] = ()
    """Why it is not complete."""
    horizon_date: date | None = None
    """The first date that the crawl of events does not cover entirely."""
    planned_after: str | None = None
    """The events run from whose windows the cuts were planned."""
    touring_in: str | None = None
    """The events run from which the touring artists were read."""
    touring: _Count = 0
    """How many artists were requested only because they tour."""
    windows: tuple[Window, ...] = ()
    """For events."""
    lists: tuple[List, ...] = ()
    """For songs."""

    @property
    def requested(self) -> Sequence[Window | List]:
        """The windows or the lists."""
        return self.windows or self.lists


class UnknownField(msgspec.Struct, frozen=True):
    """A field that the source has begun to send."""

    records: int
    """How many records or, for a field beside them, how many responses had it."""
    first: str
    """The id or name of the first of them."""


class Certificate(Crawl, frozen=True, omit_defaults=True, kw_only=True):
    """The evidence of a landed run."""

    dataset: str
    run: str
    requests: _Count = 0
    """Requests spent, failed ones included."""
    rows: _Count = 0
    records: _Count = 0
    """Distinct events, or songs and artists, that became rows or were rejected."""
    duplicates: _Count = 0
    rejected: _Count = 0
    rejected_by_reason: dict[str, int] = {}
    nulled: dict[str, int] = {}
    """Optional values that made no sense and were stored as null, by the path of their field."""
    cut: dict[str, int] = {}
    """Names longer than their column, by the path of their field."""
    unknown_fields: dict[str, "UnknownField"] = {}
    """Fields of the source that this release does not know, by path."""


def read_certificate(dataset: str, run: str, url: str, document: dict[str, Any]) -> Certificate:
    """The certificate in a document; one of an earlier release, which had no `scope`, is converted.

    Raises `ManifestInvalid` if it has another form, or is that of another run.
    """
    try:
        if "scope" not in document:
            document = _with_scope(run, document)
        found = msgspec.convert({"dataset": dataset, "run": run, **document}, Certificate)
    except (ValueError, OverflowError) as error:
        raise ManifestInvalid(
            f"{url} is malformed ({error}). Land the run {run} of {dataset} again."
        ) from None
    if (found.dataset, found.run) != (dataset, run):
        raise ManifestInvalid(
            f"{url} is the certificate of {found.dataset[:16]} {found.run[:32]}. Land the run {run} of "
            f"{dataset} again."
        )
    return found


class _Unscoped(msgspec.Struct, frozen=True):
    """The scope in certificates of earlier releases: among the other fields, with the horizon as a date."""

    countries: _Countries
    artists_per_country: _Number | None = None
    tracks_per_artist: _Number | None = None
    horizon_date: date | None = None
    touring_artists: _Count = 0


def _with_scope(run: str, document: dict[str, Any]) -> dict[str, Any]:
    earlier, horizon_days = msgspec.convert(document, _Unscoped), None
    if earlier.horizon_date is not None:
        horizon_days = (earlier.horizon_date - (run_instant(run) - timedelta(hours=12)).date()).days
    scope = Scope(
        earlier.countries, horizon_days, earlier.artists_per_country, None, earlier.tracks_per_artist
    )
    return {**document, "scope": msgspec.to_builtins(scope), "touring": earlier.touring_artists}
