"""The first phase of an ingestion: asks a source for all of a run and keeps every response.

A fetch that is tried again asks only what it has no response to.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, replace

import msgspec

from include.ingestion.dataset import AnyPlan, Dataset
from include.ingestion.responses import Responses
from include.lake.bucket_setup import ensure_bucket
from include.lake.certificate import Crawl
from include.lake.lake import Lake
from include.lake.raw import RawRun
from include.lake.runs import run_instant
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from include.sources.client.http import Backoff, Client
from include.sources.client.quota import Quota, Spent

log = logging.getLogger(__name__)

BACKOFF = Backoff()
"""How patient both sources' clients are."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A run whose fetch came to its end, in numbers for the log."""

    dataset: str
    run: str
    complete: bool
    requests: int
    """Spent by all tries, failed ones included."""
    reported: int
    distinct: int
    requests_sent: int = 0
    """By this try."""


async def fetch(
    dataset: Dataset[AnyPlan],
    lake: Lake,
    connection: SourceConnection,
    settings: Settings,
    run: str,
    ask_again: bool = False,
) -> Fetched:
    """Asks for all that the settings want of the dataset, and keeps the responses.

    Creates the bucket if there is none. A run that was fetched is left as it is, unless it is to be asked
    again. Raises `SourceUnavailable`, `SourceRejected` or `QuotaSpent`.
    """
    started = time.monotonic()
    ensure_bucket(lake.bucket, settings.raw_retention_days)
    raw = lake.raw(dataset.name, run)
    if (done := _finished(lake, raw, ask_again)) is not None:
        log.info("%s %s was fetched before; nothing is asked", dataset.name, run)
        return _fetched(raw, done)
    plan = _plan(dataset, lake, raw, settings)
    async with Client(
        connection.id,
        connection.base_url,
        dataset.key_parameter,
        connection.key,
        connection.requests_per_second,
        BACKOFF,
        quota=_quota(lake, connection),
    ) as client:
        responses = Responses(raw, client)
        crawl = await dataset.crawl(responses, plan, run_instant(run))
    raw.put_crawl(crawl)
    log.info(
        "fetched %s %s in %.1f s: %d requests sent, %d responses received, %d kept from before, %s",
        dataset.name, run, time.monotonic() - started, client.sent, responses.received, responses.replayed,
        "complete" if crawl.complete else "not complete: " + "; ".join(crawl.reasons[:3]),
    )  # fmt: skip
    return replace(_fetched(raw, crawl), requests_sent=client.sent)


def _finished(lake: Lake, raw: RawRun, ask_again: bool) -> Crawl | None:
    """What came of the fetch, if an earlier try brought it to its end; unless it is to be asked again."""
    crawl = raw.crawl()
    if ask_again:
        if crawl is not None:
            log.info("%s %s is asked again; what it had is forgotten", raw.dataset, raw.run)
            raw.forget()
        return None
    if crawl is None and lake.has_manifest(raw.dataset, raw.run):
        return lake.certificate(raw.dataset, raw.run)  # its raw responses have expired
    return crawl


def _plan(dataset: Dataset[AnyPlan], lake: Lake, raw: RawRun, settings: Settings) -> AnyPlan:
    """The plan of the run: as its first try decided, or else as it is decided now.

    Responses to other questions than the first try's would not fit together with those that are kept.
    """
    wanted = dataset.scope(settings)
    plan = raw.plan(dataset.plan_type)
    if plan is None:
        plan = dataset.plan(lake, wanted, run_instant(raw.run))
        raw.put_plan(plan)
    elif plan.scope != wanted:
        log.warning(
            "%s %s goes on with the settings of its first try: %s", raw.dataset, raw.run, plan.scope.text
        )
    return plan


def _quota(lake: Lake, connection: SourceConnection) -> Quota | None:
    if connection.daily_quota is None:
        return None
    key = f"quota/{connection.id}.json"
    known = lake.bucket.get_json(key)
    spent = msgspec.convert(known, Spent) if known else None

    async def save(spent: Spent) -> None:
        await asyncio.to_thread(lake.bucket.put_json, key, msgspec.to_builtins(spent))

    return Quota(connection.id, connection.daily_quota, spent, save)


def _fetched(raw: RawRun, crawl: Crawl) -> Fetched:
    return Fetched(
        raw.dataset,
        raw.run,
        crawl.complete,
        sum(asked.requests for asked in crawl.asked),
        sum(asked.reported for asked in crawl.asked),
        sum(asked.distinct for asked in crawl.asked),
    )
