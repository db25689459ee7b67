"""Round trips: how many requests to S3 and statements to Redshift each task of a daily run makes, and what they cost.

The counts are exact. The daily run is that of a second day, once as the sandbox is, and once with 40 ms added to
each S3 request and 30 ms to each statement, as at AWS; Airflow's own time is left out of both.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import redshift_connector
from botocore.httpsession import URLLib3Session

from benchmarks.figures import Figure, say
from include.clock import utc_now
from include.settings import Settings
from sandbox.services import connection_environment, start

_LATENCY = ("--s3-latency", "0.04", "--statement-latency", "0.03")
_MOST = 1.5


def measure(quick: bool) -> list[Figure]:
    """The counts of two days, and the time of one with and without latency."""
    size = ("--concerts", "300" if quick else "3000")
    near = _days(3, *size)
    far = _days(2, *size, *_LATENCY)
    for task in near[1].requests | near[1].statements:
        say(f"{task:<28} {near[1].requests[task]:>5} S3 requests  {near[1].statements[task]:>5} statements")
    second, third = near[1], near[2]
    return [
        Figure("daily run with 40 ms a request, 30 ms a statement", far[1].seconds, second.seconds, "s", "without",
               at_most=_MOST),
        Figure("S3 requests of a daily run", third.requests.total(), second.requests.total(), "", "of the day before",
               at_most=1.1),
        Figure("statements of a daily run", third.statements.total(), second.statements.total(), "",
               "of the day before", at_most=1.1),
        Figure("statements of an audit that passes", third.statements["audit"], 60, "", "the limit", at_most=1),
    ]  # fmt: skip


class Day:
    """What the tasks of one day sent."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.statements: Counter[str] = Counter()
        self.seconds = 0.0
        self.task = ""


def _days(number: int, *options: str) -> list[Day]:
    days: list[Day] = []
    with (
        tempfile.TemporaryDirectory(prefix="musician-benchmark-") as folder,
        start(Path(folder) / "home", *options) as services,
    ):
        os.environ |= connection_environment(services) | {"AIRFLOW_HOME": f"{folder}/airflow"}
        for ago in reversed(range(number)):
            say(f"a daily run {' '.join(options)}")
            days.append(Day())
            with _counted(days[-1]):
                _run(days[-1], utc_now() - timedelta(days=ago))
    return days


@contextlib.contextmanager
def _counted(day: Day) -> Iterator[None]:
    """Counts what boto3 and the driver send, by task."""
    driver: Any = redshift_connector
    send: Any = URLLib3Session.send
    execute = driver.Cursor.execute

    def counted_send(session: Any, request: Any) -> Any:
        day.requests[day.task] += 1
        return send(session, request)

    def counted_execute(cursor: Any, *given: Any, **named: Any) -> Any:
        day.statements[day.task] += 1
        return execute(cursor, *given, **named)

    with (
        mock.patch.object(URLLib3Session, "send", counted_send),
        mock.patch.object(driver.Cursor, "execute", counted_execute),
    ):
        yield


def _run(day: Day, now: datetime) -> None:
    from include.ingestion.fetch import fetch
    from include.ingestion.land import land
    from include.orchestration import connections
    from include.orchestration.ingestion import dataset
    from include.quality.audit import Engine, audit
    from include.warehouse import load as warehouse
    from include.warehouse import next_load
    from include.warehouse.tables import BUILT, DATASETS, ensure_tables

    settings = Settings.from_environment()

    def task(name: str, act: Callable[[Any], Any]) -> Any:
        """As Airflow runs it: with clients and a connection of its own."""
        day.task, started = name, time.monotonic()
        with closing(connections.redshift()) as redshift:
            found = act(redshift)
        day.seconds += time.monotonic() - started
        return found

    lake = connections.lake(settings)
    for name, source in (("events", "ticketmaster"), ("songs", "lastfm")):
        found = dataset(name)

        def fetched(_: Any, found: Any = found, source: str = source) -> Any:
            async def asked() -> Any:
                connection = await connections.source_connection(source)
                return await fetch(found, lake, connection, settings, f"{now}", now)

            return asyncio.run(asked())

        run = task(f"fetch_{name}", fetched).run

        def landed(_: Any, found: Any = found, run: str = run) -> Any:
            return land(found, lake, run, settings)

        task(f"land_{name}", landed)
    task("ensure_tables", ensure_tables)
    load = task("find_load", lambda redshift: next_load.pending_loads(redshift, lake))[0]
    task("begin", lambda redshift: next_load.begin(redshift, lake, load, now))
    for name in DATASETS:
        stage = partial(
            warehouse.stage, lake=lake, load=load, dataset=name, copy_role_arn=settings.copy_role_arn
        )
        task(f"stage_{name}", stage)
    for table in BUILT:
        task(f"build_{table}", partial(warehouse.build, load=load, table=table))
    engine = Engine(*connections.redshift_engine_arguments())
    audited = task("audit", lambda _: audit(lake, load, engine, settings.data_docs_runs, judged_at=now))
    verdict = audited.verdict
    if verdict.failures:
        raise RuntimeError(f"The load failed its audit: {verdict.reason}")
    task("publish", lambda redshift: warehouse.publish(redshift, load))
