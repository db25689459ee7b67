"""The music world of the sandbox: artists, their songs and charts, and their concerts, all from one seed.

Both API stand-ins speak of the same `Catalog`, and tests compare what a crawl collected with its truth
(`concert_ids`, `chart`, `top_tracks`). Nothing depends on the clock but `today`, and nothing on the process.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from sandbox import concerts as planning
from sandbox import names
from sandbox.classifications import MUSIC_STYLES, STYLES
from sandbox.concerts import DATE_TBA, DATE_TBD, OTHER_SEGMENT, UNDATED, Cast, Concerts
from sandbox.places import CHART_COUNTRIES, CITIES, COUNTRIES, City
from sandbox.seeded import Seeded, pair, text_index

_VERSIONS = ("(Live)", "- Remastered 2011", "[Demo]", "(Acoustic)")
NAMELESS = ("Special Guest", "Unknown Artist", "TBA")
"""Attractions that name nobody; Last.fm takes the second for its [unknown]."""


@dataclass(frozen=True, slots=True)
class Artist:
    """An artist: `index` is also the place in the world's order of popularity, 0 the most popular."""

    index: int
    name: str
    billed_as: str
    mbid: str
    listeners: int
    play_count: int
    on_lastfm: bool


@dataclass(frozen=True, slots=True)
class Track:
    """A song on Last.fm; `rank` is 1-based within its artist. `mbid` is None where Last.fm knows none."""

    rank: int
    name: str
    mbid: str | None
    play_count: int
    listeners: int


@dataclass(frozen=True, slots=True)
class ChartEntry:
    """An artist in a country's chart, with the listeners of that country."""

    rank: int
    artist: int
    name: str
    listeners: int


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue; `name` may be empty, `latitude` None, `has_timezone` False, as now and then in reality."""

    index: int
    id: str
    name: str
    city: City
    big: bool


class Catalog:
    """A world of `concerts` Music events, and of artists with up to `tracks_per_artist` songs each.

    countries   ISO codes of `COUNTRIES` (shares: US 70, GB 20, CA 10, …), or a mapping of codes to shares
    artists     how many there are in the world; by default 2,600, more where the concerts need them
    today       concerts lie on the `days` days after it; by default the UTC date of now
    others      share of events of other segments, on top of `concerts`
    """

    def __init__(
        self,
        seed: int = 20_26,
        concerts: int = 3_000,
        artists: int | None = None,
        tracks_per_artist: int = 120,
        countries: Sequence[str] | Mapping[str, float] = ("US",),
        today: date | None = None,
        days: int = 363,
        others: float = 0.02,
    ) -> None:
        self.seeded = Seeded(seed)
        self.today = today or datetime.now(UTC).date()
        self.tracks_per_artist = tracks_per_artist
        if unknown := [code for code in countries if code not in COUNTRIES]:
            raise ValueError(
                f"no venues in {', '.join(unknown)}: sandbox/places.py has cities for {', '.join(COUNTRIES)}"
            )
        self.countries = (
            dict(countries)
            if isinstance(countries, Mapping)
            else {code: COUNTRIES[code].weight for code in countries}
        )
        count = artists or max(2_600, concerts // 12)
        self.names = names.artist_names(self.seeded, count)
        self.cast = Cast(count, festivals=max(20, concerts // 400), nameless=len(NAMELESS))
        self.venues = self._build_venues(concerts)
        every = np.arange(count, dtype=np.int64)
        self.styles = (self.seeded.units("genre", every) ** 1.6 * len(MUSIC_STYLES)).astype(np.int16)
        self.concerts: Concerts = planning.plan(
            self.seeded,
            self.cast,
            partners=np.array([self.partner(artist) for artist in range(count)], dtype=np.int32),
            famous=sorted({entry.artist for code in self.countries for entry in self.chart(code, 50)}),
            styles=self.styles,
            style_counts=(len(MUSIC_STYLES), len(STYLES)),
            venue_cities=[venue.city for venue in self.venues],
            big_venues=np.array([venue.big for venue in self.venues]),
            country_weights=self.countries,
            concerts=concerts,
            others=round(concerts * others),
            days=days,
            today=self.today,
        )

    # Artists

    def artist(self, index: int) -> Artist:
        """The artist of that index."""
        seeded, name = self.seeded, self.names[index]
        listeners = int(7_400_000 * (index + 1) ** -0.45 * (0.8 + 0.4 * seeded.unit("listeners", index)))
        return Artist(
            index,
            name,
            names.billed_as(seeded, index, name),
            seeded.uuid("artist mbid", index),
            listeners,
            int(listeners * (20 + 150 * seeded.unit("plays", index))),
            bool(self._on_lastfm[index]),
        )

    def partner(self, artist: int) -> int:
        """Who shares the bill when this artist is co-billed ("X & Y")."""
        count = len(self.names)
        return (artist + 1 + self.seeded.whole("partner", artist) % max(1, count - 1)) % count

    @cached_property
    def _on_lastfm(self) -> NDArray[np.bool_]:
        every = np.arange(len(self.names), dtype=np.int64)
        return (every < 60) | (self.seeded.units("on last.fm", every) < 0.95)

    def artist_named(self, name: str) -> int | None:
        """The artist whose Last.fm name this is, disregarding case."""
        return self._exact.get(name.casefold().strip())

    def artist_like(self, name: str) -> int | None:
        """The artist whose name in either source this is but for accents, punctuation and "The"."""
        return self._folded.get(names.fold(name))

    @cached_property
    def _exact(self) -> dict[str, int]:
        return {self.names[i].casefold(): i for i in range(len(self.names) - 1, -1, -1) if self._on_lastfm[i]}

    @cached_property
    def _folded(self) -> dict[str, int]:
        known = [i for i in range(len(self.names)) if self._on_lastfm[i]]
        spelt = {names.fold(names.billed_as(self.seeded, i, self.names[i])): i for i in reversed(known)}
        return spelt | {names.fold(self.names[i]): i for i in known}

    @cached_property
    def artists_by_mbid(self) -> dict[str, int]:
        """Artist indices by MusicBrainz id."""
        return {self.seeded.uuid("artist mbid", i): i for i in range(len(self.names)) if self._on_lastfm[i]}

    # Charts and songs: the truth of Last.fm

    @lru_cache(maxsize=64)  # noqa: B019 - a catalog lives as long as its process
    def _ranking(self, country: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        count = len(self.names)
        every = np.arange(count, dtype=np.int64)
        seeded, place = self.seeded, text_index(country) >> 40
        local = every * 4096 + place % 4096
        noise = seeded.units("taste", local) + seeded.units("taste two", local) - 1
        home = (seeded.units("home", every) * 12).astype(np.int64) == place % 12
        score = -np.log(every + 6.0) + 1.1 * noise + 0.8 * home
        score[~self._on_lastfm] = -np.inf
        order = np.argsort(-score, kind="stable")[
            : min(int(self._on_lastfm.sum()), 2_205 + text_index(country) % 300)
        ]
        weight = COUNTRIES[country].weight if country in COUNTRIES else 4
        top = 14_000 + 3_700 * weight
        listeners = (top * (np.arange(len(order)) + 1.0) ** -0.42).astype(np.int64)
        steps = np.minimum(0, np.diff(listeners, prepend=listeners[0] + 1) + 1)
        return order, np.maximum(listeners + steps // 3, 1)

    def chart(self, country: str, n: int | None = None) -> list[ChartEntry]:
        """The `n` top artists of a country (all of about 2,300 without `n`), best first."""
        order, listeners = self._ranking(country)
        return [
            ChartEntry(rank + 1, int(order[rank]), self.names[order[rank]], int(listeners[rank]))
            for rank in range(len(order) if n is None else min(n, len(order)))
        ]

    @lru_cache(maxsize=1)  # noqa: B019 - a catalog lives as long as its process
    def world_chart(self) -> list[int]:
        """The artists of the whole world, by listeners."""
        known = [artist for artist in range(len(self.names)) if self._on_lastfm[artist]]
        return sorted(known, key=lambda artist: -self.artist(artist).listeners)

    def track_count(self, artist: int) -> int:
        """How many songs Last.fm knows of the artist: up to `tracks_per_artist`; one in twelve has few."""
        drawn = self.seeded.unit("track count", artist)
        if drawn < 0.08:
            return min(self.tracks_per_artist, 1 + int(drawn * 500))
        return max(1, int(self.tracks_per_artist * (0.6 + 0.4 * drawn)))

    def top_tracks(self, artist: int, n: int | None = None) -> list[Track]:
        """The `n` most played songs of an artist (all without `n`), best first; no two have the same name."""
        tracks = self._tracks(artist)
        return list(tracks if n is None else tracks[:n])

    @lru_cache(maxsize=512)  # noqa: B019 - a catalog lives as long as its process
    def _tracks(self, artist: int) -> tuple[Track, ...]:
        seeded, count = self.seeded, self.track_count(artist)
        tracks: list[Track] = []
        taken: set[str] = set()
        plays = self.artist(artist).play_count * 0.12
        listeners = self.artist(artist).listeners * 0.6
        attempt = 0
        while len(tracks) < count:
            place = pair(artist, attempt)
            attempt += 1
            name = names.song_title(seeded, place)
            form = seeded.unit("version", place)
            if tracks and form < 0.05:  # versions of one song are songs of their own, as on Last.fm
                earlier = tracks[int(seeded.unit("version of", place) * len(tracks))].name
                name = f"{earlier} {seeded.pick('suffix', place, _VERSIONS)}"
            elif form < 0.11:
                name = f"{name} (feat. {self.names[seeded.whole('feature', place) % len(self.names)]})"
            if name.casefold() in taken:
                continue
            taken.add(name.casefold())
            mbid = seeded.uuid("track mbid", place) if seeded.unit("has track mbid", place) < 0.62 else None
            plays *= 0.90 + 0.09 * seeded.unit("decline", place)
            listeners *= 0.93 + 0.06 * seeded.unit("decline two", place)
            tracks.append(
                Track(
                    len(tracks) + 1, name, mbid, max(int(plays), count - len(tracks)), max(int(listeners), 1)
                )
            )
        return tuple(tracks)

    # Venues and concerts: the truth of Ticketmaster

    def _build_venues(self, concerts: int) -> list[Venue]:
        cities = [city for city in CITIES if city.country_code in self.countries]
        total = sum(city.weight for city in cities)
        per_weight = max(len(cities) * 5, concerts // 70) / total
        venues: list[Venue] = []
        for city in cities:
            for number in range(2 + round(city.weight * per_weight)):
                index = len(venues)
                name = names.venue_name(self.seeded, index, city.name, big=number < 2)
                code = _base62(index * 7_919 + 4_099, 4)
                prefix = ("KovZpZA", "ZFr9jZ", "rZ7HnEZ17", "KovZ9177")[
                    self.seeded.whole("venue id", index) % 4
                ]
                venues.append(Venue(index, f"{prefix}{code}", name, city, number < 2))
        return venues

    @lru_cache(maxsize=8192)  # noqa: B019 - a catalog lives as long as its process
    def attraction_id(self, attraction: int) -> str:
        """The Ticketmaster id of an attraction (see `Cast` for the numbering)."""
        return f"K8vZ917{_base62((attraction * 3_628_273 + 12_345) % 62**4, 4)}"

    def attraction_numbered(self, attraction_id: str) -> int | None:
        """The attraction of that id, or None."""
        place = _from_base62(attraction_id.removeprefix("K8vZ917"))
        if place is None or not attraction_id.startswith("K8vZ917") or len(attraction_id) != 11:
            return None
        number = (place - 12_345) * pow(3_628_273, -1, 62**4) % 62**4
        return number if number < self.cast.size else None

    def lineup(self, event: int) -> NDArray[np.int32]:
        """The attractions of an event, headliner first."""
        columns = self.concerts
        return columns.lineup[columns.bounds[event] : columns.bounds[event + 1]]

    @lru_cache(maxsize=8192)  # noqa: B019 - a catalog lives as long as its process
    def attraction_name(self, attraction: int) -> str:
        """The attraction's name as Ticketmaster spells it."""
        cast, seeded = self.cast, self.seeded
        if attraction >= cast.first_nameless:
            return NAMELESS[attraction - cast.first_nameless]
        if attraction >= cast.first_festival:
            return names.festival_name(seeded, attraction)
        role, artist = divmod(attraction, cast.artists)
        name = names.billed_as(seeded, artist, self.names[artist])
        if attraction >= cast.namesakes:
            return self.names[artist]
        if attraction >= cast.tributes:
            return seeded.pick(
                "tribute", artist, (f"The {name} Experience", f"The Concert: A Tribute To {name}")
            )
        if role:
            partner = self.partner(artist)
            joint = seeded.pick("joint", artist, (" & ", " / "))
            return f"{name.strip()}{joint}{names.billed_as(seeded, partner, self.names[partner]).strip()}"
        return name

    def attraction_mbid(self, attraction: int) -> str | None:
        """The MusicBrainz id Ticketmaster gives for an attraction: known for 60 % of the artists.

        A co-bill carries that of its first artist, a namesake its own, which conflicts with the artist's.
        """
        cast, seeded = self.cast, self.seeded
        if attraction >= cast.tributes and not cast.namesakes <= attraction < cast.first_festival:
            return None
        artist = attraction % cast.artists
        if attraction >= cast.namesakes:
            return seeded.uuid("namesake mbid", artist)
        touring = names.billed_as(seeded, artist, "x").endswith("(Touring)")
        if touring or seeded.unit("has mbid", artist) < (0.66 if attraction < cast.artists else 0.3):
            return seeded.uuid("artist mbid", artist)
        return None

    def in_dma(self, venue: int) -> bool:
        """Whether Ticketmaster lists the venue under the DMAs of its city, as it does four in five."""
        return self.seeded.unit("in dma", venue) < 0.85

    def in_market(self, venue: int) -> bool:
        """Whether Ticketmaster lists the venue under the markets of its city."""
        return self.seeded.unit("in market", venue) < 0.72

    @cached_property
    def upcoming(self) -> NDArray[np.int64]:
        """How many events each attraction has."""
        return np.bincount(self.concerts.lineup, minlength=self.cast.size)

    @cached_property
    def upcoming_at(self) -> NDArray[np.int64]:
        """How many events each venue has."""
        return np.bincount(self.concerts.venue, minlength=len(self.venues))

    @cached_property
    def venue_countries(self) -> NDArray[np.str_]:
        """The country code of each venue."""
        return np.array([venue.city.country_code for venue in self.venues])

    def events(
        self,
        country: str | None = None,
        dated: bool | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        music: bool = True,
    ) -> NDArray[np.int64]:
        """Row numbers of events: of a country, with or without a date, from `after` to `before` inclusive."""
        columns = self.concerts
        chosen = np.ones(len(columns.ids), dtype=bool)
        if music:
            chosen &= columns.kind != OTHER_SEGMENT
        if country is not None:
            chosen &= (self.venue_countries == country)[columns.venue]
        if dated is not None:
            chosen &= (columns.start != UNDATED) == dated
        if after is not None:
            chosen &= columns.start >= int(after.timestamp())
        if before is not None:
            chosen &= columns.start <= int(before.timestamp())
        return np.nonzero(chosen)[0]

    def concert_ids(
        self,
        country: str | None = None,
        dated: bool | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> set[str]:
        """Ids of the Music events that exist; `dated=False` are those a dated search never returns."""
        return self.ids_of(self.events(country, dated, after, before))

    def tba_ids(self, country: str | None = None) -> set[str]:
        """Ids of the Music events found only by includeTBA."""
        return self._undated_ids(country, DATE_TBA)

    def tbd_ids(self, country: str | None = None) -> set[str]:
        """Ids of the Music events found only by includeTBD."""
        return self._undated_ids(country, DATE_TBD)

    def _undated_ids(self, country: str | None, time_kind: int) -> set[str]:
        rows = self.events(country, dated=False)
        return self.ids_of(rows[self.concerts.time_kind[rows] == time_kind])

    def ids_of(self, rows: Iterable[int] | NDArray[np.int64]) -> set[str]:
        """The ids of those rows."""
        return {str(self.concerts.ids[row], "ascii") for row in rows}

    def country_named(self, name: str) -> str | None:
        """The code of the country Last.fm knows under that English name, disregarding case."""
        wanted = name.strip().casefold()
        return next((code for code, english in CHART_COUNTRIES.items() if english.casefold() == wanted), None)


_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def _from_base62(text: str) -> int | None:
    number = 0
    for digit in text:
        if digit not in _BASE62:
            return None
        number = number * 62 + _BASE62.index(digit)
    return number
