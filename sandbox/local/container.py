"""The sandbox for an Airflow started by other means: its services at fixed ports, and connections to them.

    python -m sandbox.local.container --home DIR --listen 0.0.0.0 --name sandbox --import [stand-ins' options]

The services themselves listen on free ports of 127.0.0.1, as always. This module forwards four fixed ports to
them and gives the warehouse's user a fixed password: never publish these ports. `--import` imports the
connections into Airflow's metadata database; AIRFLOW_CONN_… environment variables and existing connections
take precedence. `make sandbox` listens on 127.0.0.1; its connections are those of .env.sandbox.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg2

from sandbox.connections import connection_environment
from sandbox.services import Services, start

FIRST_PORT = 5439
"""Redshift's port; AWS, Ticketmaster and Last.fm have the next three."""

_PASSWORD = "sandbox-password"  # not a word used in addresses: Airflow masks it wherever it occurs
_IMPORT_SECONDS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.local.container", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the folder for everything it writes")
    parser.add_argument("--listen", required=True, help="the address to listen on, such as 0.0.0.0")
    parser.add_argument("--name", required=True, help="this container's host name on the network")
    parser.add_argument(
        "--first-port", type=int, default=FIRST_PORT, help="the first of four consecutive ports"
    )
    parser.add_argument(
        "--import", action="store_true", dest="imports", help="import the connections into Airflow"
    )
    given, options = parser.parse_known_args(arguments)
    with start(given.home, *options) as services:
        _set_password(services)
        offered = forwarded(services, given.name, given.first_port)
        file = given.home / "connections.json"
        file.write_text(json.dumps(airflow_connections(offered), indent=2))
        asyncio.run(_serve(services, offered, given.listen, file if given.imports else None))


def forwarded(services: Services, name: str, first_port: int = FIRST_PORT) -> Services:
    """The services as other containers reach them."""
    redshift, aws, ticketmaster, lastfm = range(first_port, first_port + 4)
    return replace(
        services,
        redshift={**services.redshift, "host": name, "port": redshift, "password": _PASSWORD},
        aws=replace(services.aws, endpoint_url=f"http://{name}:{aws}"),
        ticketmaster={**services.ticketmaster, "base_url": f"http://{name}:{ticketmaster}"},
        lastfm={**services.lastfm, "base_url": f"http://{name}:{lastfm}"},
    )


def airflow_connections(services: Services) -> dict[str, dict[str, object]]:
    """The connections by id, in the format of `airflow connections import`."""
    return {
        variable.removeprefix("AIRFLOW_CONN_").lower(): json.loads(connection)
        for variable, connection in connection_environment(services).items()
    }


def _addresses(services: Services) -> list[tuple[str, int]]:
    urls = (services.aws.endpoint_url, services.ticketmaster["base_url"], services.lastfm["base_url"])
    parts = [urlsplit(url) for url in urls]
    return [
        (services.redshift["host"], services.redshift["port"]),
        *((str(part.hostname), int(part.port or 80)) for part in parts),
    ]


def _set_password(services: Services) -> None:
    """The connections survive a restart of the container, so the password must not change."""
    connection = psycopg2.connect(
        host=services.postgres["host"],
        port=services.postgres["port"],
        dbname=services.redshift["database"],
        user=services.redshift["user"],
        password=services.redshift["password"],
    )
    with contextlib.closing(connection), connection, connection.cursor() as cursor:
        cursor.execute(f"alter role {services.redshift['user']} password %s", (_PASSWORD,))


async def _serve(services: Services, offered: Services, listen: str, connections: Path | None) -> None:
    """Forwards until SIGTERM or SIGINT, or until the services end by themselves."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        for inside, (_, port) in zip(_addresses(services), _addresses(offered), strict=True):
            server = await asyncio.start_server(functools.partial(_forward, inside), listen, port)
            stack.callback(server.close)
        names = ("Redshift", "AWS", "Ticketmaster", "Last.fm")
        where = (
            f"{name} {listen}:{port}" for name, (_, port) in zip(names, _addresses(offered), strict=True)
        )
        print(f"sandbox: ready: {', '.join(where)}", flush=True)
        if connections:
            importing = asyncio.create_task(_import(connections))
            stack.callback(importing.cancel)
        while not stop.is_set() and psutil.pid_exists(services.pid):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)


async def _forward(
    target: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(*target)
    except OSError:
        writer.close()
        return
    await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def _import(connections: Path) -> None:
    """Imports the connections Airflow does not have yet, as soon as its database has been migrated."""
    command = [sys.executable, "-m", "airflow", "connections", "import", str(connections)]
    while True:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode == 0:
            print("sandbox: Airflow has the connections to it", flush=True)
            return
        print(f"sandbox: Airflow's database is not ready yet: {output.decode()[-200:].strip()}", flush=True)
        await asyncio.sleep(_IMPORT_SECONDS)


if __name__ == "__main__":
    main()
