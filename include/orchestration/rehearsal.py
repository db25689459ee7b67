"""A rehearsal on the real warehouse: every step of a load, in schemas and under a prefix of its own.

Copies a small manifest, builds, audits and publishes it; audits a spoiled one, which is parked; rebuilds; replaces a
view with one that has another column; and compares every result with the expected one. What was created is dropped,
whatever happens; if the process is killed, by the next rehearsal. It proves what no stand-in can: that Redshift behaves
as documented.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.lake.prefixed_bucket import PrefixedBucket
from include.orchestration import connections, leftovers
from include.orchestration.rehearsal_data import EXPECTED_STAR, expected_values, land, loads
from include.quality.audit import Audit, audit
from include.quality.engine import Engine
from include.settings import Settings
from include.warehouse import load as warehouse
from include.warehouse import next_load, parking, rebuild
from include.warehouse.pairing import Load
from include.warehouse.renamed import Renamed
from include.warehouse.tables import BUILT, DATASETS, STAR, create_tables, create_views
from include.warehouse.transactions import Joined, transaction

_LONGEST = timedelta(hours=1)
"""A rehearsal that began before that has ended, or was killed: it takes minutes."""
_NOTHING: tuple[list[str], list[str]] = ([], [])
_Act = tuple[str, object, Callable[[], object]]
"""A step's name, its expected result, and the function that performs it."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was tried, how long it took, and what differed from what was expected; nothing if it passed."""

    name: str
    seconds: float
    differed: str = ""

    @property
    def passed(self) -> bool:
        """Whether the result was the expected one."""
        return not self.differed

    def __str__(self) -> str:
        mark = "✔" if self.passed else "✘"
        return f"{mark} {self.name:<38} {self.seconds:6.1f} s  {self.differed}".rstrip()


def rehearse(settings: Settings, now: datetime) -> Iterator[Step]:
    """The steps, each as it completes; after one that failed, only the clean-up.

    First removes what rehearsals left that were killed.
    """
    name = leftovers.name_of(now)
    bucket = connections.lake(settings).bucket
    below = Lake(PrefixedBucket(bucket, leftovers.prefix_of(name)))
    connection = connections.redshift()
    rehearsal = _Rehearsal(Renamed(connection, name), below, settings, now, name)
    started, passed = time.monotonic(), True
    try:
        for what, expected, act in (*_earlier(connection, bucket, now), *rehearsal.steps()):
            step = _tried(what, expected, act)
            yield step
            if not step.passed:
                passed = False
                break
    finally:
        connection.rollback()
        step = _tried("nothing is left behind", _NOTHING, lambda: leftovers.remove(connection, bucket, name))
        connection.close()
    yield step
    if passed:
        yield Step("all of it", time.monotonic() - started)


def _earlier(connection: Any, bucket: Bucket, now: datetime) -> Iterator[_Act]:
    """A step for each earlier rehearsal that left something: it is removed, unless it may still be running."""
    for name, began in leftovers.left(connection, bucket):
        if began < now - _LONGEST:
            yield f"what {name} left goes", _NOTHING, partial(leftovers.remove, connection, bucket, name)
        else:
            yield f"{name} stays: it may still be running", None, lambda: None


def _tried(what: str, expected: object, act: Callable[[], object]) -> Step:
    started = time.monotonic()
    try:
        found = act()
        differed = "" if found == expected else f"expected {expected}, found {found}"
    except Exception as error:
        differed = f"{type(error).__name__}: {error}"
    return Step(what, time.monotonic() - started, differed)


class _Rehearsal:
    def __init__(self, redshift: Any, lake: Lake, settings: Settings, now: datetime, prefix: str) -> None:
        self.redshift, self.lake, self.settings, self.now = redshift, lake, settings, now
        self.engine = Engine(*connections.redshift_engine_arguments(), Joined(redshift), f"{prefix}audit")
        self.first, self.second = loads(now)

    def steps(self) -> Iterator[_Act]:
        """The steps of a load."""
        yield "manifests are landed", None, lambda: land(self.lake, self.now)
        yield "tables and views are created", None, lambda: create_tables(self.redshift)
        yield "COPY loads the rows of a manifest", [4, 5], lambda: self._staged(self.first)
        yield "its values are those that were landed", expected_values(self.now), self._values
        yield "the load is built", [5, 3, 0, 3, 3, 1], lambda: self._built(self.first)
        yield "an audit passes it", (), lambda: self._audited(self.first).verdict.failures
        yield "it is published", EXPECTED_STAR, lambda: self._published(self.first)
        yield "publishing again changes nothing", EXPECTED_STAR, lambda: self._published(self.first)
        yield "a view shows it", [("Abel", 2), ("Enoch", 0), ("Eve", 1)], self._seen
        yield "COPY loads a spoiled load", [4, 5], lambda: self._staged(self.second)
        yield "an audit fails it and it is parked", ("events", 2, "parked"), self._parked
        yield "a rebuild leaves the star the same", {}, self._rebuilt
        yield "a view gets another column", ["artist_key", "more"], self._replaced
        yield "the view gets its own columns back", [("Abel", 2), ("Enoch", 0), ("Eve", 1)], self._restored

    def _staged(self, load: Load) -> list[int]:
        next_load.begin(self.redshift, self.lake, load, self.now)
        role = self.settings.copy_role_arn
        return [warehouse.stage(self.redshift, self.lake, load, dataset, role) for dataset in DATASETS]

    def _values(self) -> tuple[list[datetime], list[str]]:
        starts = self._rows("select distinct starts_at from staging.events")
        songs = self._rows("select song_name from staging.songs")
        return [at for (at,) in starts], sorted(song for (song,) in songs)

    def _built(self, load: Load) -> list[int]:
        return [warehouse.build(self.redshift, load, table) for table in BUILT]

    def _audited(self, load: Load) -> Audit:
        found = audit(self.lake, load, self.engine, kept_runs=2, judged_at=self.now)
        self.redshift.rollback()  # it only read
        return found

    def _published(self, load: Load) -> dict[str, int]:
        changes = warehouse.publish(self.redshift, load)
        return {table: changes[table]["added"] for table in STAR}

    def _parked(self) -> tuple[str, int, str]:
        self._built(self.second)
        verdict = self._audited(self.second).verdict
        kept = parking.park(self.redshift, self.second, verdict.reason, verdict.failed_rows, verdict.at_fault)
        [(state,)] = self._rows(f"select state from dwh.load_ledger where run = '{self.second.events}'")  # noqa: S608
        return ",".join(verdict.at_fault), kept, state

    def _rebuilt(self) -> object:
        def judge(connection: Any, load: Load) -> Any:
            engine = Engine(self.engine.url, self.engine.connect_args, connection, self.engine.schema)
            return audit(self.lake, load, engine, kept_runs=2, judged_at=self.now).verdict

        rebuilt = rebuild.rebuild(
            self.redshift, self.lake, now=self.now, copy_role_arn=self.settings.copy_role_arn, judge=judge
        )
        return dict(rebuilt.differences)

    def _replaced(self) -> list[str]:
        with transaction(self.redshift) as cursor:
            cursor.execute("drop view analytics.artist_events_songs")
            cursor.execute(
                "create view analytics.artist_events_songs as select artist_key, 1 as more from dwh.fact_artists"
            )
            cursor.execute("select * from analytics.artist_events_songs limit 1")
            return [column[0] for column in cursor.description]

    def _restored(self) -> list[tuple[Any, ...]]:
        with transaction(self.redshift) as cursor:
            create_views(cursor)
        return self._seen()

    def _seen(self) -> list[tuple[Any, ...]]:
        return self._rows(
            "select artist_name, upcoming_concerts from analytics.artist_events_songs order by artist_name"
        )

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with transaction(self.redshift) as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]
