"""Ticketmaster's attractions: artists, and what bills itself like one. `Cast` says how they are numbered."""

from functools import lru_cache

from sandbox.world import names
from sandbox.world.base62 import base62, from_base62
from sandbox.world.lineups import Cast
from sandbox.world.music import Music
from sandbox.world.seeded import Seeded

NAMELESS = ("Special Guest", "Unknown Artist", "TBA")
"""Attractions that are not artists; Last.fm maps the second to its [unknown]."""


class Attractions:
    """Ids, names and MusicBrainz ids of all attractions."""

    def __init__(self, seeded: Seeded, music: Music, cast: Cast) -> None:
        self._seeded = seeded
        self._music = music
        self._cast = cast

    @lru_cache(maxsize=32_768)  # noqa: B019 - it lives as long as its process
    def id_of(self, attraction: int) -> str:
        """The Ticketmaster id of an attraction (see `Cast` for the numbering)."""
        return f"K8vZ917{base62((attraction * 3_628_273 + 12_345) % 62**4, 4)}"

    def numbered(self, attraction_id: str) -> int | None:
        """The attraction with that id, or None."""
        place = from_base62(attraction_id.removeprefix("K8vZ917"))
        if place is None or not attraction_id.startswith("K8vZ917") or len(attraction_id) != 11:
            return None
        number = (place - 12_345) * pow(3_628_273, -1, 62**4) % 62**4
        return number if number < self._cast.size else None

    @lru_cache(maxsize=32_768)  # noqa: B019 - it lives as long as its process
    def name_of(self, attraction: int) -> str:
        """The attraction's name as Ticketmaster spells it."""
        cast, seeded = self._cast, self._seeded
        if attraction >= cast.first_nameless:
            return NAMELESS[attraction - cast.first_nameless]
        if attraction >= cast.first_festival:
            return names.festival_name(seeded, attraction)
        role, artist = divmod(attraction, cast.artists)
        name = names.billed_as(seeded, artist, self._music.names[artist])
        if attraction >= cast.namesakes:
            return self._music.names[artist]
        if attraction >= cast.tributes:
            return seeded.pick(
                "tribute", artist, (f"The {name} Experience", f"The Concert: A Tribute To {name}")
            )
        if role:
            partner = self._music.partner(artist)
            joint = seeded.pick("joint", artist, (" & ", " / "))
            return (
                f"{name.strip()}{joint}{names.billed_as(seeded, partner, self._music.names[partner]).strip()}"
            )
        return name

    def mbid_of(self, attraction: int) -> str | None:
        """The MusicBrainz id Ticketmaster gives for an attraction: 66 % of the artists have one.

        A co-bill has that of its first artist; a namesake has its own, which conflicts with the artist's.
        """
        cast, seeded = self._cast, self._seeded
        if attraction >= cast.tributes and not cast.namesakes <= attraction < cast.first_festival:
            return None
        artist = attraction % cast.artists
        if attraction >= cast.namesakes:
            return seeded.uuid("namesake mbid", artist)
        touring = names.billed_as(seeded, artist, "x").endswith("(Touring)")
        if touring or seeded.unit("has mbid", artist) < (0.66 if attraction < cast.artists else 0.3):
            return seeded.uuid("artist mbid", artist)
        return None
