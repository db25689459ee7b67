"""Which artist a request means: one of the catalogue, a shadow artist, [unknown], or none."""

from sandbox.lastfm.errors import ErrorResponse, error, not_found
from sandbox.lastfm.paging import Params
from sandbox.world.music import Music, Track
from sandbox.world.names import song_title
from sandbox.world.seeded import Seeded, pair, text_index

UNKNOWN_NAME, UNKNOWN_MBID, UNKNOWN_TOTAL = "[unknown]", "5dfdca28-9ddc-4853-933c-8bc97d87beec", 13_508_587


def requested_artist(music: Music, seeded: Seeded, params: Params) -> int | str:
    """The requested artist: one of the catalogue, or the name of a shadow artist or of [unknown]."""
    name = params.get("artist")
    mbid = params.get("mbid", "").lower()
    if mbid == UNKNOWN_MBID:
        return UNKNOWN_NAME
    if mbid:  # a lookup by mbid fails for some artists that exist by name
        by_mbid = music.artists_by_mbid.get(mbid)
        if by_mbid is None or seeded.unit("found by mbid", by_mbid) < 0.3:
            raise not_found()
        return by_mbid
    if name is None or name == "":
        raise ErrorResponse(error(6, status=400))
    corrects = params.get("autocorrect", "0") == "1"
    if not name.strip() or name == UNKNOWN_NAME or (corrects and name.casefold() == "unknown artist"):
        return UNKNOWN_NAME
    exact = music.artist_named(name)
    if exact is not None:
        return exact
    similar = None if name.endswith("(Touring)") else music.artist_like(name)
    if similar is not None:
        return similar if corrects else name
    if _is_scrobbled(seeded, name):
        return name
    raise not_found()


def _is_scrobbled(seeded: Seeded, name: str) -> bool:
    """Whether a billing that is not an artist (co-bill, tribute act) has a shadow page: three in five do."""
    billing = (" & ", " / ", "Tribute", "Experience", "Fest", "Guest", "(Touring)")
    return any(part in name for part in billing) and seeded.unit("shadow", text_index(name) >> 1) < 0.6


def shadow_tracks(seeded: Seeded, name: str) -> tuple[list[Track], int | None]:
    """The songs, and the reported total, of [unknown] or of a shadow artist, who has hardly any listeners."""
    if name == UNKNOWN_NAME:
        songs = [f"{word} {number}" for number in range(1, 501) for word in ("Spur", "Pista")]
        return [
            Track(i + 1, song, None, 291_787 - 290 * i, 74_049 - 70 * i) for i, song in enumerate(songs)
        ], UNKNOWN_TOTAL
    place = text_index(name) >> 40
    count = 3 + seeded.whole("shadow songs", place) % 13
    names = dict.fromkeys(song_title(seeded, pair(place, number)) for number in range(count))
    return [Track(i + 1, song, None, max(1, 8 - i), max(1, 2 - i // 2)) for i, song in enumerate(names)], None
