"""Charting artists and their songs from Last.fm: turns responses into rows and rejections.

    Endpoint  GET https://ws.audioscrobbler.com/2.0/?method=geo.getTopArtists and artist.getTopTracks
    Docs      https://www.last.fm/api/show/geo.getTopArtists, …/artist.getTopTracks
    Limits    about 5 requests a second; 1,000 items a page; 100 MB of stored data
    Yields    `SongRow`: one row per artist and track, one without song if the artist has none

What is requested is in `lists.py`, how responses are decoded in `wire.py`, the charts in `charts.py`; this module
knows nothing about requests.

How oddities are handled (the certificate counts them by the code in the last column):

    no name, or one of the wrong type              rejected   missing_name, wrong_type
    not a number, or another wrong type            nulled     by its path, such as track.playcount
    a field that we do not know                    counted    by its path, such as track.mood
    a number beyond anything plausible             nulled     by its path
    a name longer than its column                  cut        by its path, at a character
    an address longer than its column              nulled     track.url
    the artist `[unknown]`, a bin for bad tags     rejected   unknown_artist
    an artist page that only misspellings reach    rejected   shadow_artist
    a charting artist whom Last.fm does not find   kept       a row without a song, with rank and listeners
    a charting artist whose tracks were not sent   kept       likewise; the run is incomplete
    another artist whom Last.fm does not find      rejected   artist_not_found
    a malformed MusicBrainz id                     nulled     by its path
    an empty MusicBrainz id                        kept       None
    a song twice, or in another case               kept       the first (best) one; counted as duplicate
    two requested names of the same artist         kept       the second has one row without a song
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from include.sources.identity import artist_key, name_key, song_key
from include.sources.lastfm import wire
from include.sources.lastfm.charts import Charted
from include.sources.rows import Key, Mbid, Name, Noticed, Rejected, Rejection, Url, checked
from include.sources.text import cut
from include.sources.text import name as storable_name


class SongRow(msgspec.Struct, frozen=True):
    """One artist and one of the artist's tracks; the columns of `staging.songs`, in order."""

    snapshot_at: datetime
    """The run's instant, UTC, without a zone."""
    asked_name: Name
    asked_key: Key
    """The key of the requested name itself; `artist_key` differs where Last.fm corrected the name."""
    artist_name: Name
    """As Last.fm corrected it."""
    artist_mbid: Mbid | None
    artist_key: Key
    name_key: Key
    """Of the normalised name, for matching."""
    chart_countries: Name | None
    """ISO codes of the countries in whose charts the artist is, sorted: `GB,US`."""
    chart_rank: int | None
    """The artist's best rank, counted from 1 by us."""
    chart_listeners: int | None
    """Summed over all charts."""
    song_name: Name | None
    song_mbid: Mbid | None
    song_key: Key | None
    song_url: Url | None
    song_rank: int | None
    """Among the artist's songs, counted from 1 by us."""
    play_count: int | None
    listeners: int | None


@dataclass(frozen=True, slots=True)
class Songs:
    """What came out of the responses about one artist's songs."""

    rows: list[SongRow]
    rejections: list[Rejection]
    fetched: int
    duplicates: int


def songs(
    bodies: Sequence[bytes],
    snapshot_at: datetime,
    asked_name: str,
    charted: Charted,
    at_most: int,
    noticed: Noticed,
) -> Songs:
    """One artist's rows, from the pages of the artist's top tracks: at least one, unless rejected.

    `noticed` is about all of them.
    """
    noticed.forget()
    snapshot_at = snapshot_at.astimezone(UTC).replace(tzinfo=None)
    pages = [wire.items(body) for body in bodies]
    raws = [raw for _, raw_items in pages for raw in raw_items]
    first = _first_artist(raws)
    returned = storable_name(pages[0][0].artist) or storable_name(first.name) or asked_name
    not_an_artist = _not_an_artist(returned, first)
    if not_an_artist:
        return Songs([], [Rejection(*not_an_artist, asked_name, 0)], len(raws), 0)
    key = artist_key(returned)
    mbid = noticed.mbid(first.mbid, "track.artist.mbid")
    about_artist = _about(snapshot_at, asked_name, returned, mbid or charted.mbid, charted)
    rows: list[SongRow] = []
    rejections: list[Rejection] = []
    seen: set[str] = set()
    duplicates = 0
    for position, raw in enumerate(raws):
        try:
            track, nulled = wire.decode_track(raw)
            of_track = Noticed([f"track.{path}" for path in nulled])
            name = of_track.name(track.name, "track.name")
            if name is None:
                raise Rejected("missing_name", f"a track of {returned} without a name")
            song = song_key(key, name)
            if song in seen:
                duplicates += 1
                continue
            row = checked(
                SongRow(
                    *about_artist,
                    name,
                    of_track.mbid(track.mbid, "track.mbid"),
                    song,
                    of_track.fitting(track.url, "track.url", 2048),
                    len(rows) + 1,
                    wire.number(track.playcount, "track.playcount", of_track),
                    wire.number(track.listeners, "track.listeners", of_track),
                )
            )
            seen.add(song)
            if len(rows) < at_most:
                rows.append(row)
                noticed.nulled.extend(of_track.nulled)
                noticed.cut.extend(of_track.cut)
                noticed.unknown.extend(f"track.{path}" for path in wire.unknown_track_fields(raw))
        except Rejected as rejected:
            rejections.append(Rejection(rejected.reason, rejected.detail, asked_name, position))
    if not rows:
        try:
            rows.append(checked(SongRow(*about_artist, *_NO_SONG)))
        except Rejected as rejected:
            rejections.append(Rejection(rejected.reason, rejected.detail, asked_name, 0))
    return Songs(rows, rejections, len(raws), duplicates)


def row_without_song(
    snapshot_at: datetime, asked_name: str, artist_name: str, mbid: str | None, charted: Charted
) -> SongRow:
    """The row of an artist whose tracks are not found, or of another requested name of the same artist.

    Raises `Rejected("too_long")`.
    """
    snapshot_at = snapshot_at.astimezone(UTC).replace(tzinfo=None)
    return checked(SongRow(*_about(snapshot_at, asked_name, artist_name, mbid, charted), *_NO_SONG))


_About = tuple[datetime, str, str, str, str | None, str, str, str | None, int | None, int | None]
_NO_SONG = (None, None, None, None, None, None, None)


def _about(
    snapshot_at: datetime, asked_name: str, artist_name: str, mbid: str | None, charted: Charted
) -> _About:
    """The columns about an artist, from `snapshot_at` to `chart_listeners`."""
    artist_name = cut(artist_name)
    return (
        snapshot_at,
        cut(asked_name),
        artist_key(asked_name),
        artist_name,
        mbid,
        artist_key(artist_name),
        name_key(artist_name),
        ",".join(sorted(charted.countries)) or None,
        charted.rank,
        charted.listeners,
    )


def _first_artist(raws: Sequence[msgspec.Raw]) -> wire.Artist:
    """The artist named by the first track."""
    try:
        return (wire.decode_track(raws[0])[0].artist if raws else None) or wire.Artist()
    except Rejected:
        return wire.Artist()


def _not_an_artist(name: str, artist: wire.Artist) -> tuple[str, str] | None:
    if name == wire.UNKNOWN:
        return "unknown_artist", "Last.fm returned [unknown], its page for tracks without an artist"
    if "/+noredirect/" in (artist.url or ""):
        return "shadow_artist", f"{name} is a page that only a misspelt name leads to"
    return None
