"""The warehouse at full size: loading, building, auditing, publishing into a short and a long history.

Everything is done by the functions that the DAG's tasks call. Repeated measurements alternate, so that a busy
machine slows down both sides of a ratio, and the median is used.
"""

import io
import os
import subprocess
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import redshift_connector

from benchmarks.figures import Figure, median, say, seconds
from benchmarks.generated import World
from benchmarks.histories import HISTORY, Histories
from benchmarks.sandboxed import lake, sandbox
from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.orchestration.connections import redshift_engine_arguments
from include.quality import audit as quality
from include.quality import engine
from include.settings import Settings
from include.warehouse import load as warehouse
from include.warehouse import next_load
from include.warehouse.pairing import Load
from include.warehouse.tables import BUILT, DATASETS, STAR, create_tables
from sandbox.redshift.postgres import program
from sandbox.services import Services

ROUNDS = 3


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
        self.histories = Histories(self.postgres)
        instant = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0)
        say(f"generating {world.concerts:,} concerts, {world.billings:,} billings, {world.songs:,} songs")
        self.days = [world.land(lake, instant, day) for day in range(2)]

    def figures(self) -> list[Figure]:
        create_tables(self.redshift)
        self._begin(self.days[0])
        psql, copied, built = self._load_in_turns(self.days[0])
        self.histories.lengthen()
        create_tables(self.redshift)  # staging is emptied by it, too
        self._begin(self.days[0])
        self._stage(self.days[0])
        self._build(self.days[0])
        audited = self._audit(self.days[0])
        first = self._publish_in_turns(self.days[0])
        for history in ("short", "long"):
            with self.histories.in_place(history), closing(self._connect()) as connection:
                warehouse.publish(connection, self.days[0])
        self.histories.run("vacuum analyze")
        self._begin(self.days[1])
        self._stage(self.days[1])
        self._build(self.days[1])
        daily = self._publish_in_turns(self.days[1])
        history = f"with a history {HISTORY} times the load"
        return [
            Figure("COPY of a load", copied, psql, "s", "psql \\copy of the same rows", at_most=2),
            Figure(
                "build and publish, first load", built + first["short"], copied, "s", "its COPY", at_most=4
            ),
            Figure("build and publish, next day", built + daily["short"], copied, "s", "its COPY", at_most=4),
            Figure(f"publish {history}", first["long"], first["short"], "s", "with no history", at_most=1.5),
            Figure(
                f"publish the next day {history}",
                daily["long"],
                daily["short"],
                "s",
                "with a history of one day",
                at_most=1.5,
            ),
            Figure("SQL of the audit", audited, built, "s", "build", at_most=1),
        ]

    def _connect(self) -> Any:
        return redshift_connector.connect(**self.running.redshift, ssl=False)

    def _load_in_turns(self, load: Load) -> tuple[float, float, float]:
        """Seconds of psql's \\copy, of our COPY, and of the build."""
        psql, copied, built = [], [], []
        with tempfile.TemporaryDirectory() as folder:
            for dataset in DATASETS:
                self._write_csv(dataset, load.run(dataset), Path(folder) / f"{dataset}.csv")
            for _ in range(ROUNDS):
                psql.append(sum(self._psql(Path(folder), dataset) for dataset in DATASETS))
                copied.append(self._stage(load))
                built.append(self._build(load))
        return median(psql), median(copied), median(built)

    def _begin(self, load: Load) -> None:
        """Judged an hour after its runs."""
        next_load.begin(self.redshift, self.lake, load, run_instant(load.newest) + timedelta(hours=1))

    def _stage(self, load: Load) -> float:
        role = Settings().copy_role_arn
        return sum(
            seconds(
                lambda dataset=dataset: warehouse.stage(self.redshift, self.lake, load, dataset, role),  # type: ignore[misc]
                f"stage {dataset}",
            )
            for dataset in DATASETS
        )

    def _write_csv(self, dataset: str, run: str, path: Path) -> None:
        parts = [
            self.lake.bucket.s3.get_object(
                Bucket=self.lake.bucket.name, Key=part.url.removeprefix(self.lake.bucket.url(""))
            )
            for part in self.lake.manifest(dataset, run).parts
        ]
        rows = pa.concat_tables(pq.read_table(io.BytesIO(part["Body"].read())) for part in parts)
        pyarrow.csv.write_csv(rows, path, pyarrow.csv.WriteOptions(include_header=False))

    def _psql(self, folder: Path, dataset: str) -> float:
        """Seconds of psql's \\copy into a table like the one that COPY fills."""
        self.histories.run(f"create table staging.copied (like staging.{dataset} including all)")
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
        self.histories.run("drop table staging.copied")
        return took

    def _build(self, load: Load) -> float:
        return sum(
            seconds(lambda table=table: warehouse.build(self.redshift, load, table), f"build {table}")  # type: ignore[misc]
            for table in BUILT
        )

    def _audit(self, load: Load) -> float:
        """Seconds that Great Expectations' statements took."""
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
            outcome = quality.audit(
                self.lake,
                load,
                engine.Engine(*redshift_engine_arguments()),
                kept_runs=1,
                judged_at=datetime.now(UTC),
            )
        finally:
            event.remove(Engine, "before_cursor_execute", before)
            event.remove(Engine, "after_cursor_execute", after)
        if not outcome.success:
            raise RuntimeError(f"The generated load fails its audit: {outcome.verdict.failures}")
        say(f"audit: {len(spent)} statements in {sum(spent):.2f} s")
        return sum(spent)

    def _publish_in_turns(self, load: Load) -> dict[str, float]:
        """Seconds to publish into the short and into the long history; both are rolled back."""
        took: dict[str, list[float]] = {"short": [], "long": []}
        for _ in range(ROUNDS):
            for history, times in took.items():
                with self.histories.in_place(history):
                    with closing(self._connect()) as connection:
                        times.append(
                            seconds(
                                lambda: warehouse.publish(Undoing(connection), load),
                                f"publish into the {history} history",
                            )
                        )
                        connection.rollback()
                    for table in STAR:
                        self.histories.run(f"vacuum dwh.{table}")
        return {history: median(times) for history, times in took.items()}


class Undoing:
    """A connection whose `commit` does nothing; the caller rolls back."""

    def __init__(self, connection: Any) -> None:
        self.cursor = connection.cursor
        self.rollback = connection.rollback

    def commit(self) -> None:
        """Does nothing."""


def address(running: Services) -> dict[str, Any]:
    """How to log in to the PostgreSQL behind the sandbox's Redshift."""
    return {
        "host": running.postgres["host"],
        "port": running.postgres["port"],
        "user": running.redshift["user"],
        "password": running.redshift["password"],
        "dbname": running.redshift["database"],
    }
