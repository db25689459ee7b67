"""Who is who: the names and keys that join the artists and songs of both sources.

An artist's identity is the artist page on Last.fm, and those pages are identified by name. So `artist_key` is a hash
of the name, and two pages are two artists, however similar their names. The normalised name only serves to match a
billing with a page (include/sql/audit/bridge_concert_artists.sql). A match that several pages could claim, or whose
MusicBrainz ids conflict, is rejected: the billed artist gets the key `namesake_key(name, mbid)`.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache

from include.sources.text import cut

_ASCII_SYMBOLS = re.compile("[^a-z0-9]+")
# Only those of Latin, Greek and Cyrillic: in other scripts combining marks are letters.
_DIACRITICS = re.compile("[\u0300-\u036f]")


def normalised_name(name: str) -> str:
    """A form that is the same for all spellings of a name: `P!NK` and `P!nk`, `Motley Crue` and `Mötley Crüe`.

    Case, diacritics, spaces, punctuation and a leading "The" are ignored, and "&" counts as "and". A name made
    of nothing else (`!!!`) is only casefolded. Names in any script are preserved.
    """
    if name.isascii():  # by the same rule, which most names need only a part of
        folded = name.lower().strip()
        words = _ASCII_SYMBOLS.sub(" ", folded.replace("&", " and ")).split()
    else:
        folded = unicodedata.normalize("NFKC", name).casefold().strip()
        plain = unicodedata.normalize("NFC", _DIACRITICS.sub("", unicodedata.normalize("NFKD", folded)))
        plain = plain.replace("&", " and ")
        words = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in plain).split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return "".join(words) or " ".join(folded.split())


@lru_cache(maxsize=20_000)
def artist_key(name: str) -> str:
    """32 hexadecimal digits that identify the artist page with exactly this name.

    Punctuation, diacritics and articles count; letter case and the width of spaces do not: `M.I.A.` and `MIA.` are
    two pages, `P!NK` and `P!nk` one. So are `Weiß` and `Weiss` two, which `casefold` would make one. Only the part of
    a name that its column holds counts.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", cut(name)).lower())
    return _digest("page", " ".join(folded.split()))


@lru_cache(maxsize=20_000)
def name_key(name: str) -> str:
    """32 hexadecimal digits for the normalised name, by which a billing may be matched with a page.

    Before it had its own column, the column `artist_key` held this value.
    """
    return _digest(normalised_name(name), "")


def namesake_key(name: str, mbid: str | None) -> str:
    """32 hexadecimal digits for a billed artist who must not be matched with a page of the same name."""
    return _digest("namesake", normalised_name(name), mbid or "")


def song_key(artist: str, song_name: str) -> str:
    """32 hexadecimal digits for a song by the artist with this key; the letter case of its title does not count."""
    return _digest(artist, " ".join(unicodedata.normalize("NFKC", song_name).casefold().split()))


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
