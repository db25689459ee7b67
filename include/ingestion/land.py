"""From kept answers to a manifest: rows, refused records and the certificate of one run.

Answers are read in a fixed order, so a run always lands as the same objects; and the manifest is written
last, so a landing that dies leaves nothing that counts.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from include.errors import ManifestInvalid, TooManyRejected
from include.ingestion.met import MetIds
from include.lake.raw import RawRun
from include.lake.runs import Lake, run_instant
from include.settings import Settings
from include.sources.identity import artist_key
from include.sources.lastfm import rows as lastfm
from include.sources.rows import Rejection
from include.sources.ticketmaster import rows as ticketmaster

log = logging.getLogger(__name__)

EVENTS, SONGS = "events", "songs"

_LASTFM_MAY_STORE = 100_000_000
"""Bytes of Last.fm's data that its terms of service (4.3) let an application store."""
_LASTFM_WARNING = 80_000_000


@dataclass(frozen=True, slots=True)
class Landed:
    """A run whose manifest is written; what the asset event says about it."""

    dataset: str
    run: str
    manifest: str
    rows: int
    records: int
    """Distinct events, or songs and artists, of which the rows are made, and those refused."""
    rejected: int
    complete: bool
    reasons: list[str]
    """Why the run is not complete."""


def land(dataset: str, lake: Lake, run: str, settings: Settings, again: bool = False) -> Landed:
    """Makes rows of a fetched run and writes its parts, refused records, certificate and, last, manifest.

    A run that has a manifest is left as it is, unless it is to be landed `again`. Raises `TooManyRejected`
    when the settings do not tolerate how many records were refused, `UnexpectedPayload` when a kept answer
    cannot be read, and `ManifestInvalid` when the run was not fetched.
    """
    if not again and lake.has_manifest(dataset, run):
        return _landed(lake, dataset, run)
    started = time.monotonic()
    raw = lake.raw(dataset, run)
    crawl = raw.crawl()
    if crawl is None:
        raise ManifestInvalid(
            f"The run {run} of {dataset} is not fetched to its end, or its raw responses have expired. "
            "Fetch it first."
        )
    expired = {name for part in crawl["windows"] for name in part["answers"]} - raw.names()
    if expired:
        raise ManifestInvalid(
            f"{len(expired)} raw responses of {dataset} {run} have expired, such as {raw.url(min(expired))}, "
            "so it cannot be landed again. What it landed before stays; to collect anew, trigger a new run."
        )
    landed_before = lake.has_manifest(dataset, run)
    lake.remove_manifest(dataset, run)
    row_type = _ROWS[dataset]
    with lake.rejecting(dataset, run) as write_refused:
        tally = Tally(raw, write_refused)
        entries = lake.put_parts(dataset, run, row_type, _MAKE_ROWS[dataset](tally, crawl))
    certificate = {
        "dataset": dataset,
        "run": run,
        **crawl,
        "requests": sum(map(_requests, crawl["windows"])),
        "rows": sum(rows for _, _, rows in entries),
        "records": tally.records,
        "duplicates": sum(tally.duplicates.values()),
        "rejected": sum(tally.reasons.values()),
        "rejected_by_reason": dict(tally.reasons.most_common()),
        "windows": [
            {
                **{key: value for key, value in part.items() if key != "answers"},
                "duplicate": tally.duplicates[part["window"]],
                "rejected": tally.rejected[part["window"]],
                "elsewhere": tally.elsewhere[part["window"]],
                "requests": _requests(part),
            }
            for part in crawl["windows"]
        ],
    }
    lake.put_certificate(dataset, run, certificate)
    if tally.faulty * 100 > settings.max_rejected_percent * tally.records:
        most = ", ".join(f"{reason} {count} times" for reason, count in tally.reasons.most_common(3))
        raise TooManyRejected(
            f"{tally.faulty} of {tally.records} records of {dataset} {run} were refused, more "
            f"than {settings.max_rejected_percent} % (MUSICIAN_MAX_REJECTED_PERCENT): {most}. "
            f"Nothing is published: look at {lake.url(f'rejected/{dataset}/{run}/')}; when the parser is "
            f"corrected, run `python -m include.ingestion.events redrive {dataset} {run}`."
        )
    lake.put_manifest(dataset, run, row_type, entries)
    landed = _landed(lake, dataset, run)
    log.info(
        "landed %s %s in %.1f s: %d rows of %d records, %d refused, %s",
        dataset, run, time.monotonic() - started, landed.rows, landed.records, landed.rejected,
        "complete" if landed.complete else f"not complete: {'; '.join(landed.reasons[:3])}",
    )  # fmt: skip
    if landed_before:
        log.info(
            "if the warehouse had loaded it, have it load it anew: "
            "python -m include.warehouse.load retry %s %s",
            dataset, run,
        )  # fmt: skip
    if dataset == SONGS:
        _meter_lastfm(lake)
    return landed


def _requests(part: dict[str, Any]) -> int:
    """What a window took; older runs kept only what was answered."""
    requests: int = part.get("requests", len(part["answers"]))
    return requests


def _meter_lastfm(lake: Lake) -> None:
    """Logs how much data of Last.fm the bucket holds; a warning before it is more than the terms allow."""
    prefixes = ("raw/songs/", "lake/songs/", "rejected/songs/")
    stored = sum(size for prefix in prefixes for _, size in lake.objects.sizes(prefix))
    told = f"s3://{lake.bucket} holds {stored / 1e6:.1f} MB of Last.fm's data; its terms allow "
    told += f"{_LASTFM_MAY_STORE / 1e6:.0f} MB"
    if stored < _LASTFM_WARNING:
        log.info("%s", told)
    else:
        log.warning(
            "%s. Lower MUSICIAN_RAW_RETENTION_DAYS, MUSICIAN_TOURING_ARTISTS or MUSICIAN_TRACKS_PER_ARTIST, "
            "or delete the oldest runs under lake/songs/ together with their manifests.",
            told,
        )


def _landed(lake: Lake, dataset: str, run: str) -> Landed:
    manifest, certificate = lake.manifest(dataset, run), lake.certificate(dataset, run)
    return Landed(
        dataset,
        run,
        manifest.url,
        manifest.record_count,
        certificate["records"],
        certificate["rejected"],
        certificate["complete"],
        certificate["reasons"],
    )


@dataclass(slots=True)
class Tally:
    """What becomes of the records of one run while it is landed."""

    raw: RawRun
    write_refused: Callable[[dict[str, Any]], object]
    records: int = 0
    """Distinct records met, those refused included."""
    faulty: int = 0
    """Records refused that nobody could expect to be."""
    reasons: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    """By window, as are the next two."""
    duplicates: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    """Events of other countries in answers about the whole world."""

    def refuse(self, rejection: Rejection, window: str, name: str, expected: bool = False) -> None:
        """Notes a refused record and where its raw line is."""
        self.records += 1
        self.faulty += not expected
        self.reasons[rejection.reason] += 1
        self.rejected[window] += 1
        self.write_refused({**msgspec.to_builtins(rejection), "raw": self.raw.url(name)})


def _event_rows(tally: Tally, crawl: dict[str, Any]) -> Iterator[msgspec.Struct]:
    """The rows of a run's events, each event once: as it was met first in the order of the windows."""
    met = MetIds()
    snapshot_at = run_instant(tally.raw.run)
    for part in crawl["windows"]:
        if part.get("given_up"):
            continue  # others bring what it should have brought
        for name in part["answers"]:
            answer = tally.raw.get(name)
            if answer.status != 200:
                continue  # an empty search
            country = answer.request.get("countryCode")
            for found in ticketmaster.rows(bytes(answer.body), snapshot_at, country):
                identity = found.record_id if isinstance(found, Rejection) else found[0].event_id
                if not isinstance(found, Rejection) and found[0].country_code not in crawl["countries"]:
                    tally.elsewhere[part["window"]] += 1
                elif identity is not None and not met.add(identity):
                    tally.duplicates[part["window"]] += 1
                elif isinstance(found, Rejection):
                    # Of the whole world's events most are none of ours, so they say little about the parser.
                    tally.refuse(found, part["window"], name, expected=country is None)
                else:
                    tally.records += 1
                    yield from found


def _song_rows(tally: Tally, crawl: dict[str, Any]) -> Iterator[msgspec.Struct]:
    """The rows of a run's songs: the artists in the order of the charts, each with the best songs first."""
    snapshot_at = run_instant(tally.raw.run)
    charts: list[list[lastfm.Charted]] = []
    artists = []
    for part in crawl["windows"]:
        kind, _, name = part["window"].partition(" ")
        if kind == "artist":
            artists.append((name, part))
            continue
        charts.append([])
        for answer in part["answers"]:
            for found in lastfm.chart(bytes(tally.raw.get(answer).body), name):
                if isinstance(found, Rejection):
                    tally.refuse(found, part["window"], answer)
                else:
                    charts[-1].append(found)
    charted = lastfm.ranked(charts, crawl["artists_per_country"])
    # Several names that were asked may lead to one artist: the first brings the songs, with all standings.
    owners: dict[str, tuple[str, dict[str, Any], lastfm.Charted]] = {}
    for name, part in artists:
        standing = charted.get(artist_key(name)) or lastfm.Charted(name)
        key = artist_key(part["returned"] or name)
        if key in owners:
            owners[key][2].join(standing)
            tally.duplicates[part["window"]] += part["fetched"]
        else:
            owners[key] = (name, part, standing)
    for name, part, standing in owners.values():
        [first, *_] = part["answers"]
        only_billed = not standing.countries  # not every billing is an artist whom Last.fm knows
        if part["not_found"]:
            rejection = Rejection("artist_not_found", part["not_found"], name, 0)
            tally.refuse(rejection, part["window"], first, expected=only_billed)
            continue
        bodies = [bytes(tally.raw.get(answer).body) for answer in part["answers"]]
        songs = lastfm.songs(bodies, snapshot_at, name, standing, crawl["tracks_per_artist"])
        for rejection in songs.rejections:
            nobody = rejection.reason in ("shadow_artist", "unknown_artist")
            tally.refuse(rejection, part["window"], first, expected=only_billed and nobody)
        tally.duplicates[part["window"]] += songs.duplicates
        tally.records += len(songs.rows)
        yield from songs.rows


_ROWS: dict[str, type[msgspec.Struct]] = {EVENTS: ticketmaster.EventRow, SONGS: lastfm.SongRow}
_MAKE_ROWS: dict[str, Callable[[Tally, dict[str, Any]], Iterator[msgspec.Struct]]] = {
    EVENTS: _event_rows,
    SONGS: _song_rows,
}
