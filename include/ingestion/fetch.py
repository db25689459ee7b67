"""What the fetches of both sources have in common: one client, one count of calls, one end."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from include.ingestion.recorder import Recorder
from include.lake.runs import Lake
from include.orchestration.connections import SourceConnection
from include.settings import Settings
from include.sources.client.http import Backoff, Client
from include.sources.client.quota import Quota, Spent

log = logging.getLogger(__name__)

BACKOFF = Backoff()
"""How patient both sources' clients are."""
_ASKED = ("countries", "horizon_days", "artists_per_country", "tracks_per_artist", "touring_artists")
"""The settings that say what is asked."""


class Fetch:
    """One try to fetch one run of a dataset."""

    def __init__(self, lake: Lake, dataset: str, run: str) -> None:
        self.raw = lake.raw(dataset, run)
        self._lake = lake
        self._started = time.monotonic()
        self._client: Client
        self._recorder: Recorder

    def begin(self, settings: Settings, ask_again: bool) -> dict[str, Any] | None:
        """The summary, if an earlier try brought the fetch to its end; unless it is to be asked again.

        Creates the bucket if there is none.
        """
        self._lake.objects.ensure(settings.raw_retention_days)
        dataset, run = self.raw.dataset, self.raw.run
        crawl = self.raw.crawl()
        if ask_again:
            if crawl is not None:
                log.info("%s %s is asked again; what it had is forgotten", dataset, run)
                self.raw.forget()
            return None
        if crawl is None and self._lake.has_manifest(dataset, run):
            crawl = self._lake.certificate(dataset, run)  # its raw answers have expired
        if crawl is None:
            return None
        log.info("%s %s was fetched before; nothing is asked", dataset, run)
        return _summary(dataset, run, crawl) | {"requests_sent": 0}

    def plan(self, settings: Settings, make: Callable[[], dict[str, Any]]) -> tuple[Settings, dict[str, Any]]:
        """The settings and the beginning of the run: as its first try decided, or else as `make` decides now.

        Answers to other questions than the first try's would not fit together with those that are kept.
        """
        plan = self.raw.plan()
        if plan is None:
            plan = {"settings": {name: getattr(settings, name) for name in _ASKED}, **make()}
            self.raw.put_plan(plan)
        kept = settings.with_params(plan.get("settings", {}))
        if kept != settings:
            log.warning(
                "%s %s goes on with the settings of its first try: %s",
                self.raw.dataset, self.raw.run, plan.get("settings"),
            )  # fmt: skip
        return kept, plan

    @asynccontextmanager
    async def recording(
        self, connection: SourceConnection, key_parameter: str, outlook: Callable[[], tuple[int, int, str]]
    ) -> AsyncIterator[Recorder]:
        """A recorder that asks the source. `outlook` is as for `Recorder`."""
        async with Client(
            connection.id,
            connection.base_url,
            key_parameter,
            connection.key,
            connection.requests_per_second,
            BACKOFF,
            quota=self._quota(connection),
        ) as self._client:
            self._recorder = Recorder(self.raw, self._client, outlook)
            yield self._recorder

    def _quota(self, connection: SourceConnection) -> Quota | None:
        if connection.daily_quota is None:
            return None
        key = f"quota/{connection.id}.json"
        known = self._lake.objects.get_json(key)
        spent = msgspec.convert(known, Spent) if known else None

        async def save(spent: Spent) -> None:
            await asyncio.to_thread(self._lake.objects.put_json, key, msgspec.to_builtins(spent))

        return Quota(connection.id, connection.daily_quota, spent, save)

    def finish(
        self, about: dict[str, Any], windows: Sequence[dict[str, Any]], reasons: Sequence[str]
    ) -> dict[str, Any]:
        """Says that the fetch is over; its summary. `reasons` are why it is not complete."""
        dataset, run = self.raw.dataset, self.raw.run
        spent = self._recorder.requests
        counted = [
            {**window, "requests": sum(spent[name] for name in window["answers"])} for window in windows
        ]
        crawl = {**about, "complete": not reasons, "reasons": list(reasons), "windows": counted}
        self.raw.put_crawl(crawl)
        log.info(
            "fetched %s %s in %.1f s: %d requests sent, %d answers received, %d kept from before, %s",
            dataset, run, time.monotonic() - self._started, self._client.sent, self._recorder.received,
            self._recorder.replayed, "not complete: " + "; ".join(reasons[:3]) if reasons else "complete",
        )  # fmt: skip
        return _summary(dataset, run, crawl) | {"requests_sent": self._client.sent}


def _summary(dataset: str, run: str, crawl: dict[str, Any]) -> dict[str, Any]:
    windows = crawl["windows"]
    return {
        "dataset": dataset,
        "run": run,
        "complete": crawl["complete"],
        "requests": sum(window.get("requests", 0) for window in windows),
        "reported": sum(window["reported"] for window in windows),
        "distinct": sum(window["distinct"] for window in windows),
    }
