"""Both API stand-ins on free ports of 127.0.0.1, over one seeded world."""

import argparse
import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from aiohttp import web

from sandbox.gateway import GatewayOptions, with_changes
from sandbox.lastfm import api as lastfm
from sandbox.lastfm.options import LastfmOptions
from sandbox.ticketmaster import api as ticketmaster
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.world.catalog import Catalog

_HOST = "127.0.0.1"


def parser() -> argparse.ArgumentParser:
    """Command-line options of the world and the stand-ins; defaults come from `Catalog` and the option classes."""
    options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    world = options.add_argument_group("the world behind both APIs")
    world.add_argument("--seed", type=int, help="each seed gives a different world")
    world.add_argument("--concerts", type=int, help="how many concerts Ticketmaster has")
    world.add_argument("--artists", type=int, help="how many artists exist")
    world.add_argument("--tracks-per-artist", type=int, help="the most songs an artist has")
    world.add_argument("--countries", type=lambda text: text.split(","), help="ISO codes, such as US,GB")
    world.add_argument("--days", type=int, help="how many days have concerts, from tomorrow on")
    world.add_argument(
        "--today", type=date.fromisoformat, help="the current date in that world, such as 2026-11-22"
    )
    behaviour = options.add_argument_group("how they respond")
    behaviour.add_argument("--latency", type=float, help="seconds that each response takes")
    listed = "or all of them as a JSON object; listed by python -m sandbox.options"
    for name, kind in (("ticketmaster", TicketmasterOptions), ("lastfm", LastfmOptions)):
        behaviour.add_argument(
            f"--{name}", action=_Behave, nargs="+", metavar="NAME=VALUE", const=kind(), help=listed
        )
    return options


class _Behave(argparse.Action):
    """Collects the options of a stand-in, and refuses those that it does not have."""

    def __call__(
        self, parser: argparse.ArgumentParser, given: argparse.Namespace, values: Any, flag: str | None = None
    ) -> None:
        try:
            for text in values:
                changes = getattr(given, self.dest, {}) | _changes(text)
                with_changes(self.const, changes)
                setattr(given, self.dest, changes)
        except ValueError as error:
            raise argparse.ArgumentError(self, str(error)) from None


def _changes(text: str) -> dict[str, Any]:
    """The options in `{"name": value, …}` or `name=value`, where the value is JSON or else a text."""
    if text.startswith("{"):
        changes: dict[str, Any] = json.loads(text)
        return changes
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text} is neither NAME=VALUE nor a JSON object")
    try:
        return {name: json.loads(value)}
    except ValueError:
        return {name: value}


@contextlib.contextmanager
def running(options: Sequence[str]) -> Iterator[dict[str, dict[str, Any]]]:
    """Serves both; yields `base_url` and `key` of `ticketmaster` and of `lastfm`."""
    world = vars(parser().parse_args(options))
    both = {"latency": world.pop("latency")} if "latency" in world else {}
    ticketmaster_options = with_changes(TicketmasterOptions(), both | world.pop("ticketmaster", {}))
    lastfm_options = with_changes(LastfmOptions(), both | world.pop("lastfm", {}))
    catalog = Catalog(**world)
    with (
        _served(ticketmaster.application(catalog, ticketmaster_options)) as ticketmaster_url,
        _served(lastfm.application(catalog, lastfm_options)) as lastfm_url,
    ):
        yield {
            "ticketmaster": _address(ticketmaster_url, ticketmaster_options),
            "lastfm": _address(lastfm_url, lastfm_options),
        }


def _address(url: str, options: GatewayOptions) -> dict[str, Any]:
    return {"base_url": url, "key": options.key}


@contextlib.contextmanager
def _served(application: web.Application) -> Iterator[str]:
    """Serves the application in a thread with its own event loop; yields its URL."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)

    async def listen() -> str:
        await runner.setup()
        await web.TCPSite(runner, _HOST, 0).start()
        return f"http://{_HOST}:{runner.addresses[0][1]}"

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(listen(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
