"""The warehouse at full size: loading, building, auditing, publishing into a short and a long history.

Everything is done by the functions that the DAG's tasks call. What is timed more than once is timed in turns,
so that a busy machine slows down both sides of a ratio, and the median counts.
"""

import io
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import redshift_connector

from benchmarks.figures import Figure, median, say, seconds
from benchmarks.generated import World
from benchmarks.sandboxed import lake, sandbox
from include import quality, warehouse
from include.lake import Lake
from include.settings import Settings
from include.warehouse import Load
from sandbox.postgres import program
from sandbox.services import Services

ROUNDS = 3
HISTORY = 10
"""How many times as large as a load the long history is."""


def measure(quick: bool) -> list[Figure]:
    """Ratios of COPY, build, audit and publish."""
    world = World().smaller(20) if quick else World()
    with sandbox("--concerts", "300") as running:
        bench = Bench(running, lake(running, "benchmark"), world)
        with closing(bench.redshift), closing(bench.postgres):
            return bench.figures()


class Bench:
    """One warehouse, two days' loads, and a short and a long history."""

    def __init__(self, running: Services, lake: Lake, world: World) -> None:
        self.running = running
        self.lake = lake
        self.redshift = self._connect()
        self.postgres = psycopg2.connect(**address(running))
        self.postgres.autocommit = True
        instant = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0)
        say(f"generating {world.concerts:,} concerts, {world.billings:,} billings, {world.songs:,} songs")
        self.days = [world.land(lake, instant, day) for day in range(2)]

    def figures(self) -> list[Figure]:
        warehouse.create_tables(self.redshift)
        warehouse.begin(self.redshift, self.lake, self.days[0])
        copied, psql = self._copies()
        self._build(self.days[0])
        self._lengthen_history()
        built = median([self._build(self.days[0]) for _ in range(ROUNDS)])
        audited = self._audit(self.days[0])
        first = self._publish_in_turns(self.days[0])
        for history in ("short", "long"):
            with self._history(history), closing(self._connect()) as connection:
                warehouse.publish(connection, self.lake, self.days[0])
        self._run("vacuum analyze")
        warehouse.begin(self.redshift, self.lake, self.days[1])
        self._stage(self.days[1])
        self._build(self.days[1])
        daily = self._publish_in_turns(self.days[1])
        times = f"a history {HISTORY} times as large as the load"
        return [
            Figure("COPY of a load", copied, psql, "s", "psql \\copy of the same rows", at_most=2),
            Figure(
                "build and publish, first load", built + first["short"], copied, "s", "its COPY", at_most=4
            ),
            Figure("build and publish, next day", built + daily["short"], copied, "s", "its COPY", at_most=4),
            Figure(f"publish into {times}", first["long"], first["short"], "s", "into none", at_most=1.5),
            Figure(
                f"publish the next day into {times}",
                daily["long"],
                daily["short"],
                "s",
                "into one of a day",
                at_most=1.5,
            ),
            Figure("SQL of the audit", audited, built, "s", "build", at_most=1),
        ]

    def _connect(self) -> Any:
        return redshift_connector.connect(**self.running.redshift, ssl=False)

    def _copies(self) -> tuple[float, float]:
        """Seconds of our COPY and of psql's."""
        load, ours, theirs = self.days[0], [], []
        with tempfile.TemporaryDirectory() as folder:
            for dataset in warehouse.DATASETS:
                self._write_csv(dataset, load.run(dataset), Path(folder) / f"{dataset}.csv")
            for _ in range(ROUNDS):
                theirs.append(sum(self._psql(Path(folder), dataset) for dataset in warehouse.DATASETS))
                ours.append(self._stage(load))
        return median(ours), median(theirs)

    def _stage(self, load: Load) -> float:
        role = Settings().copy_role_arn
        return sum(
            seconds(
                lambda dataset=dataset: warehouse.stage(self.redshift, self.lake, load, dataset, role),  # type: ignore[misc]
                f"stage {dataset}",
            )
            for dataset in warehouse.DATASETS
        )

    def _write_csv(self, dataset: str, run: str, path: Path) -> None:
        parts = [
            self.lake.s3.get_object(Bucket=self.lake.bucket, Key=url.removeprefix(self.lake.url("")))
            for url, _, _ in self.lake.manifest(dataset, run).entries
        ]
        rows = pa.concat_tables(pq.read_table(io.BytesIO(part["Body"].read())) for part in parts)
        pyarrow.csv.write_csv(rows, path, pyarrow.csv.WriteOptions(include_header=False))

    def _psql(self, folder: Path, dataset: str) -> float:
        """Into a table like the one that COPY fills."""
        self._run(f"create table staging.copied (like staging.{dataset} including all)")
        where = address(self.running)
        command = [
            str(program("psql")),
            f"host={where['host']} port={where['port']} user={where['user']} dbname={where['dbname']}",
            *("-c", f"\\copy staging.copied from '{folder / dataset}.csv' with (format csv)"),
        ]
        environment = os.environ | {"PGPASSWORD": where["password"]}
        took = seconds(
            lambda: subprocess.run(command, env=environment, check=True, capture_output=True),
            f"psql {dataset}",
        )
        self._run("drop table staging.copied")
        return took

    def _build(self, load: Load) -> float:
        return sum(
            seconds(lambda table=table: warehouse.build(self.redshift, load, table), f"build {table}")  # type: ignore[misc]
            for table in warehouse.JUDGED
        )

    def _audit(self, load: Load) -> float:
        """Seconds in which Great Expectations' statements ran."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        spent: list[float] = []
        started: list[float] = []

        def before(*_: Any) -> None:
            started.append(time.perf_counter())

        def after(*_: Any) -> None:
            spent.append(time.perf_counter() - started.pop())

        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "after_cursor_execute", after)
        try:
            outcome = quality.audit(self.lake, load, kept_runs=1)
        finally:
            event.remove(Engine, "before_cursor_execute", before)
            event.remove(Engine, "after_cursor_execute", after)
        if not outcome.success:
            raise RuntimeError(f"The generated load fails its audit: {outcome.failures}")
        say(f"audit: {len(spent)} statements in {sum(spent):.2f} s")
        return sum(spent)

    def _publish_in_turns(self, load: Load) -> dict[str, float]:
        """Seconds to publish into the short and into the long history; neither keeps it."""
        took: dict[str, list[float]] = {"short": [], "long": []}
        for _ in range(ROUNDS):
            for history, times in took.items():
                with self._history(history):
                    with closing(self._connect()) as connection:
                        times.append(
                            seconds(
                                lambda: warehouse.publish(Undoing(connection), self.lake, load),
                                f"publish into the {history} history",
                            )
                        )
                        connection.rollback()
                    for table in warehouse.STAR:
                        self._run(f"vacuum dwh.{table}")
        return {history: median(times) for history, times in took.items()}

    @contextmanager
    def _history(self, which: str) -> Iterator[None]:
        """The schema `dwh` is the long history meanwhile; else it is the short one."""
        swap = ["alter schema dwh rename to short", "alter schema long rename to dwh"]
        back = ["alter schema dwh rename to long", "alter schema short rename to dwh"]
        for statement in swap if which == "long" else ():
            self._run(statement)
        try:
            yield
        finally:
            for statement in back if which == "long" else ():
                self._run(statement)

    def _lengthen_history(self) -> None:
        """Fills `dwh` with what older loads of other artists and past concerts would have left there."""
        other = "md5({} || n)"
        concert = f"left(audit.concert_id, 3) || left({other.format('audit.concert_id')}, 13)"
        replaced = {
            "dim_songs": {
                "song_key": other.format("audit.song_key"),
                "artist_key": other.format("audit.artist_key"),
                "first_seen_date": "audit.first_seen_date - 400 - n",
                "last_seen_date": "audit.last_seen_date - 300 - n",
            },
            "dim_concerts": {
                "concert_id": concert,
                "local_date": "audit.local_date - 400",
                "valid_from": "audit.valid_from - interval '400 days'",
            },
            "bridge_concert_artists": {"concert_id": concert},
            "fact_artists": {"snapshot_date": "audit.snapshot_date - 10 - n"},
        }
        for table, expressions in replaced.items():
            columns = self._columns(table)
            values = ", ".join(expressions.get(column, f"audit.{column}") for column in columns)
            for number in range(HISTORY):
                self._run(
                    f"insert into dwh.{table} ({', '.join(columns)}) "  # noqa: S608 - our own names
                    f"select {values} from audit.{table} as audit cross join (select {number} as n) as copies"
                )
                say(f"history of {table}: {number + 1} of {HISTORY}")
        self._run("alter schema dwh rename to long")
        warehouse.create_tables(self.redshift)

    def _columns(self, table: str) -> list[str]:
        with self.postgres.cursor() as cursor:
            cursor.execute(
                "select column_name from information_schema.columns "
                "where table_schema = 'dwh' and table_name = %s order by ordinal_position",
                (table,),
            )
            return [name for (name,) in cursor.fetchall()]

    def _run(self, statement: str) -> None:
        """Past the proxy, for what is not part of the warehouse."""
        with self.postgres.cursor() as cursor:
            cursor.execute(statement)


class Undoing:
    """A connection that does not commit; the caller rolls back."""

    def __init__(self, connection: Any) -> None:
        self.cursor = connection.cursor
        self.rollback = connection.rollback

    def commit(self) -> None:
        """Leaves it to the caller."""


def address(running: Services) -> dict[str, Any]:
    """How to log in to the PostgreSQL behind the sandbox's Redshift."""
    return {
        "host": running.postgres["host"],
        "port": running.postgres["port"],
        "user": running.redshift["user"],
        "password": running.redshift["password"],
        "dbname": running.redshift["database"],
    }
