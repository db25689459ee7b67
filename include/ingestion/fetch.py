"""The first phase of an ingestion: requests everything for a run from its source and keeps every response.

A retried fetch requests only what it has no response to yet.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from include.errors import ManifestInvalid, SourceRejected
from include.ingestion.dataset import AnyPlan, Dataset
from include.ingestion.responses import Responses
from include.lake.bucket_setup import ensure_bucket
from include.lake.certificate import Crawl, Scope
from include.lake.lake import Begun, Lake
from include.lake.raw import RawRun
from include.lake.runs import is_in_future, run_id, run_instant
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from include.sources.client.http import Client
from include.sources.client.messages import Backoff
from include.sources.client.quota import Quota, Spent

log = logging.getLogger(__name__)

BACKOFF = Backoff()
"""The retries of both sources' clients."""
_RESUMABLE_FOR = timedelta(days=1)
"""An older run would give responses of different days the same date."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A run whose fetch is finished, in numbers for the log."""

    dataset: str
    run: str
    complete: bool
    requests: int
    """Sent by all tries, failed requests included."""
    reported: int
    distinct: int
    requests_sent: int = 0
    """By this try."""


async def fetch(
    dataset: Dataset[AnyPlan],
    lake: Lake,
    connection: SourceConnection,
    settings: Settings,
    dag_run: str,
    now: datetime,
    asked_again: int = 0,
) -> Fetched:
    """Requests what the settings ask of the dataset, and keeps the responses.

    The run is named by `now`, the instant at which it begins to look. A later try of the same DAG run resumes
    it, with its settings, if it has kept at least one response, is less than a day old, and no newer run has
    landed; otherwise, or if the source rejected a request and the settings have since been changed, the try begins
    a new run. A finished run is not fetched again. A try that has `asked_again` more often than the one that began
    the run begins a new one, whether or not the run is finished. Creates the bucket if it does not exist. Raises
    `SourceUnavailable`, `SourceRejected` or `QuotaSpent`.
    """
    started = time.monotonic()
    ensure_bucket(lake.bucket, settings.raw_retention_days)
    wanted = dataset.scope(settings)
    raw, plan = _begun_before(dataset, lake, wanted, dag_run, now, asked_again) or (None, None)
    if raw is not None and (done := _finished(lake, raw)) is not None:
        log.info("%s %s is already fetched; nothing is requested", raw.dataset, raw.run)
        return _fetched(raw, done)
    if raw is None or plan is None:
        raw, plan = _begin(dataset, lake, wanted, dag_run, now, asked_again)
    elif plan.scope != wanted:
        log.warning(
            "%s %s resumes with the settings of its first try: %s", raw.dataset, raw.run, plan.scope.text
        )
    run = raw.run
    async with Client(
        connection.id,
        connection.base_url,
        dataset.key_parameter,
        connection.key,
        connection.requests_per_second,
        BACKOFF,
        allow_http=connection.allow_http,
        quota=quota(lake, connection),
    ) as client:
        responses = Responses(raw, client)
        try:
            crawl = await dataset.crawl(lake, responses, plan, run_instant(run))
        except SourceRejected:
            raw.note_rejection()
            raise
    raw.put_crawl(crawl)
    log.info(
        "fetched %s %s in %.1f s: %d requests sent, %d responses received, %d kept from before, %s",
        dataset.name, run, time.monotonic() - started, client.sent, responses.received, responses.replayed,
        "complete" if crawl.complete else "not complete: " + "; ".join(crawl.reasons[:3]),
    )  # fmt: skip
    return replace(_fetched(raw, crawl), requests_sent=client.sent)


def _begun_before(
    dataset: Dataset[AnyPlan], lake: Lake, wanted: Scope, dag_run: str, now: datetime, asked_again: int
) -> tuple[RawRun, AnyPlan | None] | None:
    """The run of an earlier try and its plan, if this try may resume it or has nothing to do."""
    begun = lake.begun(dataset.name, dag_run)
    if begun is None:
        return None
    if asked_again > begun.asked_again:
        log.info("%s %s is fetched again, as a new run", dataset.name, begun.run)
        return None
    try:
        return _resumable(dataset, lake, begun.run, wanted, now)
    except ManifestInvalid as invalid:
        log.warning("%s %s cannot be resumed, so a new run begins: %s", dataset.name, begun.run, invalid)
        return None


def _resumable(
    dataset: Dataset[AnyPlan], lake: Lake, run: str, wanted: Scope, now: datetime
) -> tuple[RawRun, AnyPlan | None] | None:
    raw = lake.raw(dataset.name, run)
    landed = [each for each in lake.manifests(dataset.name) if not is_in_future(each, now)]
    if run in landed:
        return raw, None
    if not raw.names():
        raw.forget()  # nothing was received: plan again with the current settings
        return None
    if now - run_instant(run) >= _RESUMABLE_FOR or landed[-1:] > [run]:
        log.info("%s %s is too old to resume: a new run begins", dataset.name, run)
        return None
    plan = raw.plan(dataset.plan_type)
    if plan is not None and plan.scope != wanted and raw.has_rejection():
        log.info("%s %s was rejected, and the settings have changed: a new run begins", dataset.name, run)
        return None
    raw.crawl()  # raises if it cannot be read
    return raw, plan


def _finished(lake: Lake, raw: RawRun) -> Crawl | None:
    """The crawl, if an earlier try finished the fetch; of a landed run, the raw one may have expired."""
    if lake.has_manifest(raw.dataset, raw.run):
        return lake.certificate(raw.dataset, raw.run)
    return raw.crawl()


def _begin(
    dataset: Dataset[AnyPlan], lake: Lake, scope: Scope, dag_run: str, now: datetime, asked_again: int
) -> tuple[RawRun, AnyPlan]:
    """Begins a new run, named by this second or, if another DAG run has taken that, the next free one."""
    instant = now.replace(microsecond=0)
    while True:
        raw = lake.raw(dataset.name, run_id(instant))
        plan = dataset.plan(lake, scope, instant)
        if raw.begin(plan):
            lake.put_begun(dataset.name, dag_run, Begun(raw.run, asked_again))
            return raw, plan
        instant += timedelta(seconds=1)


def quota(lake: Lake, connection: SourceConnection) -> Quota | None:
    """What counts the calls of the connection's key, across processes; None if they are not limited."""
    if connection.daily_quota is None:
        return None
    key = f"quota/{connection.id}.json"
    try:
        spent = lake.bucket.get_json(key, Spent, "The day's calls are counted from 0 again.")
    except ManifestInvalid as invalid:
        log.warning("%s If the quota turns out to be used up, the run is resumed later.", invalid)
        spent = None

    async def save(spent: Spent) -> None:
        await asyncio.to_thread(lake.bucket.put_json, key, spent)

    return Quota(connection.id, connection.daily_quota, spent, save)


def _fetched(raw: RawRun, crawl: Crawl) -> Fetched:
    return Fetched(
        raw.dataset,
        raw.run,
        crawl.complete,
        sum(each.requests for each in crawl.requested),
        sum(each.reported for each in crawl.requested),
        sum(each.distinct for each in crawl.requested),
    )
