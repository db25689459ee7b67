"""The rows of a whole songs run: artists in the order of the charts, each with the best songs first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from include.sources.identity import artist_key
from include.sources.lastfm import wire
from include.sources.lastfm.charts import Charted, chart, ranked
from include.sources.lastfm.rows import SongRow, row_without_song, songs
from include.sources.rows import Noticed, Rejection, Tally


@dataclass(frozen=True, slots=True)
class KeptList:
    """A country's chart or an artist's top tracks, as collected."""

    name: str
    """The key of its counts in the tally."""
    country: str | None
    """Whose chart it is; None for an artist's tracks."""
    artist: str | None
    """Whose tracks were requested; None for a chart."""
    returned: str | None
    """The artist's name as Last.fm corrected it."""
    not_found: str | None
    """Last.fm's message if it has no such artist."""
    fetched: int
    responses: tuple[str, ...]
    """Empty if the tracks could not be fetched."""


def run_rows(
    lists: Sequence[KeptList],
    body_of: Callable[[str], bytes],
    snapshot_at: datetime,
    artists_per_country: int,
    tracks_per_artist: int,
    tally: Tally,
) -> Iterator[SongRow]:
    """The rows of a run's lists, whose responses `body_of` reads; the tally counts the records that produced no row.

    Raises `UnexpectedPayload` when a response cannot be read.
    """
    charted = ranked(
        (_charting(each, each.country, body_of, tally) for each in lists if each.country is not None),
        artists_per_country,
        {
            artist_key(each.artist): artist_key(each.returned)
            for each in lists
            if each.artist and each.returned
        },
    )
    # Several requested names may lead to one artist: the songs go under the first.
    owners: dict[str, _Owner] = {}
    for tracks in lists:
        if tracks.artist is None:
            continue
        key = artist_key(tracks.returned or tracks.artist)
        standing = charted.get(key) or Charted(tracks.artist)
        if key not in owners:
            owners[key] = _Owner(tracks.artist, tracks, standing)
        elif not (lost := owners[key]).tracks.responses:
            owners[key] = _Owner(tracks.artist, tracks, standing, [lost.asked, *lost.further_names])
        else:
            owners[key].further_names.append(tracks.artist)
            tally.duplicates[tracks.name] += tracks.fetched
    for owner in owners.values():
        rows = list(_artist_rows(owner, body_of, snapshot_at, tracks_per_artist, tally))
        tally.records += len(rows)
        yield from rows
        for name in owner.further_names if rows else []:
            yield row_without_song(
                snapshot_at, name, rows[0].artist_name, rows[0].artist_mbid, owner.standing
            )


@dataclass(slots=True)
class _Owner:
    """An artist page, the list of its tracks, and the names that led to it."""

    asked: str
    tracks: KeptList
    standing: Charted
    further_names: list[str] = field(default_factory=list)


def _artist_rows(
    owner: _Owner,
    body_of: Callable[[str], bytes],
    snapshot_at: datetime,
    tracks_per_artist: int,
    tally: Tally,
) -> Iterator[SongRow]:
    tracks, standing = owner.tracks, owner.standing
    only_billed = not standing.countries  # Last.fm does not know every billed name
    if tracks.not_found and only_billed:
        rejection = Rejection("artist_not_found", tracks.not_found, owner.asked, 0)
        tally.reject(rejection, tracks.name, tracks.responses[0], expected=True)
        return
    if not tracks.responses and only_billed:
        return
    if tracks.not_found or not tracks.responses:
        yield row_without_song(snapshot_at, owner.asked, owner.asked, standing.mbid, standing)
        return
    bodies = [body_of(response) for response in tracks.responses]
    for response, body in zip(tracks.responses, bodies, strict=True):
        tally.note_unknown(wire.unknown_list_fields(body), response)
    noticed = Noticed()
    made = songs(bodies, snapshot_at, owner.asked, standing, tracks_per_artist, noticed)
    tally.note(noticed, owner.asked)
    for rejection in made.rejections:
        not_an_artist = rejection.reason in ("shadow_artist", "unknown_artist")
        tally.reject(rejection, tracks.name, tracks.responses[0], expected=only_billed and not_an_artist)
    tally.duplicates[tracks.name] += made.duplicates
    yield from made.rows


def _charting(kept: KeptList, country: str, body_of: Callable[[str], bytes], tally: Tally) -> list[Charted]:
    """The artists of a chart, in order."""
    artists = []
    for response in kept.responses:
        noticed, body = Noticed(), body_of(response)
        tally.note_unknown(wire.unknown_list_fields(body), response)
        for entry in chart(body, country, noticed):
            if isinstance(entry, Rejection):
                tally.reject(entry, kept.name, response)
            else:
                artists.append(entry)
                tally.note(noticed, entry.name)
    return artists
