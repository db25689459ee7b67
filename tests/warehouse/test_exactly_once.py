"""The star ends up the same, whatever dies, breaks or runs twice along the way."""

import multiprocessing
import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from functools import partial
from itertools import cycle
from typing import Any

import pytest

from include.errors import LoadSuperseded
from include.lake.lake import Lake
from include.orchestration import connections
from include.quality import audit as quality
from include.settings import Settings
from include.warehouse import load as warehouse
from include.warehouse import next_load
from include.warehouse.pairing import Load
from include.warehouse.parking import Verdict
from include.warehouse.rebuild import rebuild
from include.warehouse.tables import BUILT, create_tables, ensure_tables
from include.warehouse.transactions import transaction
from sandbox.services import Services
from tests.support.snapshots import (
    ROLE,
    Artist,
    Concert,
    build_load,
    engine,
    judged_at,
    land_events,
    land_songs,
    pending_loads,
    publish_pending,
    rows,
    star,
)

LOADS = 10
KILLS = 5
"""In each load."""
NOW = datetime(2026, 12, 1, tzinfo=UTC)
FORK = multiprocessing.get_context("fork")
TASKS = [
    "find_load",
    "stage_events",
    "stage_songs",
    *(f"build_{table}" for table in BUILT[:-1]),
    "publish",
]


def land(lake: Lake, days: int) -> None:
    """That many days of both sources: concerts appear, disappear and change; songs gain plays."""
    draw = random.Random(4)
    status = {f"e{n}": "onsale" for n in range(40)}
    for day in range(days):
        run = date.fromordinal(date(2026, 10, 1).toordinal() + day).isoformat()
        for concert in draw.sample(sorted(status), 6):
            status[concert] = draw.choice(["onsale", "offsale", "cancelled", "rescheduled"])
        listed = [name for name in status if draw.random() > 0.05]
        land_events(
            lake,
            f"{run}T060000Z",
            [Concert(name, [f"Artist {int(name[1:]) % 7}", "Opener"], status[name]) for name in listed],
        )
        land_songs(lake, f"{run}T070000Z", [Artist(f"Artist {n}", plays=1000 + day) for n in range(9)])


def perform(task: str, load: Load, lake: Lake, redshift: Any) -> None:
    """One task of the DAG."""
    if task == "find_load":
        ensure_tables(redshift)
        if loads := pending_loads(redshift, lake):
            next_load.begin(redshift, lake, loads[0], judged_at(loads[0]))
    elif task.startswith("stage_"):
        warehouse.stage(redshift, lake, load, task.removeprefix("stage_"), ROLE)
    elif task.startswith("build_"):
        warehouse.build(redshift, load, task.removeprefix("build_"))
    elif task == "audit":
        warehouse.build(redshift, load, "load_summary")
        assert quality.audit(lake, load, engine(), kept_runs=3, judged_at=judged_at(load)).success
    else:
        warehouse.publish(redshift, load)


def perform_alone(task: str, load: Load, bucket: str) -> None:
    """One task of the DAG as its process performs it, with connections of its own."""
    with closing(connections.redshift()) as redshift:
        perform(task, load, connections.lake(Settings(bucket=bucket)), redshift)


def kill(task: str, load: Load, bucket: str, after: float) -> None:
    """Performs a task in a process of its own and kills the process after that many seconds."""
    process = FORK.Process(target=perform_alone, args=(task, load, bucket))
    process.start()
    process.join(after)
    process.kill()
    process.join()


def content(redshift: Any) -> dict[str, Any]:
    """Everything that a reader of dwh can see."""
    ledger = rows(
        redshift,
        "select dataset, run, state, reason, manifest_url, record_count, changes, snapshot_date, judged_at, "
        "loaded_with, scope, is_complete, is_addition, is_accepted "
        "from dwh.load_ledger order by dataset, run",
    )
    return star(redshift) | {"load_ledger": ledger}


def drop(redshift: Any) -> None:
    with transaction(redshift) as cursor:
        for schema in ("analytics", "dwh", "audit", "staging"):
            cursor.execute(f"drop schema if exists {schema} cascade")


def test_killing_a_task_anywhere_leaves_the_star_of_an_undisturbed_run(redshift: Any, lake: Lake) -> None:
    """Fifty tasks in ten loads: each one's process is killed at a random point of its work, and the task retried."""
    land(lake, LOADS)
    create_tables(redshift)
    plan = pending_loads(redshift, lake)
    took: dict[str, float] = {"audit": 4.0}
    for task in TASKS:
        started = time.monotonic()
        perform_alone(task, plan[0], lake.bucket.name)
        took[task] = time.monotonic() - started
    for load in plan[1:]:
        for task in TASKS:
            perform(task, load, lake, redshift)
    undisturbed = content(redshift)
    drop(redshift)
    draw = random.Random(50)
    targets = cycle([*TASKS, "audit"])
    for load in plan:
        killed = {next(targets) for _ in range(KILLS)}
        for task in [*TASKS[:-1], *(killed & {"audit"}), "publish"]:
            if task in killed:
                kill(task, load, lake.bucket.name, after=draw.uniform(0, 1.1) * took[task])
            perform(task, load, lake, redshift)
    assert content(redshift) == undisturbed


REBUILDS = 20


def rebuild_alone(bucket: str) -> None:
    """A rebuild as its process performs it."""
    with closing(connections.redshift()) as redshift:
        rebuild(
            redshift,
            connections.lake(Settings(bucket=bucket)),
            now=NOW,
            copy_role_arn=ROLE,
            judge=lambda connection, load: Verdict(),
        )


def test_killing_a_rebuild_anywhere_leaves_the_old_star_or_the_new_one(redshift: Any, lake: Lake) -> None:
    """Twenty rebuilds, each killed at a random point, of a lake in which a run was landed again."""
    late = "2026-10-01T120000Z"
    land(lake, 2)
    create_tables(redshift)
    publish_pending(redshift, lake)

    def land_late(status: str) -> None:
        land_events(lake, late, [Concert("e1", ["Artist 1"], status)], complete=False)

    stars: dict[str, dict[str, Any]] = {}
    for status in ("postponed", "cancelled", "rescheduled"):
        land_late(status)
        started = time.monotonic()
        rebuild_alone(lake.bucket.name)
        took = time.monotonic() - started
        stars[status] = star(redshift)
    assert stars["postponed"] != stars["cancelled"] != stars["rescheduled"] != stars["postponed"]
    draw = random.Random(20)
    current = "rescheduled"
    for _ in range(REBUILDS):
        landed = draw.choice([status for status in stars if status != current])
        land_late(landed)
        process = FORK.Process(target=rebuild_alone, args=(lake.bucket.name,))
        process.start()
        process.join(draw.uniform(0, 1.1) * took)
        process.kill()
        process.join()
        seen = star(redshift)
        assert seen in (stars[current], stars[landed])
        current = landed if seen == stars[landed] else current
    rebuild_alone(lake.bucket.name)
    assert star(redshift) == stars[landed]
    assert pending_loads(redshift, lake) == []


class Cutter(threading.Thread):
    """A connection to the server that breaks at a COMMIT: before it is sent, or before its response is read."""

    def __init__(self, server: tuple[str, int], when: str) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.when = when
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def run(self) -> None:
        client, _ = self.listener.accept()
        server = socket.create_connection(self.server)

        lost = threading.Event()

        def answers() -> None:
            with suppress(OSError):
                while data := server.recv(65536):
                    if not lost.is_set():
                        client.sendall(data)

        threading.Thread(target=answers, daemon=True).start()
        prepared = False  # the driver prepares COMMIT first, and executes it with its next message
        with suppress(OSError):
            while data := client.recv(65536):
                if self.when == "before" and b"commit" in data.lower():
                    break
                if prepared:
                    lost.set()
                    server.sendall(data)
                    time.sleep(0.3)  # the server commits; its answer never arrives
                    break
                prepared = b"commit" in data.lower()
                server.sendall(data)
        for end in (client, server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_lost_around_commit_publishes_once(
    redshift: Any, lake: Lake, services: Services, when: str
) -> None:
    import redshift_connector

    land(lake, 1)
    create_tables(redshift)
    load = pending_loads(redshift, lake)[0]
    build_load(redshift, lake, load)
    cutter = Cutter((services.redshift["host"], services.redshift["port"]), when)
    cutter.start()
    broken = redshift_connector.connect(**services.redshift | {"port": cutter.port}, ssl=False)
    with pytest.raises(Exception):  # noqa: B017 - whatever the driver makes of a lost connection
        warehouse.publish(broken, load)
    cutter.join(5)
    committed = rows(redshift, "select count(*) from dwh.load_ledger")[0][0]
    assert committed == (2 if when == "after" else 0)
    changes = warehouse.publish(redshift, load)
    assert changes["dim_concerts"]["unchanged"] == 0
    first = content(redshift)
    drop(redshift)
    create_tables(redshift)
    build_load(redshift, lake, load)
    warehouse.publish(redshift, load)
    assert first == content(redshift)


def keep_trying(task: Callable[[], None]) -> None:
    """Retries a task as Airflow does, unless the load has moved on without it."""
    for _ in range(20):
        try:
            task()
        except LoadSuperseded:
            return
        except Exception:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("twenty tries failed")


def whole_runs(bucket: str) -> None:
    """Runs until nothing is pending, as Airflow would: each task is retried when it fails."""
    lake = connections.lake(Settings(bucket=bucket))
    with closing(connections.redshift()) as redshift:
        while loads := pending_loads(redshift, lake):
            for task in TASKS:
                keep_trying(partial(perform, task, loads[0], lake, redshift))


def test_a_load_that_begins_again_never_half_describes_its_runs(
    redshift: Any, lake: Lake, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run of the same load may be building from that description."""
    land(lake, 1)
    create_tables(redshift)
    load = pending_loads(redshift, lake)[0]
    next_load.begin(redshift, lake, load, judged_at(load))
    read, seen = Lake.certificate, []
    one_at_a_time = threading.Lock()  # both runs are read at once, and a connection serves one thread

    def read_and_look(self: Lake, dataset: str, run: str) -> Any:
        with one_at_a_time:
            described = rows(beside, "select count(*) from audit.current_runs where countries is not null")
        seen.append(described[0][0])
        return read(self, dataset, run)

    monkeypatch.setattr(Lake, "certificate", read_and_look)
    with closing(connections.redshift()) as beside:
        next_load.begin(redshift, lake, load, judged_at(load))
    assert seen == [2, 2]


def test_two_concurrent_runs_end_in_the_same_star(redshift: Any, lake: Lake) -> None:
    land(lake, 6)
    create_tables(redshift)
    whole_runs(lake.bucket.name)
    alone = content(redshift)
    drop(redshift)
    create_tables(redshift)
    runs = [FORK.Process(target=whole_runs, args=(lake.bucket.name,)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
    assert [run.exitcode for run in runs] == [0, 0]
    assert content(redshift) == alone
