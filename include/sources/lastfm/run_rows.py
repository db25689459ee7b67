"""The rows of a whole run of songs: artists in the order of the charts, each with the best songs first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.sources.identity import artist_key
from include.sources.lastfm.rows import Charted, SongRow, chart, ranked, songs
from include.sources.rows import Noticed, Rejection, Tally


@dataclass(frozen=True, slots=True)
class KeptList:
    """A country's chart, or the top tracks of an artist, as it was collected."""

    name: str
    """What the tally counts by."""
    country: str | None
    """Whose chart it is; None for an artist's tracks."""
    artist: str | None
    """Whose tracks were asked for; None for a chart."""
    returned: str | None
    """The artist's name as Last.fm corrected it."""
    not_found: str | None
    """Last.fm's words when it has no such artist."""
    fetched: int
    responses: tuple[str, ...]


def run_rows(
    lists: Sequence[KeptList],
    body_of: Callable[[str], bytes],
    snapshot_at: datetime,
    artists_per_country: int,
    tracks_per_artist: int,
    tally: Tally,
) -> Iterator[SongRow]:
    """The rows of a run's lists, whose responses `body_of` reads; the tally learns what became none.

    Raises `UnexpectedPayload` when a response cannot be read.
    """
    charted = ranked(
        (_charting(each, each.country, body_of, tally) for each in lists if each.country is not None),
        artists_per_country,
    )
    # Several names that were asked may lead to one artist: the first brings the songs, with all standings.
    owners: dict[str, tuple[str, KeptList, Charted]] = {}
    for tracks in lists:
        if tracks.artist is None:
            continue
        standing = charted.get(artist_key(tracks.artist)) or Charted(tracks.artist)
        key = artist_key(tracks.returned or tracks.artist)
        if key in owners:
            owners[key][2].join(standing)
            tally.duplicates[tracks.name] += tracks.fetched
        else:
            owners[key] = (tracks.artist, tracks, standing)
    for asked, tracks, standing in owners.values():
        first = tracks.responses[0]
        only_billed = not standing.countries  # not every billing is an artist whom Last.fm knows
        if tracks.not_found:
            rejection = Rejection("artist_not_found", tracks.not_found, asked, 0)
            tally.reject(rejection, tracks.name, first, expected=only_billed)
            continue
        bodies = [body_of(response) for response in tracks.responses]
        noticed = Noticed()
        found = songs(bodies, snapshot_at, asked, standing, tracks_per_artist, noticed)
        tally.note(noticed, asked)
        for rejection in found.rejections:
            nobody = rejection.reason in ("shadow_artist", "unknown_artist")
            tally.reject(rejection, tracks.name, first, expected=only_billed and nobody)
        tally.duplicates[tracks.name] += found.duplicates
        tally.records += len(found.rows)
        yield from found.rows


def _charting(of: KeptList, country: str, body_of: Callable[[str], bytes], tally: Tally) -> list[Charted]:
    """The artists of a chart, in order."""
    artists = []
    for response in of.responses:
        noticed = Noticed()
        for found in chart(body_of(response), country, noticed):
            if isinstance(found, Rejection):
                tally.reject(found, of.name, response)
            else:
                artists.append(found)
                tally.note(noticed, found.name)
    return artists
