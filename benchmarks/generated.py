"""Loads of any size, generated from a seed and put into the lake as the ingestion would.

Each day has an events run and a songs run. The next day's are the same except for a share of changes, so that they
can be published one after the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.lake.certificate import Certificate, Scope
from include.lake.lake import Lake
from include.lake.manifests import Part
from include.lake.parquet import FORM, redshift_types
from include.lake.runs import run_id
from include.sources.lastfm.rows import SongRow
from include.sources.ticketmaster.rows import EventRow
from include.warehouse.pairing import Load

_ARROW = {
    "character varying": pa.string(),
    "bigint": pa.int64(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"),
}
_PART_ROWS = 200_000
_CHANGED = 0.02
"""Share of the concerts and songs that differ from one day to the next."""

_CHARTED = 1_000
"""Artists who are in a chart; the others are included because they tour."""


@dataclass(frozen=True, slots=True)
class World:
    """The size of the loads. One in three of Last.fm's artists is on tour."""

    concerts: int = 230_000
    billings: int = 370_000
    songs: int = 1_000_000
    songs_per_artist: int = 50
    seed: int = 20_26

    def smaller(self, divisor: int) -> "World":
        """The same proportions."""
        return World(self.concerts // divisor, self.billings // divisor, self.songs // divisor)

    def land(self, lake: Lake, instant: datetime, day: int) -> Load:
        """Lands the two runs of day number `day` and returns the load they form."""
        snapshot = instant + timedelta(days=day)
        run = run_id(snapshot)
        at = snapshot.replace(tzinfo=None)
        _put(lake, "events", run, EventRow, self._events(at, day))
        _put(lake, "songs", run, SongRow, self._songs(at, day))
        scope, horizon = Scope(("US", "GB", "DE"), horizon_days=365), (snapshot + timedelta(days=365)).date()
        lake.put_certificate(
            Certificate(dataset="events", run=run, scope=scope, complete=True, horizon_date=horizon)
        )
        lake.put_certificate(
            Certificate(dataset="songs", run=run, scope=Scope(scope.countries), complete=True)
        )
        return Load(run, run, ("events", "songs"))

    def _artists(self) -> tuple[list[str], list[str]]:
        """Keys and names of all artists: first those of Last.fm, then those who only tour."""
        count = self.songs // self.songs_per_artist * 3
        return _digests(np.random.default_rng(self.seed), count), [f"The Musician {n}" for n in range(count)]

    def _events(self, at: datetime, day: int) -> pa.Table:
        random, n = np.random.default_rng([self.seed, 1]), self.concerts
        first_day = np.datetime64(at.date())
        dates = first_day - day + 2 + random.integers(0, 340, n).astype("timedelta64[D]")
        dates += np.where(self._changed(random, n, day), 14, 0).astype("timedelta64[D]")
        hours = random.integers(17, 23, n)
        venue = random.integers(0, max(1, n // 20), n)
        price = np.round(random.uniform(10, 90, n), 2)
        country = random.choice(["US", "GB", "DE"], n, p=[0.7, 0.2, 0.1])
        genre = random.choice(["Rock", "Pop", "Jazz", "Country", "Metal"], n)
        nobody = random.random(n) < 0.05
        billed = np.where(nobody, 0, 1)
        extra = random.choice(np.flatnonzero(~nobody), max(0, self.billings - int(billed.sum())))
        billed += np.bincount(extra, minlength=n)
        rows = np.repeat(np.arange(n), np.maximum(billed, 1))
        position = np.arange(len(rows)) - np.repeat(
            np.cumsum(np.maximum(billed, 1)) - np.maximum(billed, 1), np.maximum(billed, 1)
        )
        keys, names = self._artists()
        # Popular artists play more: one artist in seven has half of the billings.
        artist = (len(keys) * random.random(len(rows)) ** 2.8).astype(int)
        nameless = nobody[rows]
        times = dates + hours.astype("timedelta64[h]")
        per_concert = {
            "country_code": pa.array(country),
            "event_id": pa.array([f"G5v{key[:13]}" for key in _digests(random, n)]),
            "event_name": pa.array([f"An evening with number {i}: the world tour" for i in range(n)]),
            "event_url": pa.array(
                [f"https://www.ticketmaster.com/an-evening-{i}/event/{i}" for i in range(n)]
            ),
            "status": pa.array(random.choice(["onsale", "offsale", "rescheduled"], n, p=[0.9, 0.08, 0.02])),
            "local_date": pa.array(dates),
            "local_time": pa.array([f"{hour}:30:00" for hour in hours]),
            "starts_at": pa.array(times.astype("datetime64[us]")),
            "timezone": pa.array(["America/New_York"] * n),
            "segment": pa.array(["Music"] * n),
            "genre": pa.array(genre),
            "sub_genre": pa.array(genre),
            "price_currency": pa.array(["USD"] * n),
            "price_min": pa.array(price),
            "price_max": pa.array(np.round(price * 1.5, 2)),
            "promoter_name": pa.array(["LIVE NATION MUSIC"] * n),
            "venue_id": pa.array([f"KovZpZA{v}" for v in venue]),
            "venue_name": pa.array([f"The Hall of number {v}" for v in venue]),
            "venue_city": pa.array([f"Springfield {v % 700}" for v in venue]),
            "venue_state_code": pa.array(["NY"] * n),
            "venue_country_code": pa.array(country),
            "venue_postal_code": pa.array([f"{10_000 + v}" for v in venue]),
            "venue_latitude": pa.array(np.round(30 + (venue % 1_999) / 100, 6)),
            "venue_longitude": pa.array(np.round(-120 + (venue % 4_999) / 100, 6)),
        }
        flags = ("date_tba", "date_tbd", "time_tba", "no_specific_time", "spans_multiple_days")
        return _table(
            EventRow,
            len(rows),
            {"snapshot_at": pa.array([at] * len(rows), pa.timestamp("us"))}
            | {flag: pa.array(np.zeros(len(rows), bool)) for flag in flags}
            | {name: column.take(pa.array(rows)) for name, column in per_concert.items()}
            | {
                "artist_position": pa.array(position + 1, mask=nameless),
                "attraction_id": pa.array([f"K8vZ{a}" for a in artist], mask=nameless),
                "artist_name": pa.array(names).take(pa.array(artist, mask=nameless)),
                "artist_key": pa.array(keys).take(pa.array(artist, mask=nameless)),
                "namesake_key": pa.array(keys).take(pa.array(artist, mask=nameless)),
            },
        )

    def _songs(self, at: datetime, day: int) -> pa.Table:
        random, n = np.random.default_rng([self.seed, 2]), self.songs
        artist = np.arange(n) // self.songs_per_artist
        rank = np.arange(n) % self.songs_per_artist + 1
        plays = random.integers(1_000, 50_000_000, n) // rank
        plays += np.where(self._changed(random, n, day), 100, 0)
        keys, names = self._artists()
        of_artist = pa.array(artist)
        beyond_charts = artist >= _CHARTED
        return _table(
            SongRow,
            n,
            {
                "snapshot_at": pa.array([at] * n, pa.timestamp("us")),
                "asked_name": pa.array(names).take(of_artist),
                "artist_name": pa.array(names).take(of_artist),
                "artist_mbid": pa.array([_mbid(key) for key in keys]).take(of_artist),
                "artist_key": pa.array(keys).take(of_artist),
                "chart_countries": pa.array(np.full(n, "US"), mask=beyond_charts),
                "chart_rank": pa.array(artist + 1, mask=beyond_charts),
                "chart_listeners": pa.array(10_000_000 // (artist + 1), mask=beyond_charts),
                "song_name": pa.array([f"Song of the road number {i}" for i in range(n)]),
                "song_key": pa.array(_digests(random, n)),
                "song_url": pa.array(
                    [f"https://www.last.fm/music/The+Musician/_/Song+number+{i}" for i in range(n)]
                ),
                "song_rank": pa.array(rank),
                "play_count": pa.array(plays),
                "listeners": pa.array(plays // 5),
            },
        )

    def _changed(self, random: np.random.Generator, count: int, day: int) -> Any:
        return (random.random(count) < _CHANGED) & (day > 0)


def _digests(random: np.random.Generator, count: int) -> list[str]:
    """`count` random keys of 32 hexadecimal digits."""
    digits = random.bytes(16 * count).hex()
    return [digits[place : place + 32] for place in range(0, len(digits), 32)]


def _mbid(key: str) -> str:
    return f"{key[:8]}-{key[8:12]}-{key[12:16]}-{key[16:20]}-{key[20:]}"


def _table(row_type: type[msgspec.Struct], count: int, columns: dict[str, Any]) -> pa.Table:
    """The columns in the order and with the types of the row type; missing ones are null."""
    types = {name: _ARROW[base] for name, base in redshift_types(row_type).items()}
    return pa.table(
        [
            columns[name].cast(kind) if name in columns else pa.nulls(count, kind)
            for name, kind in types.items()
        ],
        schema=pa.schema(list(types.items())),
    )


def _put(lake: Lake, dataset: str, run: str, row_type: type[msgspec.Struct], rows: pa.Table) -> None:
    parts = []
    for number, start in enumerate(range(0, len(rows), _PART_ROWS)):
        key = f"lake/{dataset}/{run}/part-{number:05}.parquet"
        buffer = pa.BufferOutputStream()
        pq.write_table(rows.slice(start, _PART_ROWS), buffer, row_group_size=20_000, **FORM)
        body = buffer.getvalue().to_pybytes()
        lake.bucket.s3.put_object(Bucket=lake.bucket.name, Key=key, Body=body)
        parts.append(Part(lake.bucket.url(key), len(body), min(_PART_ROWS, len(rows) - start)))
    lake.put_manifest(dataset, run, row_type, parts)
