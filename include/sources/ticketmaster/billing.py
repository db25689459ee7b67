"""The artists billed for an event."""

from include.sources.identity import artist_key, name_key, namesake_key
from include.sources.rows import Noticed
from include.sources.ticketmaster import wire

_Artist = tuple[int | None, str | None, str | None, str | None, str | None, str | None, str | None]
NOBODY: _Artist = (None, None, None, None, None, None, None)


def billed(attractions: list[wire.Attraction], noticed: Noticed) -> list[_Artist]:
    """The last columns of `EventRow` for each artist, in order."""
    artists: list[_Artist] = []
    seen: set[tuple[str | None, str]] = set()
    for attraction in attractions:
        attraction_id = noticed.fitting(attraction.id, "_embedded.attractions.id", 64)
        name = noticed.name(attraction.name, "_embedded.attractions.name")
        if name is None:
            noticed.null("_embedded.attractions.name")
        if name is None or (attraction_id, name) in seen:
            continue
        seen.add((attraction_id, name))
        ids = attraction.external_links.musicbrainz
        mbid = noticed.mbid(ids[0].id if ids else None, "_embedded.attractions.externalLinks.musicbrainz.id")
        keys = artist_key(name), name_key(name), namesake_key(name, mbid)
        artists.append((len(artists) + 1, attraction_id, name, mbid, *keys))
    return artists
