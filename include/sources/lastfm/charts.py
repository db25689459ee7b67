"""The artists in the charts: reads a chart's pages, and ranks the artists of several charts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from include.sources.identity import artist_key
from include.sources.lastfm import wire
from include.sources.rows import Noticed, Rejected, Rejection


@dataclass(slots=True)
class Charted:
    """An artist's standing in the charts."""

    name: str
    mbid: str | None = None
    countries: set[str] = field(default_factory=set)
    rank: int | None = None
    listeners: int | None = None

    def merge(self, other: "Charted") -> None:
        """Adds the standing of another name that turned out to be the same artist."""
        self.countries |= other.countries
        self.mbid = self.mbid or other.mbid
        self.rank = min((rank for rank in (self.rank, other.rank) if rank is not None), default=None)
        if other.listeners is not None:
            self.listeners = (self.listeners or 0) + other.listeners


def chart(body: bytes, country_code: str, noticed: Noticed) -> Iterator[Charted | Rejection]:
    """The artists on a page of a country's chart, in order and not ranked yet, or why one was rejected.

    `noticed` is about the artist that was yielded last.
    """
    for position, raw in enumerate(wire.items(body)[1]):
        name = None
        try:
            noticed.forget()
            artist, nulled = wire.decode_artist(raw)
            noticed.nulled.extend(f"artist.{path}" for path in nulled)
            noticed.unknown.extend(f"artist.{path}" for path in wire.unknown_artist_fields(raw))
            name = noticed.name(artist.name, "artist.name")
            if name is None:
                raise Rejected("missing_name", "a charting artist without a name")
            if name == wire.UNKNOWN:
                raise Rejected("unknown_artist", "the chart counts plays without an artist under this name")
            listeners = wire.number(artist.listeners, "artist.listeners", noticed)
            mbid = noticed.mbid(artist.mbid, "artist.mbid")
            yield Charted(name, mbid, {country_code}, None, listeners)
        except Rejected as rejected:
            yield Rejection(rejected.reason, rejected.detail, name, position)


def ranked(charts: Iterable[Sequence[Charted]], at_most: int, pages: Mapping[str, str]) -> dict[str, Charted]:
    """The artists of several charts, `at_most` of each, by the key of their artist page: each artist once.

    `pages` maps the key of a name to that of the page it leads to; a name that is not there is its own page.
    """
    by_key: dict[str, Charted] = {}
    for artists in charts:
        in_chart: set[str] = set()
        for artist in artists:
            key = artist_key(artist.name)
            key = pages.get(key, key)
            if key in in_chart or len(in_chart) == at_most:
                continue
            in_chart.add(key)
            artist.rank = len(in_chart)
            if key in by_key:
                by_key[key].merge(artist)
            else:
                by_key[key] = artist
    return by_key
