"""What a songs run requests, tested with handmade responses."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from include.errors import SourceRejected, SourceUnavailable
from include.ingestion.songs import SONGS, SongsPlan
from include.lake.certificate import Scope
from include.lake.lake import Lake
from include.lake.raw import RawRun
from include.sources.client.messages import Request, Response
from include.sources.rows import Tally
from tests.support.snapshots import Concert, land_events

NO_LAKE: Any = None
"""What a run of songs requests does not depend on the lake once it is planned."""
AT = datetime(2026, 11, 22, 6, tzinfo=UTC)
CHART = {"topartists": {"artist": [{"name": "Abel"}], "@attr": {"total": "1", "totalPages": "1"}}}
TRACKS = {
    "toptracks": {
        "track": [{"name": "First", "artist": {"name": "Abel"}}],
        "@attr": {"artist": "Abel", "total": "1", "totalPages": "1"},
    }
}
NOT_FOUND = {"error": 6, "message": "The artist you supplied could not be found"}


class Responding:
    """Stands in for a run's responses: each artist is not found a given number of times, and then found."""

    def __init__(self, not_found: int) -> None:
        self.not_found = not_found
        self.asked: list[str] = []
        self.outlook: Any = None

    async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
        self.asked.append(request.name)
        body: Any = CHART
        if "artist" in request.params:
            self.not_found -= 1
            body = NOT_FOUND if self.not_found >= 0 else TRACKS
        return read(Response(200, {}, msgspec.json.encode(body), AT))

    def requests(self, names: Iterable[str]) -> int:
        return len(list(names))


def plan(*touring: str, countries: tuple[str, ...] = ("US",)) -> SongsPlan:
    scope = Scope(countries, artists_per_country=5, touring_artists=5, tracks_per_artist=5)
    return SongsPlan(scope=scope, touring_in=None, touring=touring)


async def test_an_artist_whom_a_chart_has_just_named_is_requested_again() -> None:
    responses: Any = Responding(not_found=1)
    crawl = await SONGS.crawl(NO_LAKE, responses, plan(), AT)
    [_, tracks] = crawl.lists
    assert (tracks.artist, tracks.not_found, tracks.distinct) == ("Abel", None, 1)
    assert len(responses.asked) == len(set(responses.asked)) == 5  # each list ends with a page without news
    assert sum(each.requests for each in crawl.lists) == 5


async def test_after_the_second_request_a_charting_artist_counts_as_not_found() -> None:
    responses: Any = Responding(not_found=9)
    [_, tracks] = (await SONGS.crawl(NO_LAKE, responses, plan(), AT)).lists
    assert tracks.not_found
    assert len(responses.asked) == 4


async def test_an_artist_who_is_only_billed_is_requested_once() -> None:
    responses: Any = Responding(not_found=9)
    await SONGS.crawl(NO_LAKE, responses, plan("Abel & Friends"), AT)
    assert len(responses.asked) == 5  # two pages of the chart, Abel twice, Abel & Friends once


async def test_a_charting_artist_without_songs_is_requested_once_more() -> None:
    class Emptied(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            if "artist" in request.params and not any(name.startswith("tracks") for name in self.asked):
                self.asked.append(request.name)
                none = {"toptracks": {"track": [], "@attr": {"artist": "Abel", "total": "0"}}}
                return read(Response(200, {}, msgspec.json.encode(none), AT))
            return await super().ask(request, read)

    crawl = await SONGS.crawl(NO_LAKE, Emptied(0), plan(), AT)  # type: ignore[arg-type]
    assert [each.distinct for each in crawl.lists if each.artist == "Abel"] == [1]
    assert crawl.complete


@pytest.mark.parametrize(("page", "times"), [("1", 1), ("2", 9)])
async def test_a_chart_that_is_not_found_once_or_beyond_its_end_is_no_error(page: str, times: int) -> None:
    class Misplaced(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            nonlocal times
            if "artist" not in request.params and request.params["page"] == page and times:
                times -= 1
                self.asked.append(request.name)
                return read(Response(200, {}, msgspec.json.encode(NOT_FOUND), AT))
            return await super().ask(request, read)

    crawl = await SONGS.crawl(NO_LAKE, Misplaced(0), plan(), AT)  # type: ignore[arg-type]
    assert crawl.complete
    assert [each.distinct for each in crawl.lists] == [1, 1]


async def test_a_country_without_a_chart_is_rejected_when_it_is_not_found_twice() -> None:
    class Missing(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            self.asked.append(request.name)
            return read(Response(200, {}, msgspec.json.encode(NOT_FOUND), AT))

    responses: Any = Missing(0)
    with pytest.raises(SourceRejected, match="Remove the country from MUSICIAN_COUNTRIES"):
        await SONGS.crawl(NO_LAKE, responses, plan(), AT)
    assert responses.asked == ["chart-US-1", "chart-US-1-once-more"]


async def test_a_chart_that_cannot_be_fetched_costs_only_itself() -> None:
    class Failing(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            if request.params.get("country") in gone:
                raise SourceUnavailable("HTTP 500")
            return await super().ask(request, read)

    gone = ["United Kingdom"]
    crawl = await SONGS.crawl(NO_LAKE, Failing(0), plan(countries=("US", "GB")), AT)  # type: ignore[arg-type]
    assert (crawl.complete, crawl.reasons) == (False, ("chart GB: HTTP 500",))
    assert [each.distinct for each in crawl.lists if each.artist == "Abel"] == [1]
    gone.append("United States")
    with pytest.raises(SourceUnavailable):
        await SONGS.crawl(NO_LAKE, Failing(0), plan(countries=("US", "GB")), AT)  # type: ignore[arg-type]


def test_artists_of_a_festival_under_way_tour_until_its_last_day(lake: Lake) -> None:
    days = {"local_date": date(2026, 11, 20), "more": {"local_end_date": date(2026, 11, 22)}}
    land_events(lake, "2026-11-20T060000Z", [Concert("f1", ["Abel"], **days)])  # type: ignore[arg-type]
    for day, touring in ((22, ("Abel",)), (23, ())):
        assert SONGS.plan(lake, plan().scope, datetime(2026, 11, day, 6, tzinfo=UTC)).touring == touring


EMPTY = {"topartists": {"artist": [], "@attr": {"total": "0", "totalPages": "0"}}}


@pytest.mark.parametrize(("empties", "complete"), [(1, True), (2, False)])
async def test_a_chart_that_comes_back_empty_is_requested_once_more(empties: int, complete: bool) -> None:
    class Emptied(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            nonlocal empties
            if request.params.get("country") == "United States" and empties:
                empties -= 1
                return read(Response(200, {}, msgspec.json.encode(EMPTY), AT))
            return await super().ask(request, read)

    crawl = await SONGS.crawl(NO_LAKE, Emptied(0), plan(countries=("US", "GB")), AT)
    assert crawl.complete == complete
    lost = "chart US: Last.fm's chart for US came back without artists, twice"
    assert crawl.complete or crawl.reasons == (lost,)


async def test_without_any_chart_the_run_fails() -> None:
    class Emptied(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            return read(Response(200, {}, msgspec.json.encode(EMPTY), AT))

    with pytest.raises(SourceUnavailable, match="came back without artists, twice"):
        await SONGS.crawl(NO_LAKE, Emptied(0), plan("Abel", countries=("US", "GB")), AT)  # type: ignore[arg-type]


@pytest.mark.parametrize("longer", [EMPTY, NOT_FOUND, None], ids=["empty", "not found", "503"])
async def test_a_longer_chart_that_cannot_be_had_leaves_the_shorter_one(longer: Any) -> None:
    class Shortened(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            limit, page = int(request.params["limit"]), int(request.params["page"])
            if name := request.params.get("artist"):
                returned = "P!nk" if name.startswith("Pink") else name
                body: Any = {"toptracks": {"track": [{"name": "First"}], "@attr": {"artist": returned}}}
            elif limit > 15:
                body = longer
            else:
                shown = [{"name": name} for name in names[(page - 1) * limit : page * limit]]
                body = {"topartists": {"artist": shown, "@attr": {"total": str(len(names))}}}
            if body is None:
                raise SourceUnavailable("HTTP 503")
            return read(Response(200, {}, msgspec.json.encode(body), AT))

    names = ["P!nk", *(f"Pink {number}" for number in range(12)), "A", "B", "C", "D", "E"]
    crawl = await SONGS.crawl(NO_LAKE, Shortened(0), plan(), AT)  # type: ignore[arg-type]
    [chart] = [each for each in crawl.lists if each.country]
    assert (chart.distinct, bool(chart.responses), crawl.complete) == (15, True, False)
    assert any(reason.startswith("chart US: ") for reason in crawl.reasons)
    assert {each.artist for each in crawl.lists if each.artist} == set(names[:15])


@pytest.mark.parametrize("second_names", [["Pink"], [f"Pink {number}" for number in range(12)]])
async def test_an_artist_under_several_names_costs_nobody_a_place(second_names: list[str]) -> None:
    class Renaming(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            self.asked.append(request.params.get("artist", "chart"))
            limit, page = int(request.params["limit"]), int(request.params["page"])
            shown = [{"name": name} for name in names[(page - 1) * limit : page * limit]]
            body: Any = {"topartists": {"artist": shown, "@attr": {"total": str(len(names))}}}
            if name := request.params.get("artist"):
                returned = "P!nk" if name in second_names else name
                body = {"toptracks": {"track": [{"name": "First"}], "@attr": {"artist": returned}}}
            return read(Response(200, {}, msgspec.json.encode(body), AT))

    names = ["P!nk", *second_names, "p!NK", "[unknown]", "A", "B", "C", "D", "E", "F"]
    responses: Any = Renaming(0)
    crawl = await SONGS.crawl(NO_LAKE, responses, plan(), AT)
    artists = dict.fromkeys(name for name in responses.asked if name != "chart")
    assert list(artists) == ["P!nk", *second_names, "A", "B", "C", "D"]
    assert crawl.complete
    assert sum(each.requests for each in crawl.lists) == len(responses.asked)


class Keeping:
    """Stands in for a run's responses, and keeps them: a chart, and a track for each artist, except those lost."""

    def __init__(self, raw: RawRun, chart: dict[str, int], lost: tuple[str, ...] = ()) -> None:
        self.raw, self.chart, self.lost = raw, chart, lost
        self.asked: set[str] = set()
        self.outlook: Any = None

    async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
        artists = [{"name": name, "listeners": str(count)} for name, count in self.chart.items()]
        body: Any = {"topartists": {"artist": artists, "@attr": {"total": str(len(artists))}}}
        if name := request.params.get("artist"):
            self.asked.add(name)
            if name in self.lost:
                raise SourceUnavailable("HTTP 500")
            track = {"name": f"Song of {name}", "artist": {"name": name}}
            body = {"toptracks": {"track": [track], "@attr": {"artist": name, "total": "1"}}}
        content = msgspec.json.encode(body)
        self.raw.put(request.name, {}, 200, AT, content)
        return read(Response(200, {}, content, AT))

    def requests(self, names: Iterable[str]) -> int:
        return len(list(names))


async def landed_rows(responses: Keeping, *touring: str) -> list[tuple[Any, ...]]:
    crawl = await SONGS.crawl(NO_LAKE, responses, plan(*touring), AT)  # type: ignore[arg-type]
    rows = SONGS.rows(responses.raw, crawl, Tally(lambda *_: None))
    return [(row.artist_name, row.chart_rank, row.chart_listeners, row.song_name) for row in rows]  # type: ignore[attr-defined]


async def test_a_charting_artist_whose_tracks_cannot_be_fetched_keeps_rank_and_listeners(lake: Lake) -> None:
    """One who only tours has no row."""
    raw = lake.raw("songs", "2026-11-22T060000Z")
    responses = Keeping(raw, {"Abel": 90, "Cain": 80}, lost=("Abel", "Seth"))
    assert await landed_rows(responses, "Seth") == [
        ("Abel", 1, 90, None),
        ("Cain", 2, 80, "Song of Cain"),
    ]


async def test_pages_whose_names_differ_only_by_punctuation_have_their_own_songs_and_listeners(
    lake: Lake,
) -> None:
    responses = Keeping(lake.raw("songs", "2026-11-22T060000Z"), {"M.I.A.": 90, "MIA.": 80})
    assert await landed_rows(responses) == [
        ("M.I.A.", 1, 90, "Song of M.I.A."),
        ("MIA.", 2, 80, "Song of MIA."),
    ]
    assert responses.asked == {"M.I.A.", "MIA."}


@pytest.mark.parametrize("failing", [3, 4])
async def test_three_artists_who_cannot_be_fetched_are_named_and_a_fourth_fails_the_run(failing: int) -> None:
    lost = [f"Gone {number}" for number in range(failing)]

    class Failing(Responding):
        async def ask(self, request: Request, read: Callable[[Response], Any]) -> Any:
            if request.params.get("artist") in lost:
                raise SourceUnavailable("HTTP 500")
            return await super().ask(request, read)

    crawl = SONGS.crawl(NO_LAKE, Failing(0), plan(*lost), AT)  # type: ignore[arg-type]
    if failing == 4:
        with pytest.raises(SourceUnavailable):
            await crawl
        return
    outcome = await crawl
    assert not outcome.complete
    assert outcome.reasons == tuple(f"artist {name}: HTTP 500" for name in lost)
    assert [each.distinct for each in outcome.lists if each.artist == "Abel"] == [1]
