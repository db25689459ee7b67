"""The music world of the sandbox: artists, their songs and charts, and their concerts, all from one seed.

Both API stand-ins serve the same `Catalog`, and tests compare what a crawl collected with the catalogue
(`concert_ids`, `chart`, `top_tracks`). Only `today` depends on the clock; nothing depends on the process.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sandbox.world import concerts as planning
from sandbox.world.attractions import NAMELESS, Attractions
from sandbox.world.classifications import MUSIC_STYLES, STYLES
from sandbox.world.concerts import Concerts
from sandbox.world.event_codes import DATE_TBA, DATE_TBD, OTHER_SEGMENT, UNDATED
from sandbox.world.lineups import Cast
from sandbox.world.music import ChartEntry, Music, Track
from sandbox.world.places import COUNTRIES
from sandbox.world.seeded import Seeded
from sandbox.world.venues import venues_of


class Catalog:
    """A world with `concerts` Music events, and artists with up to `tracks_per_artist` songs each.

    countries   ISO codes of `COUNTRIES` (shares: US 70, GB 20, CA 10, …), or a mapping of codes to shares
    artists     how many exist; by default 2,600, or more if the concerts need them
    today       concerts take place on the `days` days after it; by default the current UTC date
    others      events of other segments as a share of `concerts`, on top of them
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
        if unknown := [code for code in countries if code not in COUNTRIES]:
            raise ValueError(
                f"no venues in {', '.join(unknown)}: sandbox/world/places.py has {', '.join(COUNTRIES)}"
            )
        self.countries = (
            dict(countries)
            if isinstance(countries, Mapping)
            else {code: COUNTRIES[code].weight for code in countries}
        )
        count = artists or max(2_600, concerts // 12)
        self.music = Music(self.seeded, count, tracks_per_artist)
        self.cast = Cast(count, festivals=max(20, concerts // 400), nameless=len(NAMELESS))
        self.attractions = Attractions(self.seeded, self.music, self.cast)
        self.venues = venues_of(self.seeded, self.countries, concerts)
        self.concerts: Concerts = planning.plan(
            self.seeded,
            self.cast,
            partners=np.array([self.music.partner(artist) for artist in range(count)], dtype=np.int32),
            famous=sorted({entry.artist for code in self.countries for entry in self.chart(code, 50)}),
            styles=self.music.styles,
            style_counts=(len(MUSIC_STYLES), len(STYLES)),
            venue_cities=[venue.city for venue in self.venues],
            big_venues=np.array([venue.big for venue in self.venues]),
            country_weights=self.countries,
            concerts=concerts,
            others=round(concerts * others),
            days=days,
            today=self.today,
        )

    def chart(self, country: str, n: int | None = None) -> list[ChartEntry]:
        """The `n` top artists of a country's chart."""
        return self.music.chart(country, n)

    def top_tracks(self, artist: int, n: int | None = None) -> list[Track]:
        """The `n` most played songs of an artist."""
        return self.music.top_tracks(artist, n)

    def lineup(self, event: int) -> NDArray[np.int32]:
        """The attractions of an event, headliner first."""
        columns = self.concerts
        return columns.lineup[columns.bounds[event] : columns.bounds[event + 1]]

    def in_dma(self, venue: int) -> bool:
        """Whether Ticketmaster lists the venue under the DMAs of its city, as it does for 85 %."""
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
        """Row numbers of the events in a country, with or without a date, from `after` to `before` inclusive."""
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
        """Ids of the Music events; `dated=False` gives those that a search by date never returns."""
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
