"""The commands behind `make run`, `make up`, `make sandbox` and `make down`: the pipeline on this machine."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from sandbox import services
from sandbox.connections import connection_environment
from sandbox.local import airflow, container, summary
from sandbox.local.airflow import Airflow, AirflowNotStarted
from sandbox.local.airflow_client import AirflowError
from sandbox.local.airflow_environment import ROOT
from sandbox.local.home import KEEPER_LOG, HomeTaken, Owner, locked, owner, write_owner
from sandbox.local.run import WAREHOUSE, Pipeline, PipelineFailed, seconds
from sandbox.services import Services

UI_PORT = 8080
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STARTED = time.monotonic()


def main() -> int:
    parser = _parser({"-h", "--help"}.intersection(sys.argv))
    parser.add_argument(
        "command",
        choices=("run", "up", "sandbox", "down", "keep"),
        metavar="run|up|sandbox|down",
        help="run: once, then exit; up: the same, then keep running in the background; "
        "sandbox: only the stand-ins, at fixed ports, until interrupted; down: stop everything",
    )
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".sandbox", help="the folder for everything it writes"
    )
    given, passed = parser.parse_known_args()
    if passed:
        if given.command == "down":
            parser.error(f"unrecognized arguments: {' '.join(passed)}")
        _parser(True).parse_args(passed)  # to refuse wrong ones at once; the services read them again
    os.umask(0o077)  # nobody else may read what we and Airflow write
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # so that a pipe or file shows each line at once
    for signum in _INTERRUPTIONS:
        signal.signal(signum, _interrupt)
    home = given.home.resolve()
    try:
        if given.command == "down":
            return down(home)
        return {"run": run, "up": up, "sandbox": stand_ins, "keep": keep}[given.command](home, *passed)
    except KeyboardInterrupt:
        say("interrupted; everything that was started has been stopped")
        return 130


def _parser(with_behaviours: object) -> argparse.ArgumentParser:
    behaviours: dict[str, Any] = {}
    if with_behaviours:
        from sandbox import apis, options  # take a second to import

        behaviours = {"parents": [apis.parser()], "epilog": "\n".join(options.lines())}
    return argparse.ArgumentParser(
        prog="python -m sandbox",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **behaviours,
    )


def run(home: Path, *options: str) -> int:
    """Everything once, from nothing to the summary."""
    try:
        with locked(home, "run"):
            say("starting PostgreSQL, the Redshift, S3 and API stand-ins")
            with services.start(home, *options) as started, _starting_airflow(home, started, None) as server:
                failure = _pipeline(home, started, server)
                say("stopping everything")
            say("done" if failure is None else "stopped")
            return 0 if failure is None else 1
    except HomeTaken as taken:
        return _report_owner(home, taken.owner)
    except (AirflowNotStarted, RuntimeError) as failed:
        return _fail(str(failed))


def up(home: Path, *options: str) -> int:
    """The same in a background process (`keep`), which goes on running."""
    if (holder := owner(home)) is not None:
        return _report_owner(home, holder, if_up=1 if options else 0)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / KEEPER_LOG).open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "keep", "--home", str(home), *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    published = False
    try:
        say("starting PostgreSQL, the Redshift, S3 and API stand-ins, and Airflow: half a minute")
        while not ((holder := owner(home)) and holder.ready and holder.pid == keeper.pid):
            if keeper.poll() is not None:
                return _fail(Path(log.name).read_text(errors="replace").strip())
            time.sleep(0.25)
        server = Airflow.read(home)
        published = _pipeline(home, Services.read(home), server) is None
        if published:
            say(_address(server))
        return 0 if published else 1
    finally:
        if not published:
            keeper.terminate()
            keeper.wait()


def keep(home: Path, *options: str) -> int:
    """Keeps the services and Airflow running until it is stopped."""
    try:
        with (
            locked(home, "up") as holder,
            services.start(home, *options) as started,
            airflow.start(home, started, UI_PORT) as server,
        ):
            holder.ready = True
            write_owner(home, holder)
            while server.is_running() and psutil.pid_exists(started.pid):
                time.sleep(1)
    except KeyboardInterrupt:
        return 0
    except (HomeTaken, AirflowNotStarted, RuntimeError) as failed:
        return _fail(str(failed))
    return _fail("Airflow or the services ended by themselves.")


def stand_ins(home: Path, *options: str) -> int:
    """Only the services, at the ports in .env.sandbox, for an Airflow started by other means."""
    try:
        with locked(home, "sandbox"):
            container.main(["--home", str(home), "--listen", "127.0.0.1", "--name", "127.0.0.1", *options])
        say("stopped")
        return 0
    except HomeTaken as taken:
        return _report_owner(home, taken.owner)
    except (OSError, RuntimeError) as failed:  # a port is taken, or a service does not start
        return _fail(str(failed))


def down(home: Path) -> int:
    """Stops whatever is running in this home, however it was started; no error if nothing is."""
    holder = owner(home)
    if holder is None:
        left = airflow.stop(home)
        say("stopped what a killed sandbox left running" if left else "nothing is running")
        return 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(holder.pid)
        process.terminate()
        process.wait(60)
    say("stopped")
    return 0


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}")


@contextmanager
def _starting_airflow(home: Path, started: Services, port: int | None) -> Iterator[Airflow]:
    say(f"starting Airflow, which takes half a minute (its log: {home / 'logs' / 'airflow.log'})")
    with airflow.start(home, started, port) as server:
        yield server


def _pipeline(home: Path, started: Services, server: Airflow) -> str | None:
    """Runs the pipeline and prints the outcome; returns the error if it failed."""
    ready = time.monotonic()
    client = server.client()
    environment: Mapping[str, str] = {**connection_environment(started), **os.environ}
    say("Airflow is ready")

    def is_running() -> bool:
        return server.is_running() and psutil.pid_exists(started.pid)

    try:
        runs = Pipeline(client, home / "logs" / "tasks", is_running, say).run()
    except (PipelineFailed, AirflowError) as failed:
        say(f"FAILED\n\n{failed}")
        docs = summary.fetch_data_docs(environment, home)
        print(f"Airflow's own log: {home / 'logs' / 'airflow.log'}")
        print(f"Data docs: {docs}\n" if docs else "")
        return str(failed)
    audit = client.returned(WAREHOUSE, runs[WAREHOUSE]["dag_run_id"], "audit") or {}
    docs = summary.fetch_data_docs(environment, home)
    print(f"\n{summary.warehouse(environment)}\n")
    print(f"Expectations  {audit.get('passed', '?')} passed, {audit.get('failed', '?')} failed")
    print(f"Data docs     {docs or 'none were published'}")
    stages = {"start": ready - STARTED, **{dag_id: seconds(run) for dag_id, run in runs.items()}}
    print("Seconds       " + ", ".join(f"{name} {took:.1f}" for name, took in stages.items()) + "\n")
    return None


def _report_owner(home: Path, holder: Owner | None, if_up: int = 1) -> int:
    """Says what is already running in the home. Returns the exit status: `if_up` for a sandbox that is up."""
    if holder is not None and holder.command == "up" and holder.ready:
        say(_address(Airflow.read(home)))
        say("it is already up; `make down` stops it")
        return if_up
    command = holder.command if holder else "run"
    what = "is being started by `make up`" if command == "up" else f"is already running (`make {command}`)"
    return _fail(
        f"A sandbox {what} in {home}, process {holder.pid if holder else '?'}: wait for it or stop it."
    )


def _address(server: Airflow) -> str:
    return f"Airflow: {server.url}  user admin, password {server.password}  (`make down` stops it)"


def _fail(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


def _interrupt(signum: int, frame: FrameType | None) -> None:
    for each in _INTERRUPTIONS:  # a second Ctrl-C must not interrupt the clean-up
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
