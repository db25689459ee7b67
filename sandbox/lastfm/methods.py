"""What Last.fm's methods return: charts, an artist's tracks, an artist, a corrected name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus

from sandbox.lastfm.artists import UNKNOWN_MBID, UNKNOWN_NAME, requested_artist, shadow_tracks
from sandbox.lastfm.errors import ErrorResponse, error
from sandbox.lastfm.options import LastfmOptions
from sandbox.lastfm.paging import Params, as_list, limit_of, page_of, paging, places
from sandbox.world.catalog import Catalog
from sandbox.world.music import ChartEntry
from sandbox.world.names import fold
from sandbox.world.places import CHART_COUNTRIES
from sandbox.world.seeded import text_index

_PLACEHOLDER = "2a96cbd8b46e442fc41c2b86b821562f.png"
_IMAGES = [
    {"#text": f"https://lastfm.freetls.fastly.net/i/u/{size}/{_PLACEHOLDER}", "size": name}
    for size, name in (
        ("34s", "small"),
        ("64s", "medium"),
        ("174s", "large"),
        ("300x300", "extralarge"),
        ("300x300", "mega"),
    )
]


class Methods:
    """Serves the methods from a catalogue, in the way that the current `options` say."""

    def __init__(self, catalog: Catalog, options: Callable[[], LastfmOptions]) -> None:
        self._options = options
        self._music = catalog.music
        self._upcoming = catalog.upcoming
        self._seeded = catalog.seeded
        self.by_name: dict[str, Callable[[Params], Any]] = {
            "geo.gettopartists": self._country_chart,
            "chart.gettopartists": self._world_chart,
            "artist.gettoptracks": self._top_tracks,
            "artist.getinfo": self._info,
            "artist.getcorrection": self._correction,
        }

    def _country_chart(self, params: Params) -> Any:
        name = params.get("country", "").strip()
        if not name:
            raise ErrorResponse(error(6, "country param required", status=200, links=True))
        code = self._music.country_named(name)
        if code is None:
            raise ErrorResponse(error(6, "country param invalid", status=200, links=True))
        limit, page = limit_of(params), page_of(params)
        chart = self._repeated(self._music.chart(code))
        entries = []
        for place in places(self._options(), limit, page, len(chart)):
            entry = chart[place]
            listed = {"name": entry.name, "listeners": str(entry.listeners)} | self._mbid(
                "geo", entry.artist, 0.98, 0.0
            )
            entries.append(
                listed | _page_of(entry.name) | {"image": _IMAGES, "@attr": {"rank": str(entry.rank)}}
            )
        attributes = {"country": CHART_COUNTRIES[code]} | paging(self._options(), limit, page, len(chart))
        return {"topartists": {"artist": as_list(self._options(), entries), "@attr": attributes}}

    def _repeated(self, chart: list[ChartEntry]) -> list[ChartEntry]:
        share = self._options().repeated_names
        twice = [
            [entry, replace(entry, name=entry.name.upper())]
            if self._seeded.unit("repeated", entry.artist) < share
            else [entry]
            for entry in chart
        ]
        return [entry for entries in twice for entry in entries] if share else chart

    def _world_chart(self, params: Params) -> Any:
        limit, page = limit_of(params), page_of(params)
        order = self._music.world_chart()
        entries = []
        for place in places(self._options(), limit, page, len(order)):
            artist = self._music.artist(order[place])
            listed = {
                "name": artist.name,
                "playcount": str(artist.play_count),
                "listeners": str(artist.listeners),
            }
            entries.append(
                listed
                | self._mbid("chart", artist.index, 0.87, 0.11)
                | _page_of(artist.name)
                | {"image": _IMAGES}
            )
        attributes = paging(
            self._options(), limit, page, 109_053_468
        )  # the real API's total: far more than the deepest page reaches
        return {"artists": {"artist": as_list(self._options(), entries), "@attr": attributes}}

    def _top_tracks(self, params: Params) -> Any:
        artist = requested_artist(self._music, self._seeded, params)
        limit, page = limit_of(params, zero=50), page_of(params)
        if isinstance(artist, int):
            name, tracks, total = self._music.names[artist], self._music.top_tracks(artist), None
            credit = {"name": name} | self._mbid("tracks", artist, 0.9, 0.0) | {"url": _url(name)}
        else:
            name, tracks, total = artist, *shadow_tracks(self._seeded, artist)
            credit = (
                {"name": name}
                | ({"mbid": UNKNOWN_MBID} if name == UNKNOWN_NAME else {})
                | {"url": _url(name)}
            )
        given = limit
        if (
            limit % 100 == 0
            and self._seeded.unit("halved", text_index(fold(name)) >> 1) < self._options().halved_hundreds
        ):
            given = limit // 2
        entries = []
        claimed = int((total or len(tracks)) * max(1.0, self._options().total_factor))
        for row in places(self._options(), limit, page, claimed, given):
            if row >= len(tracks) and self._options().repeat_after is None:
                break
            track = tracks[row % min(self._options().repeat_after or len(tracks), len(tracks))]
            counts = {"playcount": str(track.play_count), "listeners": str(track.listeners)}
            entries.append(
                {"name": track.name}
                | counts
                | ({"mbid": track.mbid} if track.mbid else {})
                | {"url": f"{_url(name)}/_/{quote_plus(track.name)}", "streamable": "0", "artist": credit}
                | {"image": _IMAGES[:4], "@attr": {"rank": str(row + 1)}}
            )
        attributes = {"artist": name} | paging(self._options(), limit, page, total or len(tracks))
        return {"toptracks": {"track": as_list(self._options(), entries), "@attr": attributes}}

    def _info(self, params: Params) -> Any:
        artist = requested_artist(self._music, self._seeded, params)
        name = self._music.names[artist] if isinstance(artist, int) else artist
        listeners, plays = 2, 15
        if isinstance(artist, int):
            listeners, plays = self._music.artist(artist).listeners, self._music.artist(artist).play_count
        url = (
            _url(name)
            if isinstance(artist, int)
            else f"https://www.last.fm/music/+noredirect/{quote_plus(name)}"
        )
        link = {"link": {"#text": "", "rel": "original", "href": f"{url}/+wiki"}}
        written = {"name": name} | (
            self._mbid("info", artist, 0.9, 0.1) if isinstance(artist, int) else {"mbid": ""}
        )
        touring = isinstance(artist, int) and bool(self._upcoming[artist])
        return {"artist": {
            **written, "url": url, "image": _IMAGES, "streamable": "0", "ontour": "1" if touring else "0",
            "stats": {"listeners": str(listeners), "playcount": str(plays)},
            "similar": {"artist": []}, "tags": {"tag": []},
            "bio": {"links": link, "published": "01 Jan 1970, 00:00", "summary": "", "content": ""},
        }}  # fmt: skip

    def _correction(self, params: Params) -> Any:
        asked = params.get("artist", "")
        artist = requested_artist(self._music, self._seeded, {**params, "autocorrect": "1"})
        if not isinstance(artist, int) or self._music.names[artist] == asked:
            return {"corrections": "\n                "}
        name = self._music.names[artist]
        corrected = {"name": name} | self._mbid("info", artist, 0.9, 0.1) | {"url": _url(name)}
        return {"corrections": {"correction": {"artist": corrected, "@attr": {"index": "0"}}}}

    def _mbid(self, method: str, artist: int, known: float, empty: float) -> dict[str, str]:
        """The mbid as one method gives it: present, empty or missing; occasionally another artist's."""
        drawn = self._seeded.unit(f"{method} mbid", artist)
        if drawn < known:
            stream = "other mbid" if method == "tracks" and drawn < 0.004 else "artist mbid"
            return {"mbid": self._seeded.uuid(stream, artist)}
        return {"mbid": ""} if drawn < known + empty else {}


def _url(name: str) -> str:
    return f"https://www.last.fm/music/{quote_plus(name, safe=',!')}"


def _page_of(name: str) -> dict[str, str]:
    return {"url": _url(name), "streamable": "0"}
