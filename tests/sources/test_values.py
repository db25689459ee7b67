"""What becomes of values that make no sense, from the response to the row: lost, nulled, cut or rejected."""

import copy
import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from include.sources.client.messages import Response
from include.sources.lastfm.charts import Charted, chart
from include.sources.lastfm.lists import read as read_list
from include.sources.lastfm.rows import songs
from include.sources.lastfm.run_rows import KeptList, run_rows
from include.sources.rows import Noticed, Rejection, Tally
from include.sources.text import cut, mended, name
from include.sources.ticketmaster.bodies import events
from include.sources.ticketmaster.rows import EventRow, rows
from include.sources.ticketmaster.run_rows import KeptResponse
from include.sources.ticketmaster.run_rows import run_rows as event_rows
from include.sources.ticketmaster.search import read
from tests.sources.test_ticketmaster import EVENT

AT = datetime(2026, 11, 22, 6, tzinfo=UTC)
COUNTRY = "_embedded.venues.0.country.countryCode"
NOTHING: list[str] = []


def changed(path: str, value: Any) -> dict[str, Any]:
    """The event with another value at a path such as `_embedded.venues.0.name`."""
    event = copy.deepcopy(EVENT)
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = event
    for step in steps:
        inner = inner.setdefault(step, {}) if isinstance(inner, dict) else inner[step]
    inner[last] = value
    return event


def landed(event: dict[str, Any]) -> tuple[EventRow, Noticed]:
    noticed = Noticed()
    [found] = rows(msgspec.json.encode([event]), AT, "US", noticed)
    assert not isinstance(found, Rejection), found
    return found[0], noticed


@pytest.mark.parametrize(
    ("path", "value", "columns", "nulled"),
    [
        ("_embedded.venues.0.location.latitude", "91", ("venue_latitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.latitude", "-91", ("venue_longitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.latitude", "40,71", ("venue_latitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.latitude", "nan", ("venue_latitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.latitude", "4_0", ("venue_latitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.latitude", "٤٠", ("venue_latitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.latitude", "40.7,-74", ("venue_latitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.longitude", "Infinity", ("venue_latitude",), "_embedded.venues.location"),
        ("_embedded.venues.0.location.longitude", True, ("venue_longitude",), "_embedded.venues.location.longitude"),
        ("_embedded.venues.0.location.latitude", [], ("venue_latitude",), "_embedded.venues.location.latitude"),
        ("priceRanges.1.min", "50.50", ("price_min", "price_max", "price_currency"), "priceRanges.min"),
        ("priceRanges.1.min", -1, ("price_min", "price_max"), "priceRanges"),
        ("priceRanges.1.currency", "DOLLAR", ("price_currency", "price_min"), "priceRanges"),
        ("dates.start.localTime", "19:30", ("local_time",), "dates.start.localTime"),
        ("dates.start.localTime", "24:00:00", ("local_time",), "dates.start.localTime"),
        ("dates.start.localTime", "23:59:60", ("local_time",), "dates.start.localTime"),
        ("dates.start.localDate", "2027-W01-7", ("local_date",), "dates.start.localDate"),
        ("dates.start.localDate", "2027-02-29", ("local_date",), "dates.start.localDate"),
        ("dates.start.localDate", "10000-01-01", ("local_date",), "dates.start.localDate"),
        ("dates.start.localDate", 20270103, ("local_date",), "dates.start.localDate"),
        ("dates.start.dateTime", "2027-01-03T24:00:00Z", ("starts_at",), "dates.start.dateTime"),
        ("dates.start.dateTime", "2026-12-31T23:59:60Z", ("starts_at",), "dates.start.dateTime"),
        ("dates.start.dateTime", "2027-01-03T20:00:00+25:00", ("starts_at",), "dates.start.dateTime"),
        ("dates.start.dateTime", 1795000000, ("starts_at",), "dates.start.dateTime"),
        ("dates.status.code", ["onsale"], ("status",), "dates.status.code"),
        ("dates.status", 5, ("status",), "dates.status"),
        ("classifications", "Rock", ("segment", "genre"), "classifications"),
        ("_embedded.venues", [{}], ("venue_name", "venue_country_code"), None),
        ("_embedded.venues", [None], ("venue_name", "venue_country_code"), None),
        ("_embedded", [{"venues": []}], ("venue_name", "artist_name"), "_embedded"),
        ("priceRanges.1.max", "NaN", ("price_min", "price_max"), "priceRanges.max"),
        ("priceRanges.1.max", True, ("price_min", "price_max"), "priceRanges.max"),
        ("priceRanges.1.max", [120], ("price_min", "price_max"), "priceRanges.max"),
        ("dates.start.localDate", "2nd of May", ("local_date",), "dates.start.localDate"),
        ("dates.start.localDate", "9999-12-31", ("local_date",), "dates.start.localDate"),
        ("dates.start.localDate", "1900-01-01", ("local_date",), "dates.start.localDate"),
        ("dates.start.dateTime", "0001-01-01T00:00:00+05:00", ("starts_at",), "dates.start.dateTime"),
        ("dates.start.dateTime", "9999-12-31T23:00:00-05:00", ("starts_at",), "dates.start.dateTime"),
        ("dates.start.dateTime", "2027-01-03T00:30:00", ("starts_at",), "dates.start.dateTime"),
        ("sales.public.endDateTime", "1900-01-01T06:00:00Z", ("public_sale_ends_at",), "sales.public.endDateTime"),
        ("dates.status.code", "melted", ("status",), "dates.status.code"),
        ("dates", "soon", ("local_date", "status"), "dates"),
        ("url", "https://" + "x" * 2_048, ("event_url",), "url"),
        (COUNTRY, "USA", ("venue_country_code",), COUNTRY.replace(".0", "")),
        (COUNTRY, "--", ("venue_country_code",), COUNTRY.replace(".0", "")),
        (COUNTRY, "ＵＳ", ("venue_country_code",), COUNTRY.replace(".0", "")),
        ("dates", {"end": {"localDate": "2027-01-17"}}, ("local_date", "local_end_date"), "dates.end.localDate"),
        ("dates", {"start": {"localDate": "1900-01-01"}, "end": {"localDate": "2027-01-17"}},
         ("local_date", "local_end_date"), "dates.end.localDate"),
        ("dates.end.localDate", "2020-01-01", ("local_end_date",), "dates.end.localDate"),
        ("priceRanges.1.max", 1e300, ("price_min", "price_max"), "priceRanges"),
        ("_embedded.attractions.0.externalLinks.musicbrainz", [{"id": "unknown"}], ("artist_mbid",),
         "_embedded.attractions.externalLinks.musicbrainz.id"),
        ("_embedded.attractions.0.name", " ", (), "_embedded.attractions.name"),
        ("_embedded.attractions", [{"id": number, "name": "A"} for number in range(101)], ("artist_name",),
         "_embedded.attractions"),
        ("_embedded.venues.0.name", {"en": "Hall"}, ("venue_name",), "_embedded.venues.name"),
    ],
)  # fmt: skip
def test_an_optional_value_that_makes_no_sense_becomes_null_and_is_counted(
    path: str, value: Any, columns: tuple[str, ...], nulled: str | None
) -> None:
    row, noticed = landed(changed(path, value))
    assert [getattr(row, column) for column in columns] == [None] * len(columns)
    assert nulled in noticed.nulled if nulled else noticed.nulled == NOTHING
    assert row.event_name == "Tyler, The Creator"
    assert row.country_code == "US"


def test_a_country_in_small_letters_is_that_country() -> None:
    row, noticed = landed(changed(COUNTRY, "gb"))
    assert (row.country_code, row.venue_country_code, noticed.nulled) == ("GB", "GB", NOTHING)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (r"a\u0000b", "ab"),
        (r"a\ud83d b", "a\ufffd b"),
        (r"a\ude00", "a\ufffd"),
        (r"a \ud83d\ude00", "a \U0001f600"),
        (r"a\\ud83d", r"a\ud83d"),
        (r"a\tb\u0085c\u2028d", "a b c d"),
        ("Simon &amp; Garfunkel", "Simon & Garfunkel"),
        ("Fish &chips; &amp", "Fish &chips; &amp"),
        ("Sigur%20R%C3%B3s", "Sigur R\u00f3s"),
        ("Simon &amp;amp; Garfunkel", "Simon & Garfunkel"),
        ("Sigur%2520R%25C3%25B3s", "Sigur R\u00f3s"),
        (r"\tSigur%20R%C3%B3s\u00a0", "Sigur R\u00f3s"),
        ("100% Pure", "100% Pure"),
        ("100%25 Pure", "100%25 Pure"),
        ("50% Off", "50% Off"),
        ("100%DE", "100%DE"),
        ("Beyonce\u0301", "Beyonc\u00e9"),
        (r"\u200b x \ufeff", "x"),
        (r"\u2003\u200b\u2003\u200bx\u3164\u2003\u00ad", "x"),
        (r"a\u202eb\u202c \u2066c\u2069", "ab c"),
        (r"a\ufdd0b\ud83f\udfffc", "abc"),
        (r"\ud83c\udff4\udb40\udc67\udb40\udc62\udb40\udc7f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        (r"\u2764\ufe0f", "\u2764\ufe0f"),
    ],
)
def test_text_is_made_storable_where_it_enters(sent: str, stored: str) -> None:
    body = b'{"page": {"totalElements": 1}, "_embedded": {"events": [{"id": "e1", "name": "%s"}]}}'
    body = body.replace(b"%s", sent.encode())
    assert read(Response(200, {}, body, AT)).total == 1
    [found] = rows(body, AT, "US", Noticed())
    assert not isinstance(found, Rejection)
    assert found[0].event_name == stored
    listed = b'{"toptracks": {"track": [{"name": "%s"}], "@attr": {"artist": "A", "total": "1"}}}'
    listed = listed.replace(b"%s", sent.encode())
    assert read_list(Response(200, {}, listed, AT)).names == (stored,)
    assert [row.song_name for row in songs([listed], AT, "A", Charted("A"), 5, Noticed()).rows] == [stored]


def test_a_byte_order_mark_before_a_document_is_ignored() -> None:
    page = b'\xef\xbb\xbf{"page": {"totalElements": 1}, "_embedded": {"events": [{"id": "e1", "name": "A"}]}}'
    assert [sighting.id for sighting in read(Response(200, {}, page, AT)).sightings] == ["e1"]
    listed = b'\xef\xbb\xbf{"toptracks": {"track": [{"name": "A"}], "@attr": {"artist": "X", "total": "1"}}}'
    assert read_list(Response(200, {}, listed, AT)).names == ("A",)
    assert songs([mended(listed)], AT, "X", Charted("X"), 5, Noticed()).rows[0].song_name == "A"


def test_an_intact_document_is_not_mended() -> None:
    body = rb'{"a": "\ud83d\ude00 \\ud800 \u00e9"}'
    assert mended(body) == body


def test_a_name_too_long_is_cut_at_a_character_and_counted() -> None:
    row, noticed = landed(changed("name", "x" + "\u00e9" * 600))
    assert row.event_name == "x" + "\u00e9" * 509
    assert noticed.cut == ["name"]
    assert cut("a\U0001f600", 4) == "a"


def test_a_stored_name_is_its_own_stored_name() -> None:
    """Names of billings are asked at Last.fm as they are stored, and must lead to the same keys."""
    chosen = random.Random(14)
    atoms = ["a", " ", "\u00a0", "\u200b", "\u202e", "\u3164", "\ufeff", "&amp;", "&", "#38;", "lt;", "&nbsp;",
             "%20", "%25", "25", "%", "C3%A9", "\u0301", "e", "\u0958", "\t", "\0", "\ud83d", "\U0001f600",
             "\u2028"]  # fmt: skip
    for _ in range(20_000):
        sent = "".join(chosen.choices(atoms, k=chosen.randint(1, 6)))
        stored = name(sent)
        assert stored == name(stored), sent
        assert stored is None or any(character.isprintable() and character != " " for character in stored), (
            sent
        )


@pytest.mark.parametrize(
    "value", ["\0", " \u200b", "", "\u202e\u202d", "\u3164\u2800", "\u2003\u200f\u2003", "\ufdd0", "\ufe0f"]
)
def test_an_empty_name_is_not_a_name(value: str) -> None:
    assert name(value) is None
    [found] = rows(msgspec.json.encode([changed("name", value)]), AT, "US", Noticed())
    assert isinstance(found, Rejection)
    assert found.reason == "missing_name"


def test_values_of_lastfm_that_are_not_numbers_become_null() -> None:
    body = b'{"toptracks": {"track": [{"name": "A", "playcount": "many", "listeners": -1, "url": 5}]}}'
    noticed = Noticed()
    [row] = songs([body], AT, "X", Charted("X"), 5, noticed).rows
    assert (row.play_count, row.listeners, row.song_url) == (None, None, None)
    assert sorted(noticed.nulled) == ["track.listeners", "track.playcount", "track.url"]


@pytest.mark.parametrize(
    "plays", ['"1e3"', '"-5"', '"1.5"', '"1_000"', '"１２３"', '"²"', "true", "[5]", '{"#text": 5}', "1.5"]
)
def test_plays_in_other_forms_become_null(plays: str) -> None:
    noticed = Noticed()
    body = f'{{"toptracks": {{"track": {{"name": "A", "playcount": {plays}, "listeners": " 7 ", "artist": "X"}}}}}}'
    [row] = songs([body.encode()], AT, "X", Charted("X"), 5, noticed).rows
    assert (row.song_name, row.play_count, row.listeners) == ("A", None, 7)
    assert sorted(noticed.nulled) == ["track.artist", "track.playcount"]


@pytest.mark.parametrize("number", [10**12 + 1, 2**63 - 1, 10**30])
def test_a_number_that_no_artist_reaches_becomes_null(number: int) -> None:
    noticed = Noticed()
    body = b'{"toptracks": {"track": [{"name": "A", "playcount": "%d", "listeners": %d}]}}' % (number, number)
    [row] = songs([body], AT, "X", Charted("X"), 5, noticed).rows
    assert (row.play_count, row.listeners) == (None, None)
    charts = b'{"topartists": {"artist": [{"name": "X", "listeners": "%d"}]}}' % number
    assert [entry.listeners for entry in chart(charts, "US", noticed) if isinstance(entry, Charted)] == [None]
    assert noticed.nulled == ["artist.listeners"]


def test_a_malformed_musicbrainz_id_of_lastfm_is_counted() -> None:
    noticed = Noticed()
    tracks = b'{"toptracks": {"track": [{"name": "A", "mbid": "?", "artist": {"name": "X", "mbid": "?"}}]}}'
    [row] = songs([tracks], AT, "X", Charted("X"), 5, noticed).rows
    assert (row.artist_mbid, row.song_mbid) == (None, None)
    assert sorted(noticed.nulled) == ["track.artist.mbid", "track.mbid"]
    list(chart(b'{"topartists": {"artist": [{"name": "X", "mbid": "?"}]}}', "US", noticed))
    assert noticed.nulled == ["artist.mbid"]


def test_an_artist_whose_name_is_too_long_keeps_rank_and_songs() -> None:
    long = "x" * 1_500
    charted = b'{"topartists": {"artist": [{"name": "%s"}]}}' % long.encode()
    tracks = (
        b'{"toptracks": {"track": [{"name": "A"}, {"name": "B"}], "@attr": {"artist": "%s", "total": "2"}}}'
    )
    bodies = {"chart": charted, "tracks": tracks % long.encode()}
    [asked] = read_list(Response(200, {}, charted, AT)).names
    returned = read_list(Response(200, {}, bodies["tracks"], AT)).artist
    tally = Tally(lambda *_: None)
    kept = [
        KeptList("chart US", "US", None, None, None, 1, ("chart",)),
        KeptList("artist", None, asked, returned, None, 2, ("tracks",)),
    ]
    made = list(run_rows(kept, bodies.__getitem__, AT, 5, 5, tally))
    assert [(row.artist_name, row.chart_rank, row.song_name) for row in made] == [
        ("x" * 1_020, 1, "A"),
        ("x" * 1_020, 1, "B"),
    ]
    assert (tally.rejected, tally.cut) == ({}, {"artist.name": 1})


def test_an_unknown_field_is_reported_by_its_path() -> None:
    assert landed(EVENT)[1].unknown == NOTHING
    assert landed(changed("dates.start.doors", 1))[1].unknown == ["dates.start.doors"]
    assert landed(changed("_embedded.venues.0.capacity", 1))[1].unknown == ["_embedded.venues.capacity"]


def test_an_unknown_field_of_lastfm_is_reported_by_its_path() -> None:
    about = b'"image": [{"#text": "", "size": "small"}], "streamable": "0", "@attr": {"rank": "1"}'
    listed = b'{"toptracks": {"track": [{"name": "A", %s, "artist": {"name": "X"%s}}]}}'
    charted = b'{"topartists": {"artist": [{"name": "X", "playcount": "7", %s}]}}'
    noticed = Noticed()
    for unknown, of_track, of_artist in (
        (b"", NOTHING, NOTHING),
        (b', "mood": {"a": 1}', ["track.mood", "track.artist.mood"], ["artist.mood"]),
    ):
        songs([listed % (about + unknown, unknown)], AT, "X", Charted("X"), 5, noticed)
        assert noticed.unknown == of_track
        list(chart(charted % (about + unknown), "US", noticed))
        assert noticed.unknown == of_artist


def test_an_unknown_field_beside_the_records_is_reported_by_its_path() -> None:
    tally = Tally(lambda *_: None)
    page = (
        b'{"_links": {}, "_embedded": {"events": []%s}, "page": {"size": 200, "totalElements": 0, '
        b'"totalPages": 0, "number": 0%s}%s}'
    )
    for body in (page % (b"", b"", b""), page % (b', "venues": []', b', "cursor": 1', b', "facets": {}')):
        list(event_rows([KeptResponse("US-0", "US", "US", AT, body)], ["US"], AT, tally))
    attributes = (
        b'{"artist": "X", "country": "US", "page": "1", "perPage": "5", "total": "1", "totalPages": "1"%s}'
    )
    for list_, item in ((b"topartists", b"artist"), (b"toptracks", b"track")):
        for more in (b"", b', "mood": 1'):
            body = b'{"%s": {"%s": [], "@attr": %s%s}%s}' % (list_, item, attributes % more, more, more)
            kept = KeptList(
                "l", *((None, "X") if item == b"track" else ("US", None)), None, None, 0, ("l-1",)
            )
            list(run_rows([kept], lambda _, body=body: body, AT, 5, 5, tally))  # type: ignore[misc]
    assert tally.unknown == dict.fromkeys(
        [
            "_embedded.venues", "page.cursor", "facets",
            "mood", "topartists.mood", "topartists.@attr.mood", "toptracks.mood", "toptracks.@attr.mood",
        ],
        1,
    ) | {"mood": 2}  # fmt: skip
    assert tally.first_with["page.cursor"] == "US-0"


def test_the_crawl_and_landing_know_an_event_by_the_same_id() -> None:
    sent = ((rb" e1\t", b"A"), (rb"e\u00002", b"B"), (b"", b"C"), (b" ", b"D"))
    listed = b", ".join(b'{"id": "%s", "name": "%s"}' % pair for pair in sent)
    body = b'{"page": {"totalElements": 4}, "_embedded": {"events": [%s]}}' % listed
    ids = [sighting.id for sighting in read(Response(200, {}, body, AT)).sightings]
    made = [found for found in rows(body, AT, "US", Noticed()) if not isinstance(found, Rejection)]
    assert [found[0].event_id for found in made] == ids[:2] == ["e1", "e2"]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1e400", b"9" * 5_000, b"9" * 400 + b".5", b"NaN", b"-Infinity"]
)
@pytest.mark.parametrize(
    "at", ["seatmap", "hologram", "_embedded.hologram", "priceRanges.1.min", "dates", "page.number"]
)
def test_a_number_that_no_decoder_holds_costs_only_its_value(number: bytes, at: str) -> None:
    if at == "page.number":
        page, event = b'"totalElements": 2, "number": %s' % number, msgspec.json.encode(EVENT)
    else:
        page, event = b'"totalElements": 2', msgspec.json.encode(changed(at, "?"))
        event = event.replace(b'"?"', number)
    body = b'{"page": {%s}, "_embedded": {"events": [%s, {"id": "e2", "name": "B"}]}}' % (page, event)
    assert [sighting.id for sighting in read(Response(200, {}, body, AT)).sightings] == [EVENT["id"], "e2"]
    tally = Tally(lambda *_: None)
    kept = KeptResponse("US-0", "US", "US", AT, mended(body))
    made = list(event_rows([kept], ["US"], AT, tally))
    assert list(dict.fromkeys(row.event_id for row in made)) == [EVENT["id"], "e2"]
    assert tally.rejected == {}
    assert set(tally.unknown) == ({at} if at.endswith("hologram") else set())
    assert [row.price_min for row in made[:1]] == ([None] if at == "priceRanges.1.min" else [50.5])


@pytest.mark.parametrize("number", [b"1e400", b"9" * 5_000, b"NaN"])
@pytest.mark.parametrize("at", ["playcount", "mood"])
def test_a_number_of_lastfm_that_no_decoder_holds_costs_only_its_value(number: bytes, at: str) -> None:
    body = b'{"toptracks": {"track": [{"name": "A", "%s": %s}, {"name": "B"}], "@attr": {"mood": %s}}}'
    body %= at.encode(), number, number
    assert read_list(Response(200, {}, body, AT)).names == ("A", "B")
    tally = Tally(lambda *_: None)
    kept = KeptList("l", None, "X", None, None, 2, ("l-1",))
    made = list(run_rows([kept], lambda _: mended(body), AT, 5, 5, tally))
    assert [(row.song_name, row.play_count) for row in made] == [("A", None), ("B", None)]
    assert tally.unknown["toptracks.@attr.mood"] == 1


def test_what_only_looks_like_a_number_in_a_text_is_kept() -> None:
    body = rb'{"a": "x: NaN, \\", "b": "\"NaN", "c": [NaN, -Infinity], "Infinity": {"NaN":NaN}}'
    found = msgspec.json.decode(mended(body))
    assert found == {"a": "x: NaN, \\", "b": '"NaN', "c": [None, None], "Infinity": {"NaN": None}}


@pytest.mark.parametrize(
    "embedded", [b"{}", b"null", b"[]", b'""', b'{"events": null}', b'{"events": []}', b'{"events": {}}']
)
def test_the_crawl_and_landing_agree_on_a_page_without_events(embedded: bytes) -> None:
    body = b'{"_embedded": %s, "page": {"totalElements": 0}}' % embedded
    assert read(Response(200, {}, body, AT)).sightings == ()
    assert events(body) == []
