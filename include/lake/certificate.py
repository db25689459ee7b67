"""What a run asked for and what came of it: its scope, its crawl and, once it is landed, its certificate.

A certificate is evidence: `complete` means that everything the source reported is accounted for.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from include.errors import ManifestInvalid
from include.lake.runs import run_instant


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run asks for: countries and horizon for events; countries and numbers for songs."""

    countries: tuple[str, ...]
    """ISO 3166-1 alpha-2 codes."""
    horizon_days: int | None = None
    artists_per_country: int | None = None
    touring_artists: int | None = None
    """How many artists at most are asked only because they tour."""
    tracks_per_artist: int | None = None

    @property
    def text(self) -> str:
        """One line that equal scopes share: `GB,US; 365 days`, `US; 50 artists, 200 touring, 50 tracks`."""
        numbers = (
            (self.horizon_days, "days"),
            (self.artists_per_country, "artists"),
            (self.touring_artists, "touring"),
            (self.tracks_per_artist, "tracks"),
        )
        told = ", ".join(f"{number} {unit}" for number, unit in numbers if number is not None)
        countries = ",".join(sorted(self.countries))
        return f"{countries}; {told}" if told else countries


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """One window of an events run: what was reported and what came. An absent count is 0."""

    name: str = msgspec.field(name="window")
    country: str | None = None
    """None for the whole world."""
    start: datetime | None = None
    """None, as `end`, for the undated events."""
    end: datetime | None = None
    reported: int = 0
    fetched: int = 0
    """Events in its responses, those met twice counted twice."""
    distinct: int = 0
    missing: int = 0
    """Events reported, or expected by what the last complete run found, that did not come."""
    tolerance: int = 0
    """By how much its total moved while it was read."""
    complete: bool = True
    given_up: bool = False
    """Whether other windows bring what it should have brought, because that is cheaper."""
    requests: int = 0
    """Requests spent on it, failed ones included."""
    responses: tuple[str, ...] = ()
    """The names of its responses; certificates leave them out."""
    duplicate: int = 0
    rejected: int = 0
    elsewhere: int = 0
    """Events in its responses whose venue lies in a country that the run did not ask for."""


class List(msgspec.Struct, frozen=True, omit_defaults=True):
    """One list of a songs run: a country's chart, or the top tracks of an artist. An absent count is 0."""

    country: str | None = None
    """Whose chart it is; None for an artist's tracks."""
    artist: str | None = None
    """Whose tracks were asked for; None for a chart."""
    returned: str | None = None
    """The artist's name as Last.fm corrected it."""
    not_found: str | None = None
    """Last.fm's words when it has no such artist."""
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
        """How messages call it."""
        return f"chart {self.country}" if self.artist is None else f"artist {self.artist}"


class Crawl(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fetch that came to its end (`crawl.json`): what was asked, and which responses tell what came."""

    scope: Scope
    complete: bool
    reasons: tuple[str, ...] = ()
    """Why it is not complete."""
    horizon_date: date | None = None
    """The first date of which the crawl of events has not seen everything."""
    planned_after: str | None = None
    """The events run whose windows said where to cut."""
    touring_in: str | None = None
    """The events run that says who tours."""
    touring: int = 0
    """How many artists were asked only because they tour."""
    windows: tuple[Window, ...] = ()
    """Of events."""
    lists: tuple[List, ...] = ()
    """Of songs."""

    @property
    def asked(self) -> Sequence[Window | List]:
        """The windows or the lists."""
        return self.windows or self.lists


class UnknownField(msgspec.Struct, frozen=True):
    """A field that the source began to send."""

    records: int
    """How many had it."""
    first: str
    """The id or name of the first one."""


class Certificate(Crawl, frozen=True, omit_defaults=True, kw_only=True):
    """The evidence of a landed run."""

    dataset: str
    run: str
    requests: int = 0
    """Requests spent, failed ones included."""
    rows: int = 0
    records: int = 0
    """Distinct events, or songs and artists, of which the rows are made, and those rejected."""
    duplicates: int = 0
    rejected: int = 0
    rejected_by_reason: dict[str, int] = {}
    nulled: dict[str, int] = {}
    """Optional values that made no sense and were stored as null, by the path of their field."""
    cut: dict[str, int] = {}
    """Names longer than their column."""
    unknown_fields: dict[str, "UnknownField"] = {}
    """Fields of the source that this release does not know, by path."""


def read_certificate(dataset: str, run: str, url: str, document: dict[str, Any]) -> Certificate:
    """The certificate a document holds, also one of an earlier release, which had no `scope`.

    Raises `ManifestInvalid` when it has another form.
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
    """Certificates used to name what was asked for among what came: the horizon only as a date."""
    names = ("countries", "artists_per_country", "tracks_per_artist")
    scope: dict[str, Any] = {name: document[name] for name in names if name in document}
    if "horizon_date" in document:
        first = (run_instant(run) - timedelta(hours=12)).date()
        scope["horizon_days"] = (date.fromisoformat(document["horizon_date"]) - first).days
    return {**document, "scope": scope, "touring": document.get("touring_artists", 0)}
