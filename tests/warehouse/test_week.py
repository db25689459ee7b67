"""A week from the responses to dwh, with something bad each day: what it costs, and what the next day does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from include.ingestion.events import EVENTS
from include.ingestion.land import land
from include.ingestion.songs import SONGS
from include.lake.certificate import Crawl, List, Scope, Window
from include.lake.lake import Lake
from include.lake.runs import run_id
from include.settings import Settings
from include.sources.text import mended
from tests.support.snapshots import rows
from tests.support.warehouse_runs import by_suites, warehouse_run

MONDAY = datetime(2026, 11, 16, 6, tzinfo=UTC)
CONCERTS = 40
SETTINGS = Settings()


@dataclass(frozen=True)
class Day:
    """What is bad on one day. Records are JSON text, so that it can be no valid one."""

    events: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """By number of the concert, the fields that its record has instead of, or beside, the usual ones."""
    songs: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    more_pages: Sequence[str] = ()
    """Of events."""
    expected: Mapping[str, Any] = field(default_factory=dict)
    """Queries of dwh for `%d`, the snapshot date, and what they find that night."""
    next_day: Mapping[str, Any] = field(default_factory=dict)
    """And what the next night finds."""
    certified: Mapping[str, Any] = field(default_factory=dict)
    """What the certificate of the events says."""


def version(column: str, number: int) -> str:
    return f"select {column} from dwh.dim_concerts where concert_id = 'e{number}' and is_current"


def venue(latitude: str, longitude: str) -> str:
    return (
        f'{{"venues": [{{"name": "Hall", "city": {{"name": "X"}}, "country": {{"countryCode": "US"}}, '
        f'"location": {{"latitude": {latitude}, "longitude": {longitude}}}}}]}}'
    )


def dates(**start: str) -> str:
    fields = ", ".join(f'"{name}": "{value}"' for name, value in start.items())
    return f'{{"start": {{{fields}}}, "status": {{"code": "onsale"}}}}'


TOURING = (
    "select upcoming_concerts || ' upcoming, ' || undated_concerts || ' undated' from dwh.fact_artists "
    "where artist_name = 'Artist {}' and snapshot_date = '%d'"
)
WEEK = {
    "values that make no sense": Day(
        events={
            **{number: {"_embedded": venue('"-74.0"', '"240.7"')} for number in range(10)},
            10: {"_embedded": venue('"40,7"', '"-74"')},
            11: {"priceRanges": '[{"currency": "USD", "min": -5, "max": 9}]'},
            12: {"priceRanges": '[{"currency": "USD", "min": "five", "max": 9}]'},
            13: {
                "dates": dates(
                    localDate="9999-12-31", localTime="19:30", dateTime="0001-01-01T00:00:00+09:00"
                )
            },
            14: {"dates": '{"start": {"localDate": "2027-01-15"}, "status": {"code": "melted"}}'},
            15: {"dates": '{"start": {"localDate": "1900-01-01"}, "end": {"localDate": "2027-01-17"}}'},
            16: {"_embedded": venue('"40.7"', '"-74.0"').replace("US", "us")},
            17: {"_embedded": venue('"40.7"', '"-74.0"').replace("US", "--")},
            18: {"sales": '{"public": {"startDateTime": "1900-01-01T06:00:00Z"}}'},
            19: {"url": f'"https://x.example/{"x" * 2_048}"'},
        },
        songs={1: {"playcount": '"many"', "listeners": "-1"}, 2: {"playcount": f'"{2**63 - 1}"'}},
        expected={
            version("venue_latitude", 3): None,
            version("venue_longitude", 10): None,
            version("price_min", 11): None,
            version("price_max", 12): None,
            version("coalesce(cast(local_date as varchar(10)), local_time, 'neither')", 13): "neither",
            version("starts_at", 13): None,
            version("status", 14): None,
            version("coalesce(local_date, local_end_date)", 15): None,
            TOURING.format(15): "0 upcoming, 1 undated",
            version("country_code", 16): "US",
            version("country_code", 17): "US",
            version("public_sale_starts_at", 18): None,
            version("concert_url", 19): None,
            "select play_count from dwh.dim_songs where artist_name = 'Artist 2'": None,
            "select play_count from dwh.dim_songs where artist_name = 'Artist 1'": None,
        },
        next_day={
            version("venue_latitude", 3): None,  # as the version was first seen
            version("price_min", 11): 20.0,
            version("local_date", 13): date(2027, 1, 15),
            version("local_date", 15): date(2027, 1, 15),
            TOURING.format(15): "1 upcoming, 0 undated",
            "select play_count from dwh.dim_songs where artist_name = 'Artist 1'": 1_001,
        },
        certified={
            "nulled": {
                "_embedded.venues.location": 11,
                "priceRanges": 2,
                "priceRanges.min": 1,
                "dates.start.localTime": 1,
                "dates.start.localDate": 2,
                "dates.start.dateTime": 1,
                "dates.status.code": 1,
                "dates.end.localDate": 1,
                "_embedded.venues.country.countryCode": 1,
                "sales.public.startDateTime": 1,
                "url": 1,
            }
        },
    ),
    "texts that cannot be stored": Day(
        events={
            1: {"name": r'"a\u0000b \ud83d &amp; c"'},
            2: {"name": f'"{"x" * 1_500}"'},
            23: {"name": '"Sigur%20R%C3%B3s"'},
            24: {"name": r'"Beyonce\u0301"'},
        },
        songs={3: {"name": r'"so\u0000ng \ude00"'}},
        expected={
            version("concert_name", 1): "ab \ufffd & c",
            version("length(concert_name)", 2): 1_020,
            version("concert_name", 23): "Sigur R\u00f3s",
            version("concert_name", 24): "Beyonc\u00e9",
            "select song_name from dwh.dim_songs where artist_name = 'Artist 3' and last_seen_date = '%d'": (
                "song \ufffd"
            ),
        },
        next_day={version("concert_name", 1): "Night 1"},
        certified={"cut": {"name": 1}},
    ),
    "records that are none": Day(
        events={20: {"name": "null"}, 21: {"name": "[]"}},
        songs={5: {"name": '""'}},
        more_pages=('{"_embedded": {}, "page": {"totalElements": 40}}', '{"page": {"totalElements": 40}}'),
        expected={
            version("concert_name", 20): "Night 20",
            version("missing_since", 20): None,
            "select count(*) from dwh.fact_songs where snapshot_date = '%d'": CONCERTS - 1,
        },
        next_day={version("is_listed", 20): True},
        certified={"rejected_by_reason": {"missing_name": 1, "wrong_type": 1}},
    ),
    "fields that nobody knows": Day(
        events={number: {"hologram": '{"a": 1}'} for number in range(30, 33)},
        certified={"unknown_fields": {"hologram": {"records": 3, "first": "e30"}}},
    ),
    "an hour of damage": Day(),
    "a clock that is wrong": Day(),
    "a conflict": Day(),
}


def record(fields: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


def event(number: int, changed: Mapping[str, str]) -> str:
    artist = f'{{"attractions": [{{"id": "a{number}", "name": "Artist {number}"}}], '
    usual = {
        "id": f'"e{number}"',
        "name": f'"Night {number}"',
        "dates": dates(localDate="2027-01-15", localTime="20:00:00"),
        "priceRanges": '[{"currency": "USD", "min": 20, "max": 30}]',
        "_embedded": artist + venue('"40.7"', '"-74.0"')[1:],
    }
    if "_embedded" in changed:
        changed = {**changed, "_embedded": artist + changed["_embedded"][1:]}
    return record({**usual, **changed})


def land_day(lake: Lake, at: datetime, day: Day) -> tuple[str, str]:
    """Keeps the responses of a day as a fetch does, and lands them."""
    events_run, songs_run = run_id(at), run_id(at + timedelta(hours=1))
    listed = ", ".join(event(number, day.events.get(number, {})) for number in range(CONCERTS))
    pages = [f'{{"_embedded": {{"events": [{listed}]}}, "page": {{"totalElements": {CONCERTS}}}}}']
    names = []
    for number, page in enumerate([*pages, *day.more_pages]):
        names.append(f"US-{number}")
        lake.raw("events", events_run).put(names[-1], {"countryCode": "US"}, 200, at, mended(page.encode()))
    window = Window(name="US", country="US", start=at, reported=CONCERTS, responses=tuple(names))
    scope = Scope(("US",), horizon_days=365)
    horizon = (at + timedelta(days=364)).date()
    crawl = Crawl(scope, complete=True, horizon_date=horizon, windows=(window,))
    lake.raw("events", events_run).put_crawl(crawl)
    land(EVENTS, lake, events_run, SETTINGS)
    land_songs(lake, songs_run, at, day)
    return events_run, songs_run


def land_songs(lake: Lake, run: str, at: datetime, day: Day) -> None:
    raw = lake.raw("songs", run)
    artists = ", ".join(f'{{"name": "Artist {n}", "listeners": "{100 + n}"}}' for n in range(CONCERTS))
    chart = f'{{"topartists": {{"artist": [{artists}], "@attr": {{"total": "{CONCERTS}"}}}}}}'
    raw.put("chart", {}, 200, at, chart.encode())
    lists = [List(country="US", reported=CONCERTS, responses=("chart",))]
    for number in range(CONCERTS):
        usual = {"name": f'"Song {number}"', "playcount": f'"{1_000 + number}"', "listeners": '"7"'}
        track = record({**usual, **day.songs.get(number, {})})
        top = (
            f'{{"toptracks": {{"track": [{track}], "@attr": {{"artist": "Artist {number}", "total": "1"}}}}}}'
        )
        raw.put(f"tracks-{number}", {}, 200, at, mended(top.encode()))
        lists.append(List(artist=f"Artist {number}", reported=1, responses=(f"tracks-{number}",)))
    scope = Scope(("US",), artists_per_country=CONCERTS, touring_artists=0, tracks_per_artist=5)
    raw.put_crawl(Crawl(scope, complete=True, lists=tuple(lists)))
    land(SONGS, lake, run, SETTINGS)


class ConflictOnce:
    """A connection whose first publish meets another transaction."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._left = connection, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        cursor = self._connection.cursor()
        cursor.execute(
            "select count(*) from dwh.load_ledger where state = 'published' and run like '2026-11-22%'"
        )
        if self._left and cursor.fetchone()[0]:
            self._left = 0
            raise ConflictError({"S": "ERROR", "C": "40001", "M": "could not serialize access"})
        self._connection.commit()


class ConflictError(Exception):
    """What the driver raises."""


def test_a_clean_week_with_something_bad_each_day_is_published_every_day(tables: Any, lake: Lake) -> None:
    before: tuple[str, Mapping[str, Any]] | None = None
    for number, (kind, day) in enumerate(WEEK.items()):
        at = MONDAY + timedelta(days=number)
        events_run, _ = land_day(lake, at, day)
        now, connection, snapshot = at + timedelta(hours=3), tables, f"{at:%F}"
        if kind == "an hour of damage":
            for minutes in (10, 20):
                run = run_id(at - timedelta(minutes=minutes))
                lake.bucket.put(f"manifests/events/{run}.json", b'{"entries": [')
        elif kind == "a clock that is wrong":
            land_day(lake, at + timedelta(days=365), Day())
        elif kind == "a conflict":
            connection = ConflictOnce(tables)
        tried = 0
        while True:  # as the DAG does: a task that fails for what may pass is tried again
            tried += 1
            assert tried < 5
            try:
                if not warehouse_run(connection, lake, now, by_suites):
                    break
            except ConflictError:
                assert kind == "a conflict"
        assert rows(
            tables, f"select distinct state from dwh.load_ledger where run like '{snapshot}T0%' order by 1"
        ) in ([("published",)], [("parked",), ("published",)])
        for query, expected in [*day.expected.items(), *(before[1].items() if before else ())]:
            assert rows(tables, query.replace("%d", snapshot)) == [(expected,)], (kind, query)
        certificate = msgspec.to_builtins(lake.certificate("events", events_run))
        assert {name: certificate[name] for name in day.certified} == day.certified, kind
        before = (kind, day.next_day)
    assert rows(tables, "select count(distinct snapshot_date), count(*) from dwh.fact_artists") == [
        (7, 7 * CONCERTS)
    ]
    assert rows(tables, "select state, count(*) from dwh.load_ledger group by state order by state") == [
        ("parked", 4),
        ("published", 14),
    ]
    assert rows(tables, "select count(*) from dwh.dim_concerts where not is_listed") == [(0,)]
