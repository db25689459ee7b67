"""The artists of the sandbox's world, their songs and the countries' charts, as Last.fm knows them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from sandbox.world import names
from sandbox.world.classifications import MUSIC_STYLES
from sandbox.world.places import CHART_COUNTRIES, COUNTRIES
from sandbox.world.seeded import Seeded, pair, text_index

_VERSIONS = ("(Live)", "- Remastered 2011", "[Demo]", "(Acoustic)")


@dataclass(frozen=True, slots=True)
class Artist:
    """An artist; `index` is also the rank in worldwide popularity, from 0."""

    index: int
    name: str
    billed_as: str
    mbid: str
    listeners: int
    play_count: int
    on_lastfm: bool


@dataclass(frozen=True, slots=True)
class Track:
    """A song on Last.fm; `rank` counts from 1 within its artist. `mbid` is None where Last.fm has none."""

    rank: int
    name: str
    mbid: str | None
    play_count: int
    listeners: int


@dataclass(frozen=True, slots=True)
class ChartEntry:
    """An artist in a country's chart, with the number of listeners in that country."""

    rank: int
    artist: int
    name: str
    listeners: int


class Music:
    """`artists` artists in order of popularity, with up to `tracks_per_artist` songs each."""

    def __init__(self, seeded: Seeded, artists: int, tracks_per_artist: int) -> None:
        self.seeded = seeded
        self.tracks_per_artist = tracks_per_artist
        self.names = names.artist_names(seeded, artists)
        every = np.arange(artists, dtype=np.int64)
        self.styles = (seeded.units("genre", every) ** 1.6 * len(MUSIC_STYLES)).astype(np.int16)

    def artist(self, index: int) -> Artist:
        """The artist with that index."""
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
        """The other artist of this artist's co-bill ("X & Y")."""
        count = len(self.names)
        return (artist + 1 + self.seeded.whole("partner", artist) % max(1, count - 1)) % count

    @cached_property
    def _on_lastfm(self) -> NDArray[np.bool_]:
        every = np.arange(len(self.names), dtype=np.int64)
        return (every < 60) | (self.seeded.units("on last.fm", every) < 0.95)

    def artist_named(self, name: str) -> int | None:
        """The artist with this name on Last.fm, ignoring case."""
        return self._exact.get(name.casefold().strip())

    def artist_like(self, name: str) -> int | None:
        """The artist with this name in either source, ignoring case, accents, punctuation and "The"."""
        return self._folded.get(names.fold(name))

    @cached_property
    def _exact(self) -> dict[str, int]:
        return {self.names[i].casefold(): i for i in range(len(self.names) - 1, -1, -1) if self._on_lastfm[i]}

    @cached_property
    def _folded(self) -> dict[str, int]:
        on_lastfm = [i for i in range(len(self.names)) if self._on_lastfm[i]]
        billed = {names.fold(names.billed_as(self.seeded, i, self.names[i])): i for i in reversed(on_lastfm)}
        return billed | {names.fold(self.names[i]): i for i in on_lastfm}

    @cached_property
    def artists_by_mbid(self) -> dict[str, int]:
        """Artist indices by MusicBrainz id."""
        return {self.seeded.uuid("artist mbid", i): i for i in range(len(self.names)) if self._on_lastfm[i]}

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
        """The `n` top artists of a country, best first; without `n` all of them, about 2,300."""
        order, listeners = self._ranking(country)
        return [
            ChartEntry(rank + 1, int(order[rank]), self.names[order[rank]], int(listeners[rank]))
            for rank in range(len(order) if n is None else min(n, len(order)))
        ]

    @lru_cache(maxsize=1)  # noqa: B019 - a catalog lives as long as its process
    def world_chart(self) -> list[int]:
        """The artists of the whole world, by listeners."""
        on_lastfm = [artist for artist in range(len(self.names)) if self._on_lastfm[artist]]
        return sorted(on_lastfm, key=lambda artist: -self.artist(artist).listeners)

    def track_count(self, artist: int) -> int:
        """How many of the artist's songs Last.fm has: up to `tracks_per_artist`; one artist in twelve has few."""
        drawn = self.seeded.unit("track count", artist)
        if drawn < 0.08:
            return min(self.tracks_per_artist, 1 + int(drawn * 500))
        return max(1, int(self.tracks_per_artist * (0.6 + 0.4 * drawn)))

    def top_tracks(self, artist: int, n: int | None = None) -> list[Track]:
        """The `n` most played songs of an artist, best first; without `n` all. No two have the same name."""
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
            if tracks and form < 0.05:  # each version of a song is a song of its own, as on Last.fm
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

    def country_named(self, name: str) -> str | None:
        """The code of the country with that English name on Last.fm, ignoring case."""
        wanted = name.strip().casefold()
        return next((code for code, english in CHART_COUNTRIES.items() if english.casefold() == wanted), None)
