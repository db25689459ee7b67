"""Round trips: how many requests to S3 and statements to Redshift each task of a daily run makes, and what they cost.

The counts are exact, with the driver's own `begin` and `commit`. The daily run is that of a second day, once as the
sandbox is, and once with 40 ms added to each S3 request and 30 ms to each statement, as at AWS; Airflow's own time is
left out of both.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from botocore.httpsession import URLLib3Session
from redshift_connector.core import Connection

from benchmarks.figures import Figure, say
from benchmarks.sandboxed import connected
from include.clock import utc_now
from include.settings import Settings
from sandbox.services import start

_LATENCY = ("--s3-latency", "0.04", "--statement-latency", "0.03")
_MOST = 1.5
_DATASETS = (("events", "ticketmaster"), ("songs", "lastfm"))


class Day:
    """What the tasks of one day sent, and how long they took."""

    def __init__(self) -> None:
        self._sent: list[tuple[str, str]] = []  # a list, because threads append to it and count nothing twice
        self._task = ""
        self.seconds: dict[str, float] = {}

    @property
    def requests(self) -> Counter[str]:
        """Requests to S3, by task."""
        return Counter(task for what, task in self._sent if what == "request")

    @property
    def statements(self) -> Counter[str]:
        """Statements to Redshift, by task."""
        return Counter(task for what, task in self._sent if what == "statement")

    def task(self, name: str, act: Callable[[], Any]) -> Any:
        """What the task returns."""
        self._task, started = name, time.monotonic()
        found = act()
        self.seconds[name] = time.monotonic() - started
        return found

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts what boto3 and the driver send until the block ends."""
        send: Any = URLLib3Session.send
        execute: Any = Connection.execute

        def counted_send(session: Any, request: Any) -> Any:
            self._sent.append(("request", self._task))
            return send(session, request)

        def counted_execute(connection: Any, *given: Any) -> Any:
            self._sent.append(("statement", self._task))
            return execute(connection, *given)

        with (
            mock.patch.object(URLLib3Session, "send", counted_send),
            mock.patch.object(Connection, "execute", counted_execute),
        ):
            yield


def measure(quick: bool) -> list[Figure]:
    """The counts of two days, and the time of one with and without latency."""
    size = ("--concerts", "300" if quick else "3000")
    # The songs of the second day are four times those of the first, which the audit warns of, with examples.
    _, second, third, fourth = _days(4, *size)
    _, far = _days(2, *size, *_LATENCY)
    return [
        _slower("daily run", second, far, tuple(second.seconds)),
        _slower("its tasks but the fetches", second, far,
                tuple(task for task in second.seconds if not task.startswith("fetch_"))),
        Figure("S3 requests of a daily run", fourth.requests.total(), third.requests.total(), "", "of the day before",
               at_most=1.1),
        Figure("statements of a daily run", fourth.statements.total(), third.statements.total(), "",
               "of the day before", at_most=1, at_least=1),
        Figure("statements of an audit that passes", fourth.statements["audit"], 60, "", "the limit", at_most=1),
        *_by_task("S3 requests", third.requests, fourth.requests),
        *_by_task("statements", third.statements, fourth.statements),
    ]  # fmt: skip


def _slower(what: str, near: Day, far: Day, tasks: tuple[str, ...]) -> Figure:
    def took(day: Day) -> float:
        return sum(day.seconds[task] for task in tasks)

    return Figure(
        f"{what} with 40 ms a request, 30 ms a statement",
        took(far),
        took(near),
        "s",
        "without",
        at_most=_MOST,
    )


def _by_task(what: str, before: Counter[str], after: Counter[str]) -> Iterator[Figure]:
    for task, count in before.items():
        # What is fetched and landed depends on the news of the day.
        exactly = None if task.startswith(("fetch_", "land_")) else 1
        yield Figure(
            f"{what} of {task}",
            after[task],
            count,
            "",
            "of the day before",
            at_most=exactly,
            at_least=exactly,
        )


def _days(number: int, *options: str) -> list[Day]:
    days: list[Day] = []
    with (
        tempfile.TemporaryDirectory(prefix="musician-benchmark-") as folder,
        start(Path(folder) / "home", *options) as services,
        connected(services, Path(folder)),
    ):
        settings = Settings.from_environment()
        for ago in reversed(range(number)):
            say(f"a daily run {' '.join(options)}")
            days.append(day := Day())
            with day.counting():
                ingestion_runs(day, settings, utc_now() - timedelta(days=ago))
                warehouse_run(day, settings)
    return days


def ingestion_runs(day: Day, settings: Settings, now: datetime) -> None:
    """The tasks of both ingestion DAGs, as Airflow runs them: each with clients of its own."""
    from include.ingestion.fetch import Fetched, fetch
    from include.ingestion.land import land
    from include.orchestration import connections
    from include.orchestration.ingestion import dataset

    def fetched(name: str, source: str) -> Fetched:
        async def asked() -> Fetched:
            connection = await connections.source_connection(source)
            return await fetch(dataset(name), connections.lake(settings), connection, settings, f"{now}", now)

        return asyncio.run(asked())

    def landed(name: str, run: str) -> None:
        land(dataset(name), connections.lake(settings), run, settings)

    for name, source in _DATASETS:
        run = day.task(f"fetch_{name}", partial(fetched, name, source)).run
        day.task(f"land_{name}", partial(landed, name, run))


def warehouse_run(day: Day, settings: Settings) -> None:
    """The tasks of `musician_warehouse`, which has one load to judge."""
    from include.orchestration import star
    from include.warehouse.tables import BUILT

    params: dict[str, Any] = {
        "rebuild": False,
        "until": None,
        "allow_missing": False,
        "retry": [],
        "accept": [],
    }
    dag_run = SimpleNamespace(dag_id="musician_warehouse", run_id="measured", conf={})
    found = day.task("find_load", partial(star.find_load, settings, dag_run, params)).xcom
    if found["load"] is None:
        raise RuntimeError(found["note"])
    for name, _ in _DATASETS:
        day.task(f"stage_{name}", partial(star.stage, settings, name, found))
    for table in BUILT:
        if table != "load_summary":  # the audit builds it
            day.task(f"build_{table}", partial(star.build, table, found))
    audited = day.task("audit", partial(star.judge, settings, found, dag_run.run_id))
    day.task("publish", partial(star.publish, found, audited))
