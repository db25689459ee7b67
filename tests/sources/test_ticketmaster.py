"""What becomes of one event, and what the answers of the event search mean."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from include.errors import QuotaSpent, SourceRejected, UnexpectedPayload
from include.sources.client.messages import Response, Retry
from include.sources.identity import artist_key, name_key, namesake_key
from include.sources.rows import Noticed, Rejection, Tally, column_widths
from include.sources.ticketmaster.rows import EventRow, rows
from include.sources.ticketmaster.run_rows import KeptResponse, run_rows
from include.sources.ticketmaster.search import read, request
from include.sources.ticketmaster.windows import Window

SNAPSHOT = datetime(2026, 11, 22, 6, tzinfo=UTC)
MBID = "f6beac20-5dfe-4d1f-ae02-0b0a740aafd6"
STAGING = Path(__file__).parents[2] / "include" / "sql" / "staging" / "events.sql"

EVENT: dict[str, Any] = {
    "id": "G5vYZ9Y3KBG1s",
    "name": " Tyler, The Creator ",
    "url": "https://www.ticketmaster.com/event/1",
    "test": False,
    "locale": "en-us",
    "images": [{"url": "https://img", "width": 100}],
    "dates": {
        "start": {
            "localDate": "2027-01-02",
            "localTime": "19:30:00",
            "dateTime": "2027-01-03T00:30:00Z",
            "dateTBD": False,
            "dateTBA": False,
            "timeTBA": False,
            "noSpecificTime": False,
        },
        "timezone": "America/New_York",
        "status": {"code": "onsale"},
        "spanMultipleDays": True,
    },
    "sales": {"public": {"startDateTime": "2026-10-01T14:00:00Z", "endDateTime": "2027-01-03T00:30:00Z"}},
    "classifications": [
        {"primary": False, "segment": {"name": "Film"}, "genre": {"name": "Drama"}},
        {
            "primary": True,
            "segment": {"id": "KZFzniwnSyZfZ7v7nJ", "name": "Music"},
            "genre": {"id": "KnvZfZ7vAv1", "name": "Hip-Hop/Rap"},
            "subGenre": {"name": "Undefined"},
        },
    ],
    "priceRanges": [
        {"type": "standard including fees", "currency": "USD", "min": 60.0, "max": 130.0},
        {"type": "standard", "currency": "USD", "min": 50.5, "max": 120},
    ],
    "promoter": {"id": "653", "name": "LIVE NATION MUSIC"},
    "_embedded": {
        "venues": [
            {
                "id": "KovZpZAEAEIA",
                "name": "Madison Square Garden",
                "postalCode": "10001",
                "timezone": "America/New_York",
                "city": {"name": "New York"},
                "state": {"name": "New York", "stateCode": "NY"},
                "country": {"countryCode": "US"},
                "location": {"longitude": "-73.99", "latitude": "40.75"},
            }
        ],
        "attractions": [
            {
                "id": "K8vZ917Gku7",
                "name": "Tyler, The Creator",
                "externalLinks": {"musicbrainz": [{"id": MBID.upper()}], "twitter": [{"url": "x"}]},
            },
            {"id": "K8vZ917b2yV", "name": "Lil Yachty"},
        ],
    },
}


def event(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The event above with parts replaced, such as `dates.start.localTime`; `...` takes one away."""
    changed: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(EVENT))
    for path, value in (changes or {}).items():
        *parents, last = path.split(".")
        part = changed
        for parent in parents:
            part = part[parent]
        if value is ...:
            del part[last]
        else:
            part[last] = value
    return changed


def parsed(document: Any) -> list[list[EventRow] | Rejection]:
    return list(rows(msgspec.json.encode(document), SNAPSHOT, "US", Noticed()))


def only(document: dict[str, Any]) -> EventRow:
    [found] = parsed(document)
    assert isinstance(found, list), found
    return found[0]


def rejected(document: Any) -> Rejection:
    [found] = parsed(document)
    assert isinstance(found, Rejection), found
    return found


def test_an_event_has_one_row_per_billed_artist() -> None:
    [found] = parsed(EVENT)
    assert isinstance(found, list)
    first, second = found
    assert (first.artist_position, first.attraction_id, first.artist_name) == (
        1,
        "K8vZ917Gku7",
        "Tyler, The Creator",
    )
    assert first.artist_mbid == MBID
    assert first.artist_key == artist_key("Tyler, The Creator")
    assert first.namesake_key == namesake_key("Tyler, The Creator", MBID)
    assert (second.artist_position, second.artist_name, second.artist_mbid) == (2, "Lil Yachty", None)
    assert second.namesake_key != second.artist_key


def test_the_columns_have_the_values_of_the_event() -> None:
    assert msgspec.structs.asdict(only(EVENT)) == {
        "snapshot_at": datetime(2026, 11, 22, 6),
        "country_code": "US",
        "event_id": "G5vYZ9Y3KBG1s",
        "event_name": "Tyler, The Creator",
        "event_url": "https://www.ticketmaster.com/event/1",
        "status": "onsale",
        "local_date": date(2027, 1, 2),
        "local_time": "19:30:00",
        "starts_at": datetime(2027, 1, 3, 0, 30),
        "local_end_date": None,
        "initial_date": None,
        "timezone": "America/New_York",
        "date_tba": False,
        "date_tbd": False,
        "time_tba": False,
        "no_specific_time": False,
        "spans_multiple_days": True,
        "public_sale_starts_at": datetime(2026, 10, 1, 14),
        "public_sale_ends_at": datetime(2027, 1, 3, 0, 30),
        "segment": "Music",
        "genre": "Hip-Hop/Rap",
        "sub_genre": None,
        "price_currency": "USD",
        "price_min": 50.5,
        "price_max": 120.0,
        "promoter_name": "LIVE NATION MUSIC",
        "venue_id": "KovZpZAEAEIA",
        "venue_name": "Madison Square Garden",
        "venue_city": "New York",
        "venue_state_code": "NY",
        "venue_country_code": "US",
        "venue_postal_code": "10001",
        "venue_latitude": 40.75,
        "venue_longitude": -73.99,
        "artist_position": 1,
        "attraction_id": "K8vZ917Gku7",
        "artist_name": "Tyler, The Creator",
        "artist_mbid": MBID,
        "artist_key": artist_key("Tyler, The Creator"),
        "name_key": name_key("Tyler, The Creator"),
        "namesake_key": namesake_key("Tyler, The Creator", MBID),
    }


def test_the_columns_are_those_of_the_staging_table() -> None:
    columns = re.findall(r"^    (\w+) ([a-z ]+?)(?:\((\d+)\))?,?$", STAGING.read_text(), re.MULTILINE)
    assert [name for name, _, _ in columns] == [field.name for field in msgspec.structs.fields(EventRow)]
    widths = {name: int(width) for name, kind, width in columns if kind == "varchar"}
    assert widths == dict(column_widths(EventRow))


def test_an_event_without_billed_artists_has_one_row_without_an_artist() -> None:
    [found] = parsed(event({"_embedded.attractions": ...}))
    assert isinstance(found, list)
    [row] = found
    assert (row.event_id, row.artist_position, row.artist_name, row.artist_key) == (EVENT["id"],) + (
        None,
    ) * 3


def test_an_event_without_embedded_objects_has_a_row() -> None:
    row = only(event({"_embedded": ...}))
    assert (row.venue_id, row.artist_name, row.timezone) == (None, None, "America/New_York")


def test_a_place_fills_the_venue_columns_it_has() -> None:
    place = {
        "city": {"name": "Guelph"},
        "country": {"countryCode": "CA"},
        "location": {"latitude": "43.5", "longitude": "-80.2"},
    }
    row = only(event({"_embedded": ..., "place": place}))
    assert (row.venue_name, row.venue_city, row.venue_latitude) == (None, "Guelph", 43.5)


@pytest.mark.parametrize(
    ("end", "last_day"),
    [("2027-01-04", date(2027, 1, 4)), ("2027-01-02", date(2027, 1, 2)), ("2027-01-01", None)],
)
def test_the_last_day_of_a_festival_is_read_unless_it_lies_before_the_first(
    end: str, last_day: date | None
) -> None:
    assert only(event({"dates.end": {"localDate": end}})).local_end_date == last_day


def test_an_end_without_a_date_at_the_venue_says_no_last_day() -> None:
    """An evening that ends at 2 a.m. has its last day before."""
    assert only(event({"dates.end": {"dateTime": "2027-01-03T07:00:00Z"}})).local_end_date is None


def test_an_event_that_is_postponed_without_a_date_keeps_the_first_announced_one() -> None:
    row = only(
        event(
            {
                "dates.start": {"dateTBA": True, "dateTBD": False},
                "dates.initialStartDate": {"localDate": "2026-12-01"},
                "dates.status": {"code": "postponed"},
            }
        )
    )
    assert (row.status, row.local_date, row.initial_date, row.date_tba) == (
        "postponed",
        None,
        date(2026, 12, 1),
        True,
    )


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"dates.status": {"code": "canceled"}}, "status", "cancelled"),
        ({"dates.status": {"code": "OffSale"}}, "status", "offsale"),
        ({"dates.status": {}}, "status", None),
        ({"dates.timezone": ...}, "timezone", "America/New_York"),
        ({"dates.start.localTime": ..., "dates.start.dateTime": ...}, "local_time", None),
        ({"sales.public.startDateTime": "1900-01-01T18:00:00Z"}, "public_sale_starts_at", None),
        ({"classifications": []}, "genre", None),
        ({"priceRanges": [{"type": "standard", "currency": "USD", "min": 9, "max": 5}]}, "price_min", None),
        ({"priceRanges": [{"type": "standard", "currency": "USD", "min": 0, "max": 5}]}, "price_min", 0.0),
        ({"priceRanges": [{"type": "standard", "min": 1, "max": 5}]}, "price_max", None),
        ({"priceRanges": [{"type": "vip", "currency": "EUR", "min": 1, "max": 5}]}, "price_currency", "EUR"),
        ({"promoter": None}, "promoter_name", None),
        ({"name": "漢字 " * 80}, "event_name", ("漢字 " * 80).strip()),
        ({"sales": ...}, "public_sale_ends_at", None),
        ({"url": "  "}, "event_url", None),
    ],
)  # fmt: skip
def test_oddities_that_are_kept(changes: dict[str, Any], column: str, value: object) -> None:
    assert getattr(only(event(changes)), column) == value


@pytest.mark.parametrize(
    ("location", "coordinates"),
    [
        ({}, (None, None)),
        ({"latitude": "0", "longitude": "0.0"}, (None, None)),
        ({"latitude": 40.5, "longitude": -70}, (40.5, -70.0)),
        ({"latitude": "", "longitude": ""}, (None, None)),
    ],
)
def test_coordinates(location: dict[str, Any], coordinates: tuple[float | None, float | None]) -> None:
    changed = event()
    changed["_embedded"]["venues"][0]["location"] = location
    row = only(changed)
    assert (row.venue_latitude, row.venue_longitude) == coordinates


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": " "}, "missing_name"),
        ({"name": ...}, "missing_name"),
        ({"test": True}, "test_event"),
        ({"name": 7}, "wrong_type"),
    ],
)
def test_what_does_not_fit_is_rejected_with_a_reason_and_its_id(changes: dict[str, Any], reason: str) -> None:
    rejection = rejected(event(changes))
    assert (rejection.reason, rejection.record_id) == (reason, EVENT["id"])


def test_an_event_without_an_id_is_rejected() -> None:
    nameless = event({"id": ...})
    [found] = parsed({"_embedded": {"events": [nameless]}, "page": {}})
    assert isinstance(found, Rejection)
    assert (found.reason, found.record_id) == ("missing_id", None)


def test_when_one_event_is_rejected_the_others_are_kept_and_its_position_is_recorded() -> None:
    page = {"_embedded": {"events": [EVENT, event({"test": True}), EVENT]}, "page": {"totalElements": 3}}
    first, second, third = parsed(page)
    assert isinstance(first, list)
    assert isinstance(second, Rejection)
    assert second.position == 1
    assert isinstance(third, list)


def test_unnamed_and_repeated_attractions_are_left_out() -> None:
    bill = [{"id": "K1"}, {"id": "K2", "name": "A"}, {"id": "K2", "name": "A"}, {"id": "K3", "name": "B"}]
    [found] = parsed(event({"_embedded.attractions": bill}))
    assert isinstance(found, list)
    assert [(row.artist_position, row.artist_name) for row in found] == [(1, "A"), (2, "B")]


def test_a_list_of_events_and_a_page_without_events_are_responses_too() -> None:
    assert len(parsed([EVENT, EVENT])) == 2
    assert parsed({"page": {"totalElements": 0}, "_links": {}}) == []


@pytest.mark.parametrize("document", [{"errors": []}, {"_embedded": {"venues": []}, "page": {}}, "text", {}])
def test_another_document_is_unexpected(document: object) -> None:
    with pytest.raises(UnexpectedPayload):
        parsed(document)


# The search


# A whole run


def run_of(*responses: tuple[str, int, dict[str, Any]], country: str | None = "US") -> list[EventRow]:
    """The rows of a run whose responses are these: name, minute in which it was received, event."""
    kept = [
        KeptResponse(name, name, country, SNAPSHOT.replace(minute=minute), msgspec.json.encode([document]))
        for name, minute, document in responses
    ]
    tally = Tally(lambda *_: None)
    found = list(run_rows(kept, ("US", "GB"), SNAPSHOT, tally))
    if tally.newest:
        found = list(run_rows(kept, ("US", "GB"), SNAPSHOT, Tally(lambda *_: None, newest=tally.newest)))
    return found


@pytest.mark.parametrize("minutes", [(1, 2, 3), (2, 3, 1), (3, 1, 2)])
def test_of_several_responses_that_hold_an_event_the_newest_wins(minutes: tuple[int, int, int]) -> None:
    names = [f"as of minute {minute}" for minute in minutes]
    found = run_of(*((n, m, event({"name": n})) for n, m in zip(names, minutes, strict=True)))
    assert [row.event_name for row in found] == ["as of minute 3"] * 2
    assert [row.artist_position for row in found] == [1, 2]


def test_a_newer_response_that_says_the_same_again_is_no_news() -> None:
    found = run_of(("a", 1, event()), ("b", 2, event({"name": "Other"})), ("c", 3, event()))
    assert {row.event_name for row in found} == {"Tyler, The Creator"}
    assert len(found) == 2


def test_an_event_is_rejected_if_its_newest_record_is() -> None:
    assert run_of(("a", 1, event()), ("b", 2, event({"name": ""}))) == []


@pytest.mark.parametrize("asked", ["US", None])
@pytest.mark.parametrize(("minutes", "lands"), [((1, 2), set()), ((2, 1), {"US"})])
def test_an_event_whose_newest_record_lies_in_a_country_not_requested_does_not_land(
    minutes: tuple[int, int], lands: set[str], asked: str | None
) -> None:
    abroad = event()
    abroad["_embedded"]["venues"][0]["country"]["countryCode"] = "MX"
    for here_first in (True, False):
        responses = [("here", minutes[0], event()), ("abroad", minutes[1], abroad)]
        found = run_of(*responses[:: 1 if here_first else -1], country=asked)
        assert {row.country_code for row in found} == lands


@pytest.mark.parametrize("asked", ["US", None])
@pytest.mark.parametrize(("venue_in", "lands"), [("US", True), ("GB", True), ("MX", False)])
def test_a_venue_in_another_country_is_treated_the_same_whoever_was_asked_for(
    asked: str | None, venue_in: str, lands: bool
) -> None:
    abroad = event()
    abroad["_embedded"]["venues"][0]["country"]["countryCode"] = venue_in
    assert {row.country_code for row in run_of(("a", 1, abroad), country=asked)} == (
        {venue_in} if lands else set()
    )


def answer(document: object, status: int = 200, **headers: str) -> Response:
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    return Response(status, {k.replace("_", "-"): v for k, v in headers.items()}, body, SNAPSHOT)


def fault(text: str, code: str) -> dict[str, Any]:
    return {"fault": {"faultstring": text, "detail": {"errorcode": code}}}


def test_a_window_is_requested_by_inclusive_seconds_and_the_id_of_the_music_segment() -> None:
    window = Window("GB", SNAPSHOT, datetime(2027, 1, 1, tzinfo=UTC), (("stateCode", "LND"),))
    asked = request(window, 3)
    assert asked.path == "/discovery/v2/events.json"
    assert asked.params == {
        "countryCode": "GB",
        "segmentId": "KZFzniwnSyZfZ7v7nJ",
        "locale": "*",
        "size": "200",
        "page": "3",
        "sort": "date,name,asc",
        "startDateTime": "2026-11-22T06:00:00Z",
        "endDateTime": "2027-01-01T00:00:00Z",
        "stateCode": "LND",
    }


def test_undated_events_are_requested_without_dates() -> None:
    asked = request(Window("GB", None, None, (("includeTBA", "only"),)), 0)
    assert asked.params["includeTBA"] == "only"
    assert not {"startDateTime", "endDateTime"} & set(asked.params)


def test_a_page_tells_the_total_and_where_its_events_lie() -> None:
    page = read(answer({"_embedded": {"events": [EVENT]}, "page": {"totalElements": 1_234}}))
    [seen] = page.sightings
    assert page.total == 1_234
    assert (seen.id, seen.starts_at, seen.state_code) == (
        EVENT["id"],
        datetime(2027, 1, 3, 0, 30, tzinfo=UTC),
        "NY",
    )


def test_a_malformed_event_is_counted_by_the_crawl() -> None:
    page = read(answer({"_embedded": {"events": [{"id": 5}, {"id": 6}]}, "page": {"totalElements": 2}}))
    assert len({seen.id for seen in page.sightings}) == 2


@pytest.mark.parametrize("status", [400, 404])
def test_a_fault_of_the_gateway_is_no_answer_of_the_search(status: int) -> None:
    with pytest.raises(Retry):
        read(
            answer(fault("Unable to identify proxy for host", "messaging.adaptors.http.flow.NoProxy"), status)
        )


def test_an_empty_search_is_an_empty_page_also_as_a_404() -> None:
    for empty in (
        answer({"page": {"totalElements": 0}}),
        answer({"errors": [{"code": "DIS1004", "detail": "Resource not found"}]}, 404),
    ):
        assert (read(empty).total, read(empty).sightings) == (0, ())


@pytest.mark.parametrize(
    "passing",
    [
        answer(fault("Spike arrest violation.", "policies.ratelimit.SpikeArrestViolation"), 429),
        answer(b"<html>", 503),
        answer(b"<html>"),
        answer(b""),
        answer(b'{"page":{"totalElements":1'),
        answer({"_embedded": {"events": []}}),
        answer({"page": {"totalElements": -1}}),
        answer({"page": {"totalElements": 10**9 + 1}}),
        answer({"page": {"totalElements": 10**20}}),
    ],
)
def test_temporary_failures_raise_retry(passing: Response) -> None:
    with pytest.raises(Retry):
        read(passing)


def test_a_page_that_stays_without_numbers_has_changed_its_shape() -> None:
    with pytest.raises(Retry) as raised:
        read(answer({"events": []}))
    assert raised.value.finally_raise is UnexpectedPayload


def test_a_wrong_key_names_the_connection_to_correct() -> None:
    with pytest.raises(SourceRejected, match="connection `ticketmaster`"):
        read(answer(fault("Invalid ApiKey", "oauth.v2.InvalidApiKey"), 401))


def test_a_bad_request_is_rejected() -> None:
    with pytest.raises(SourceRejected, match="DIS1036"):
        read(answer({"errors": [{"code": "DIS1036", "detail": "size must be less than 200"}]}, 400))


def test_a_spent_quota_is_neither_retried_at_once_nor_mistaken_for_a_bad_key() -> None:
    body = fault("Rate limit quota violation. Quota limit  exceeded.", "policies.ratelimit.QuotaViolation")
    with pytest.raises(QuotaSpent):
        read(answer(body, 429))


def test_unknown_fields_are_counted_in_their_order() -> None:
    """Otherwise two landings of a run would write certificates that differ in the order of equal counts."""
    tally, paths = Tally(lambda rejection, response: None), [f"field{number}" for number in range(10)]
    tally.note_unknown([*paths, *paths], "event")
    assert list(tally.unknown.items()) == [(path, 1) for path in paths]
