"""The dataset `events`: all concerts in the configured countries up to a horizon, from Ticketmaster."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from include.errors import ManifestInvalid
from include.ingestion.dataset import Dataset, Plan
from include.ingestion.responses import Responses
from include.lake import certificate
from include.lake.certificate import Certificate, Crawl, Scope
from include.lake.lake import Lake
from include.lake.manifests import Manifest
from include.lake.newest import newest_complete_events
from include.lake.parts import read_batches
from include.lake.raw import RawRun
from include.lake.runs import run_instant
from include.settings import Settings
from include.sources.rows import Tally
from include.sources.ticketmaster import crawler as ticketmaster
from include.sources.ticketmaster import search
from include.sources.ticketmaster.cuts import Cuts, planned_cuts
from include.sources.ticketmaster.look_up import Listed
from include.sources.ticketmaster.rows import EventRow
from include.sources.ticketmaster.run_rows import KeptResponse, run_rows
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import Page, Window

log = logging.getLogger(__name__)

_LONGEST_ID = 64
"""Bytes. An id that is longer, in a damaged part, would make a URL that no server accepts."""


class EventsPlan(Plan, frozen=True, kw_only=True):
    """What an events run decided to request."""

    planned_after: str | None
    """The run from whose windows the cuts were planned; None if there was no complete run."""
    cuts: Cuts


def _scope(settings: Settings) -> Scope:
    return Scope(settings.countries, horizon_days=settings.horizon_days)


def _plan(lake: Lake, scope: Scope, start: datetime) -> EventsPlan:
    earlier = _compared_with(lake, scope, start) or newest_complete_events(lake, start)
    if earlier is None:
        return EventsPlan(scope=scope, planned_after=None, cuts=Cuts())
    manifest, evidence = earlier
    planned = planned_cuts(evidence.windows, scope.countries, start, _end(scope, start))
    return EventsPlan(scope=scope, planned_after=manifest.run, cuts=planned)


def _compared_with(lake: Lake, scope: Scope, before: datetime) -> tuple[Manifest, Certificate] | None:
    """The newest complete run that covers the scope: a narrower one cannot say what should still be listed."""
    return newest_complete_events(lake, before, scope.countries, scope.horizon_days or 0)


def _end(scope: Scope, start: datetime) -> datetime:
    return start + timedelta(days=scope.horizon_days or 0)


def _horizon_date(scope: Scope, start: datetime) -> date:
    """The first date that is not over everywhere on Earth when the crawl's last window ends."""
    return (_end(scope, start) - timedelta(hours=12)).date()


def _listed(lake: Lake, run: str, scope: Scope, start: datetime) -> Listed:
    """The earlier run's events that a run with this scope, starting now, should list again (docs/history.md)."""
    first, last = (start + timedelta(hours=14)).date(), _horizon_date(scope, start)
    ids: set[str] = set()
    columns = {"event_id": str, "country_code": str, "local_date": date}
    for batch in read_batches(lake, lake.manifest("events", run), columns):
        dates, names = batch["local_date"], batch["event_id"]
        inside = pc.fill_null(pc.and_(pc.greater(dates, first), pc.less(dates, last)), True)
        ours = pc.is_in(batch["country_code"], pa.array(scope.countries))
        sane = pc.less_equal(pc.binary_length(names), _LONGEST_ID)
        ids.update(names.filter(pc.and_(sane, pc.and_(ours, inside))).to_pylist())
    return Listed(run, run_instant(run), ids)


def _listed_before(lake: Lake, plan: EventsPlan, start: datetime) -> tuple[Listed | None, str | None]:
    """The events of the newest complete run that can be read, or why those of a run that was there cannot."""
    run, why_not = plan.planned_after, None
    while run:
        try:
            return _listed(lake, run, plan.scope, start), None
        except ManifestInvalid as invalid:
            log.warning("%s is not compared with: %s", run, invalid)
            why_not = why_not or f"not compared with {run}: {invalid}"
            older = _compared_with(lake, plan.scope, run_instant(run))
            run = older[0].run if older else None
    return None, why_not


async def _crawl(lake: Lake, responses: Responses, plan: EventsPlan, start: datetime) -> Crawl:
    async def ask(window: Window, page: int, urgency: float) -> Page:
        return await responses.ask(search.request(window, page, urgency), search.read)

    crawler = ticketmaster.Crawler(ask)
    responses.outlook = lambda: (*crawler.progress(), "events")
    scope, end = plan.scope, _end(plan.scope, start)
    listed, why_not = await asyncio.to_thread(_listed_before, lake, plan, start)
    stretches = await crawler.run(scope.countries, start, end, plan.cuts, listed)
    reasons = tuple(
        f"{stretch.window.name()}: {'; '.join(stretch.reasons)}"
        for stretch in stretches
        if not stretch.complete
    )
    if listed is None and why_not:
        reasons += (why_not,)
    return Crawl(
        scope,
        complete=not reasons,
        reasons=reasons,
        horizon_date=_horizon_date(scope, start),
        planned_after=plan.planned_after,
        windows=tuple(_window_of(stretch, responses) for stretch in stretches),
    )


def _window_of(stretch: Stretch, responses: Responses) -> certificate.Window:
    window = stretch.window
    names = tuple(search.request(asked, page).name for asked, page in stretch.pages)
    return certificate.Window(
        name=window.name(),
        country=window.country,
        start=window.start,
        end=window.end,
        reported=stretch.reported,
        fetched=stretch.fetched,
        distinct=stretch.distinct,
        missing=stretch.missing,
        fluctuation=stretch.fluctuation,
        complete=stretch.complete,
        given_up=stretch.given_up,
        requests=responses.requests(names),
        responses=names,
    )


def _rows(raw: RawRun, crawl: Crawl, tally: Tally) -> Iterator[EventRow]:
    return run_rows(_kept(raw, crawl), crawl.scope.countries, run_instant(raw.run), tally)


def _kept(raw: RawRun, crawl: Crawl) -> Iterator[KeptResponse]:
    kept_in = [
        window for window in crawl.windows if not window.given_up
    ]  # other windows have the events of those
    with raw.reading_ahead(name for window in kept_in for name in window.responses) as read:
        for window in kept_in:
            for name in window.responses:
                kept = read(name)
                if kept.status == 200:  # otherwise the search was empty
                    country = kept.request.get("countryCode")
                    yield KeptResponse(name, window.name, country, kept.received_at, bytes(kept.body))


EVENTS = Dataset("events", search.KEY_PARAMETER, _scope, EventsPlan, _plan, _crawl, EventRow, _rows)
