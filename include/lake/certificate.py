"""What a run asked for and what it received: its scope, its crawl and, once landed, its certificate.

A certificate is evidence: `complete` means that everything the source reported is accounted for.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from include.errors import ManifestInvalid
from include.lake.runs import run_instant


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run asks for. Events: countries and horizon. Songs: countries and numbers of artists and tracks."""

    countries: tuple[str, ...]
    """ISO 3166-1 alpha-2 codes."""
    horizon_days: int | None = None
    artists_per_country: int | None = None
    touring_artists: int | None = None
    """The most artists whose songs are requested only because they tour."""
    tracks_per_artist: int | None = None

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
    start: datetime | None = None
    """None, like `end`, for the undated events."""
    end: datetime | None = None
    reported: int = 0
    fetched: int = 0
    """Events in its responses, repeated ones included."""
    distinct: int = 0
    missing: int = 0
    """Events that were reported, or expected from the last complete run, but not received."""
    tolerance: int = 0
    """By how much its total changed while it was read."""
    complete: bool = True
    given_up: bool = False
    """Whether it was replaced by other windows that fetch the same events more cheaply."""
    requests: int = 0
    """Requests spent on it, failed ones included."""
    responses: tuple[str, ...] = ()
    """The names of its responses; not in certificates."""
    duplicate: int = 0
    rejected: int = 0
    elsewhere: int = 0
    """Events of other countries in responses about the whole world."""


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
    reported: int = 0
    fetched: int = 0
    distinct: int = 0
    complete: bool = True
    requests: int = 0
    responses: tuple[str, ...] = ()
    duplicate: int = 0
    rejected: int = 0

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
    touring: int = 0
    """How many artists were requested only because they tour."""
    windows: tuple[Window, ...] = ()
    """For events."""
    lists: tuple[List, ...] = ()
    """For songs."""

    @property
    def asked(self) -> Sequence[Window | List]:
        """The windows or the lists."""
        return self.windows or self.lists


class UnknownField(msgspec.Struct, frozen=True):
    """A field that the source has begun to send."""

    records: int
    """How many records had it."""
    first: str
    """The id or name of the first record with it."""


class Certificate(Crawl, frozen=True, omit_defaults=True, kw_only=True):
    """The evidence of a landed run."""

    dataset: str
    run: str
    requests: int = 0
    """Requests spent, failed ones included."""
    rows: int = 0
    records: int = 0
    """Distinct events, or songs and artists, that became rows or were rejected."""
    duplicates: int = 0
    rejected: int = 0
    rejected_by_reason: dict[str, int] = {}
    nulled: dict[str, int] = {}
    """Optional values that made no sense and were stored as null, by the path of their field."""
    cut: dict[str, int] = {}
    """Names longer than their column, by the path of their field."""
    unknown_fields: dict[str, "UnknownField"] = {}
    """Fields of the source that this release does not know, by path."""


def read_certificate(dataset: str, run: str, url: str, document: dict[str, Any]) -> Certificate:
    """The certificate in a document; one of an earlier release, which had no `scope`, is converted.

    Raises `ManifestInvalid` if it has another form.
    """
    try:
        if "scope" not in document:
            document = _with_scope(run, document)
        return msgspec.convert({**document, "dataset": dataset, "run": run}, Certificate)
    except (msgspec.ValidationError, KeyError, ValueError) as error:
        raise ManifestInvalid(
            f"{url} is malformed ({error}). Land the run {run} of {dataset} again."
        ) from None


def _with_scope(run: str, document: dict[str, Any]) -> dict[str, Any]:
    """Earlier certificates had no scope: its fields were at the top level, the horizon only as a date."""
    names = ("countries", "artists_per_country", "tracks_per_artist")
    scope: dict[str, Any] = {name: document[name] for name in names if name in document}
    if "horizon_date" in document:
        first = (run_instant(run) - timedelta(hours=12)).date()
        scope["horizon_days"] = (date.fromisoformat(document["horizon_date"]) - first).days
    return {**document, "scope": scope, "touring": document.get("touring_artists", 0)}
