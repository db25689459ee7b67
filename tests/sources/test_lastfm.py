"""How Last.fm's charts and top tracks become rows, and how its lists are read to their end."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from include.errors import SourceRejected, UnexpectedPayload
from include.sources.client.messages import Request, Response, Retry
from include.sources.identity import artist_key, name_key, song_key
from include.sources.lastfm.charts import Charted, chart, ranked
from include.sources.lastfm.collect import Collected, collect
from include.sources.lastfm.lists import COUNTRIES, ListPage, chart_request, read, tracks_request
from include.sources.lastfm.rows import SongRow, Songs, songs
from include.sources.lastfm.run_rows import KeptList, run_rows
from include.sources.lastfm.wire import items
from include.sources.rows import Noticed, Rejection, Tally, column_widths

SNAPSHOT = datetime(2026, 11, 22, 6, tzinfo=UTC)
MBID = "f6beac20-5dfe-4d1f-ae02-0b0a740aafd6"
STAGING = Path(__file__).parents[2] / "include" / "sql" / "staging" / "songs.sql"


def track(name: str | None = "Yonkers", **changes: Any) -> dict[str, Any]:
    artist = {"name": "Tyler, The Creator", "mbid": MBID, "url": "https://www.last.fm/music/Tyler"}
    return {
        "name": name,
        "playcount": "1124816",
        "listeners": "165950",
        "url": "https://www.last.fm/music/Tyler/_/x",
        "streamable": "0",
        "artist": artist,
        "@attr": {"rank": "1"},
    } | changes


def top_tracks(*tracks: Any, artist: str = "Tyler, The Creator", total: int = 2_000) -> bytes:
    about = {"artist": artist, "page": "1", "perPage": "50", "totalPages": "40", "total": str(total)}
    return msgspec.json.encode({"toptracks": {"track": list(tracks), "@attr": about}})


def chart_page(*artists: Any) -> bytes:
    return msgspec.json.encode({"topartists": {"artist": list(artists), "@attr": {"total": "2265"}}})


def made(*bodies: bytes, charted: Charted | None = None, at_most: int = 50) -> Songs:
    return songs(bodies, SNAPSHOT, "Tyler", charted or Charted("Tyler"), at_most, Noticed())


def test_the_columns_have_the_values_of_the_track_and_the_charts() -> None:
    standing = Charted("Tyler", None, {"US", "GB"}, 3, 500)
    [row] = made(top_tracks(track()), charted=standing).rows
    key = artist_key("Tyler, The Creator")
    assert msgspec.structs.asdict(row) == {
        "snapshot_at": datetime(2026, 11, 22, 6),
        "asked_name": "Tyler",
        "asked_key": artist_key("Tyler"),
        "artist_name": "Tyler, The Creator",
        "artist_mbid": MBID,
        "artist_key": key,
        "name_key": name_key("Tyler, The Creator"),
        "chart_countries": "GB,US",
        "chart_rank": 3,
        "chart_listeners": 500,
        "song_name": "Yonkers",
        "song_mbid": None,
        "song_key": song_key(key, "Yonkers"),
        "song_url": "https://www.last.fm/music/Tyler/_/x",
        "song_rank": 1,
        "play_count": 1_124_816,
        "listeners": 165_950,
    }


def test_the_columns_are_those_of_the_staging_table() -> None:
    columns = re.findall(r"^    (\w+) ([a-z ]+?)(?:\((\d+)\))?,?$", STAGING.read_text(), re.MULTILINE)
    assert [name for name, _, _ in columns] == [field.name for field in msgspec.structs.fields(SongRow)]
    widths = {name: int(width) for name, kind, width in columns if kind == "varchar"}
    assert widths == dict(column_widths(SongRow))


def test_an_artist_without_tracks_has_one_row_without_song() -> None:
    [row] = made(top_tracks()).rows
    assert (row.artist_name, row.song_name, row.song_rank) == ("Tyler, The Creator", None, None)


def test_a_song_twice_is_kept_once_and_counted() -> None:
    found = made(top_tracks(track("Yonkers"), track("YONKERS "), track("She")))
    assert [(row.song_name, row.song_rank) for row in found.rows] == [("Yonkers", 1), ("She", 2)]
    assert (found.fetched, found.duplicates) == (3, 1)


def test_ranks_continue_across_pages_up_to_the_wanted_number() -> None:
    found = made(top_tracks(track("A"), track("B")), top_tracks(track("C"), track("D")), at_most=3)
    assert [(row.song_name, row.song_rank) for row in found.rows] == [("A", 1), ("B", 2), ("C", 3)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (track(None), "missing_name"),
        (track(""), "missing_name"),
        (track(["a"]), "wrong_type"),  # type: ignore[arg-type]
    ],
)
def test_a_track_that_does_not_fit_is_rejected_and_the_others_are_kept(
    changed: dict[str, Any], reason: str
) -> None:
    found = made(top_tracks(track("A"), changed, track("B")))
    assert [row.song_name for row in found.rows] == ["A", "B"]
    assert [(r.reason, r.position, r.record_id) for r in found.rejections] == [(reason, 1, "Tyler")]


@pytest.mark.parametrize("mbid", ["", None, "not a uuid"])
def test_an_id_that_is_empty_missing_or_bad_is_none(mbid: str | None) -> None:
    [row] = made(top_tracks(track(mbid=mbid, artist={"name": "Tyler", "mbid": mbid}))).rows
    assert (row.song_mbid, row.artist_mbid) == (None, None)


def test_the_chart_supplies_an_id_that_the_tracks_lack() -> None:
    [row] = made(top_tracks(track(artist={"name": "Tyler"})), charted=Charted("Tyler", MBID)).rows
    assert row.artist_mbid == MBID


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (top_tracks(track(), artist="[unknown]"), "unknown_artist"),
        (
            top_tracks(track(artist={"name": "GUN AND ROSES", "url": "https://www.last.fm/music/+noredirect/GUN"})),
            "shadow_artist",
        ),
    ],
)  # fmt: skip
def test_pages_that_are_no_artist_are_rejected(body: bytes, reason: str) -> None:
    found = made(body)
    assert not found.rows
    assert [rejection.reason for rejection in found.rejections] == [reason]


def test_a_list_of_one_may_be_an_object_and_an_empty_one_a_string() -> None:
    one = msgspec.json.encode({"toptracks": {"track": track("A"), "@attr": {"artist": "Tyler"}}})
    none = msgspec.json.encode({"toptracks": {"track": "", "@attr": {"artist": "Tyler"}}})
    assert [row.song_name for row in made(one).rows] == ["A"]
    assert items(none)[1] == []


def test_a_chart_has_its_artists_in_order_and_rejects_items_that_are_not_artists() -> None:
    page = chart_page(
        {"name": "A", "listeners": "5", "mbid": MBID},
        {"name": "[unknown]", "listeners": "9"},
        {"listeners": "9"},
        {"name": "B", "listeners": "x"},
        {"name": "C"},
    )
    found = list(chart(page, "US", Noticed()))
    assert [a.name for a in found if isinstance(a, Charted)] == ["A", "B", "C"]
    reasons = [(a.reason, a.position) for a in found if isinstance(a, Rejection)]
    assert reasons == [("unknown_artist", 1), ("missing_name", 2)]


def test_an_artist_in_several_charts_has_the_best_rank_and_all_listeners() -> None:
    us = [Charted("A", None, {"US"}, None, 10), Charted("B", None, {"US"}, None, 5)]
    gb = [Charted("b", MBID, {"GB"}, None, 7), Charted("C", None, {"GB"}, None, None)]
    found = ranked([us, gb], at_most=50, pages={})
    b = found[artist_key("B")]
    assert (b.name, b.mbid, b.countries, b.rank, b.listeners) == ("B", MBID, {"US", "GB"}, 1, 12)
    assert [artist.name for artist in found.values()] == ["A", "B", "C"]


def test_pages_whose_names_differ_by_a_full_stop_an_exclamation_mark_or_an_article_are_two_artists() -> None:
    names = ["M.I.A.", "MIA.", "Yes", "YES!", "The The", "The"]
    found = ranked([[Charted(name, None, {"US"}, None, 100) for name in names]], at_most=50, pages={})
    assert [(a.name, a.rank, a.listeners) for a in found.values()] == [
        (name, rank, 100) for rank, name in enumerate(names, 1)
    ]


def test_of_each_chart_only_as_many_artists_count_as_are_wanted_and_none_twice() -> None:
    us = [Charted(name) for name in ("A", "a", "B", "C")]
    assert [(a.name, a.rank) for a in ranked([us], at_most=2, pages={}).values()] == [("A", 1), ("B", 2)]


# Responses


def response(document: object, status: int = 200) -> Response:
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return Response(status, {}, body, SNAPSHOT)


def error(code: int, status: int = 200, message: str = "words") -> Response:
    return response({"error": code, "message": message, "links": []}, status)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("code", [8, 11, 16, 29])
def test_temporary_errors_are_retried_even_with_status_200(code: int, status: int) -> None:
    with pytest.raises(Retry, match=str(code)):
        read(error(code, status))


@pytest.mark.parametrize(
    "passing",
    [
        response(b"<html>"),
        response(b""),
        response(b'{"a":', 200),
        response({}, 503),
        response({}, 404),
        response({"message": "no route"}, 400),
        error(3, 408),
        error(6, 500),
    ],
)
def test_malformed_json_and_server_errors_are_retried(passing: Response) -> None:
    with pytest.raises(Retry):
        read(passing)


@pytest.mark.parametrize("limited", [error(29), error(29, 429), response({}, 429)])
def test_the_rate_limit_makes_us_wait_longer(limited: Response) -> None:
    with pytest.raises(Retry) as raised:
        read(limited)
    assert raised.value.patience >= 20


@pytest.mark.parametrize("code", [10, 26])
def test_a_bad_key_names_the_connection_to_correct(code: int) -> None:
    with pytest.raises(SourceRejected, match="connection `lastfm`"):
        read(error(code, 403))


def test_the_code_of_an_error_may_be_a_string_and_its_message_missing() -> None:
    with pytest.raises(SourceRejected, match="API key is invalid"):
        read(response({"error": "10", "message": None}, 403))
    assert items(b'{"error": "6", "message": "Artist not found"}')[1] == []


@pytest.mark.parametrize("about", ["", [], None, 7, {"artist": ["Tyler"], "page": {}, "total": "x"}])
def test_a_list_is_read_whatever_it_says_about_itself(about: Any) -> None:
    page = response({"toptracks": {"track": [track("A"), track("B")], "@attr": about}})
    assert read(page).names == ("A", "B")
    assert [row.song_name for row in made(page.body).rows] == ["A", "B"]


@pytest.mark.parametrize(
    "rejection", [error(3, 400), error(13), error(6, 400, "limit param out of bounds (1-1000)")]
)
def test_a_bad_request_is_rejected(rejection: Response) -> None:
    with pytest.raises(SourceRejected, match="rejected the request"):
        read(rejection)


def test_an_artist_that_is_not_found_is_not_an_error() -> None:
    assert read(error(6, 200, "The artist you supplied could not be found")).not_found


def test_another_shape_is_finally_unexpected() -> None:
    with pytest.raises(Retry) as raised:
        read(response({"albums": []}))
    assert raised.value.finally_raise is UnexpectedPayload


def test_a_page_tells_its_items_and_totals() -> None:
    page = read(response(top_tracks(track("A"), track("B"), total=77)))
    assert page == ListPage(77, ("A", "B"), "Tyler, The Creator", None, items=2)


# Requests


def test_charts_are_requested_by_the_english_name_of_the_country() -> None:
    asked = chart_request("GB", 51, 2)
    assert asked.path == "/2.0/"
    assert asked.params == {
        "method": "geo.getTopArtists",
        "country": "United Kingdom",
        "limit": "51",
        "page": "2",
        "format": "json",
    }


def test_a_country_without_a_chart_is_rejected_with_the_setting_to_change() -> None:
    with pytest.raises(SourceRejected, match="MUSICIAN_COUNTRIES"):
        chart_request("XX", 50, 1)


def test_country_codes_and_names_are_distinct() -> None:
    assert len(set(COUNTRIES.values())) == len(COUNTRIES)


def test_tracks_are_requested_by_name_and_corrected() -> None:
    params = tracks_request("AC/DC & more", 50, 1).params
    assert (params["artist"], params["autocorrect"]) == ("AC/DC & more", "1")


# Lists


class Pages:
    """A list of `total` items; `show(limit, page)` is the content of each page."""

    def __init__(self, total: int, show: Callable[[int, int], Sequence[int]]) -> None:
        self.total, self.show = total, show
        self.asked: list[tuple[int, int]] = []

    async def ask(self, request: Request) -> ListPage:
        limit, page = int(request.params["limit"]), int(request.params["page"])
        self.asked.append((limit, page))
        names = tuple(f"item {n}" for n in self.show(limit, page) if n < self.total)
        return ListPage(self.total, names, items=len(names))

    async def collected(self, wanted: int) -> Collected:
        return await collect(self.ask, lambda limit, page: tracks_request("X", limit, page), wanted)


def proper(limit: int, page: int) -> range:
    return range((page - 1) * limit, page * limit)


async def test_one_request_is_enough_for_a_list_of_proper_pages() -> None:
    pages = Pages(2_000, proper)
    found = await pages.collected(50)
    assert (pages.asked, len(found.names), found.complete) == ([(50, 1)], 50, True)


async def test_a_list_shorter_than_wanted_is_complete() -> None:
    found = await Pages(7, proper).collected(50)
    assert (len(found.names), found.reported, found.complete) == (7, 7, True)


async def test_round_hundreds_are_not_requested() -> None:
    pages = Pages(2_000, proper)
    await pages.collected(200)
    assert pages.asked == [(201, 1)]


async def test_pages_that_are_too_small_are_followed_by_more() -> None:
    found = await Pages(2_000, lambda limit, page: range((page - 1) * 20, page * 20)).collected(50)
    assert list(found.names)[:50] == [f"item {n}" for n in range(50)]
    assert found.complete


async def test_pages_that_repeat_earlier_items_lose_nothing() -> None:
    found = await Pages(500, lambda limit, page: range(max(0, page - 2) * 20, page * 20)).collected(50)
    assert len(found.names) == 60
    assert found.fetched > 60


async def test_an_item_twice_on_a_page_hides_no_other() -> None:
    pages = Pages(40, lambda limit, page: [*range(39), 3] if page == 1 else [])
    found = await pages.collected(50)
    assert (len(found.names), found.fetched, found.reported, found.complete) == (39, 40, 40, True)


@pytest.mark.parametrize(
    "shown",
    [
        [[*range(20), *range(20), *range(10)]],  # the list starts over, and nothing follows
        [[*range(20), *range(20), *range(10)], list(range(10))],
        [[*range(49), 0]],
        [[*range(30), *[29] * 20]],  # one item fills the page
        [[*range(49), 3], [3]],  # not the end
    ],
)
async def test_items_that_repeat_themselves_do_not_stand_for_others(shown: list[list[int]]) -> None:
    pages = Pages(60, lambda limit, page: shown[page - 1] if page <= len(shown) else [])
    found = await pages.collected(50)
    assert (found.reported, found.complete) == (50, False)


async def test_the_largest_total_of_a_list_holds_and_a_page_that_is_not_found_is_only_its_end() -> None:
    shown = [ListPage(40, ("A", "B"), "X", items=2), ListPage(not_found="no such artist")]

    async def ask(request: Request) -> ListPage:
        return shown.pop(0)

    found = await collect(ask, lambda limit, page: tracks_request("X", limit, page), 50)
    assert (list(found.names), found.reported, found.not_found) == (["A", "B"], 40, None)
    assert not found.complete


async def test_a_second_spelling_on_another_page_is_neither_a_second_item_nor_missing() -> None:
    shown = [ListPage(3, ("A", "B"), "X", items=2), ListPage(3, ("a",), "X", items=1), ListPage(3)]

    async def ask(request: Request) -> ListPage:
        return shown.pop(0)

    found = await collect(ask, lambda limit, page: tracks_request("X", limit, page), 50)
    assert (list(found.names), found.complete, shown) == (["A", "B"], True, [])


@pytest.mark.parametrize("total", ["", None, "1,234", "3", 0, 2.5, True, [], {"of": 3}, 10**15, 10**30])
async def test_a_total_of_any_kind_does_not_end_a_list(total: Any) -> None:
    def body(page: int) -> bytes:
        names = [f"{page}-{n}" for n in range(20)] if page < 3 else []
        about = {"artist": "X", "total": total}
        return msgspec.json.encode({"toptracks": {"track": [track(name) for name in names], "@attr": about}})

    async def ask(request: Request) -> ListPage:
        return read(response(body(int(request.params["page"]))))

    found = await collect(ask, lambda limit, page: tracks_request("X", limit, page), 50)
    assert len(found.names) == 40
    assert found.complete == (total != "1,234")


async def test_a_list_that_repeats_itself_forever_ends_and_is_not_complete() -> None:
    pages = Pages(10**9, lambda limit, page: range(30))
    found = await pages.collected(50)
    assert len(pages.asked) == 2
    assert (len(found.names), found.reported, found.complete) == (30, 50, False)


@pytest.mark.parametrize(("named", "nameless"), [(40, 5), (48, 1)])
async def test_a_list_that_starts_over_counts_its_nameless_items_once(named: int, nameless: int) -> None:
    async def ask(request: Request) -> ListPage:
        return ListPage(50, tuple(f"item {n}" for n in range(named)), items=named + nameless)

    found = await collect(ask, lambda limit, page: tracks_request("X", limit, page), 50)
    assert (len(found.names), found.unusable, found.complete) == (named, nameless, False)


async def test_a_list_that_always_returns_one_new_item_ends() -> None:
    pages = Pages(10**9, lambda limit, page: [page])
    found = await pages.collected(500)
    assert len(pages.asked) == 50
    assert not found.complete


# A whole run


def run(*lists: KeptList, bodies: dict[str, bytes], tally: Tally) -> list[SongRow]:
    return list(run_rows(lists, bodies.__getitem__, SNAPSHOT, 50, 50, tally))


def tracks_of(
    asked: str, response: str, returned: str | None = None, not_found: str | None = None
) -> KeptList:
    return KeptList(f"artist {asked}", None, asked, returned, not_found, 1, (response,))


CHART = KeptList("chart US", "US", None, None, None, 1, ("chart",))
CHART_BODY = b'{"topartists": {"artist": [{"name": "Tyler", "listeners": "500"}], "@attr": {"total": "1"}}}'


def test_a_charting_artist_whose_tracks_are_not_found_keeps_rank_and_listeners() -> None:
    tally = Tally(lambda rejection, response: None)
    [row] = run(
        CHART, tracks_of("Tyler", "t", not_found="no such artist"), bodies={"chart": CHART_BODY}, tally=tally
    )
    assert (row.artist_name, row.chart_rank, row.chart_listeners, row.song_name) == ("Tyler", 1, 500, None)
    assert tally.reasons == {}


def test_a_billed_artist_who_is_not_found_is_rejected_as_expected() -> None:
    tally = Tally(lambda rejection, response: None)
    assert run(tracks_of("Nobody", "t", not_found="no such artist"), bodies={}, tally=tally) == []
    assert (tally.reasons, tally.unexpected) == ({"artist_not_found": 1}, 0)


def test_a_second_name_of_an_artist_has_a_row_of_its_own() -> None:
    tally = Tally(lambda rejection, response: None)
    name = "Tyler, The Creator"
    rows = run(
        tracks_of(name, "t", returned=name),
        tracks_of("Tyler The Creatr", "t", returned=name),
        bodies={"t": top_tracks(track())},
        tally=tally,
    )
    assert [(row.asked_name, row.artist_key, row.song_name) for row in rows] == [
        (name, artist_key(name), "Yonkers"),
        ("Tyler The Creatr", artist_key(name), None),
    ]
    assert rows[1].asked_key == artist_key("Tyler The Creatr")
    assert tally.records == 1
