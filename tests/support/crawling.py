"""Crawls of the Ticketmaster stand-in through the client, and what became of its events."""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from include.lake import certificate
from include.sources.client.http import Client
from include.sources.client.messages import Backoff, Request, Response
from include.sources.rows import Tally
from include.sources.ticketmaster import search
from include.sources.ticketmaster.crawler import Crawler
from include.sources.ticketmaster.cuts import Cuts, planned_cuts
from include.sources.ticketmaster.look_up import Listed
from include.sources.ticketmaster.run_rows import KeptResponse, run_rows
from include.sources.ticketmaster.stretch import Stretch
from include.sources.ticketmaster.windows import Page, Window
from sandbox.ticketmaster.changed_catalog import crowded
from sandbox.ticketmaster.oddities import reported
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.ticketmaster.search import EventSearch
from sandbox.world.catalog import Catalog
from tests.support.stand_ins import api

TODAY = date(2026, 11, 22)
START = datetime(2026, 11, 22, tzinfo=UTC)
DAY, DAYS = timedelta(days=1), 365
COUNTRIES = ("US", "GB")


@dataclass(frozen=True)
class Outcome:
    """What became of a crawl."""

    stretches: list[Stretch]
    met: Counter[str]
    """The events of the rows, each counted once per row of its first artist."""
    requests: int
    failed: int = 0
    counted: frozenset[str] = frozenset()
    """Events without a row of which some response's total says that there must be more than have rows."""

    @property
    def complete(self) -> bool:
        return all(stretch.complete for stretch in self.stretches)

    def lost(
        self, catalog: Catalog, but: AbstractSet[str] = frozenset(), after: datetime = START
    ) -> set[str]:
        there = catalog.concert_ids(dated=False) | catalog.concert_ids(after=after, before=START + DAYS * DAY)
        return there - set(self.met) - but

    @property
    def doubled(self) -> int:
        return sum(count > 1 for count in self.met.values())


async def crawled(
    catalog: Catalog,
    cuts: Cuts | None = None,
    start: datetime = START,
    tries: int = 4,
    listed: Listed | None = None,
    patience: float = 5,
    **options: Any,
) -> Outcome:
    """A crawl through the client, and the rows of what it kept."""
    kept: dict[str, tuple[int, str | None, datetime, bytes]] = {}

    async with api("ticketmaster", catalog, bulk="light", **options) as source:
        where = source.connection
        client = Client(
            "ticketmaster", where.base_url, "apikey", where.key, 1_000, Backoff(tries, 0.001, 0.01), patience
        )

        async def ask(window: Window, page: int, urgency: float) -> Page:
            request: Request = search.request(window, page, urgency)

            def read(response: Response) -> Page:
                found = search.read(response)
                country = request.params.get("countryCode")
                kept[request.name] = (response.status, country, response.received_at, response.body)
                return found

            assert request.name not in kept, "asked twice under one name"
            async with client.get(request, read) as (_, found):
                return found

        async with client:
            end = START + timedelta(days=DAYS)
            stretches = await Crawler(ask).run(COUNTRIES, start, end, cuts, listed)
        requests = await source.requests()
    responses = [
        KeptResponse(name, stretch.window.name(), country, received_at, body)
        for stretch in stretches
        if not stretch.given_up
        for name, (status, country, received_at, body) in (
            (name, kept[name])
            for name in (search.request(window, page).name for window, page in stretch.pages)
        )
        if status == 200
    ]
    rows = run_rows(responses, COUNTRIES, START, Tally(lambda *_: None))
    met = Counter(row.event_id for row in rows if row.artist_position in (None, 1))
    failed = sum(request["status"] == 500 for request in requests)
    return Outcome(stretches, met, len(requests), failed, counted(catalog, options, requests, set(met)))


def counted(
    catalog: Catalog, chosen: dict[str, Any], requests: list[dict[str, Any]], landed: set[str]
) -> frozenset[str]:
    """The events without a row that some response's total proves to be missing."""
    options = TicketmasterOptions(**chosen)
    world = crowded(catalog, options)
    if catalog.concert_ids() <= landed:
        return frozenset()
    search, missed = EventSearch(world), set[str]()
    for request in requests:
        if request["status"] == 200 and request["fault"] is None:
            number = request["number"]
            found = search.find(request["params"], options, number).rows
            ids = [world.concerts.ids[row].decode() for row in found]
            total = min(reported(world, options, len(found), number), options.total_cap or len(found))
            if total > sum(name in landed for name in ids):
                missed |= set(ids) - landed
    return frozenset(missed)


def certified(stretches: Sequence[Stretch]) -> list[certificate.Window]:
    """The windows as the certificate of the crawl has them."""
    return [
        certificate.Window(
            name=stretch.window.name(),
            country=stretch.window.country,
            start=stretch.window.start,
            end=stretch.window.end,
            reported=stretch.reported,
            given_up=stretch.given_up,
        )
        for stretch in stretches
    ]


async def next_day(catalog: Catalog, yesterday: Outcome, **options: Any) -> Outcome:
    """The next day's crawl, which knows what yesterday's listed."""
    cuts = planned_cuts(certified(yesterday.stretches), COUNTRIES, START + DAY, START + DAYS * DAY)
    still_to_come = catalog.concert_ids(dated=False) | catalog.concert_ids(after=START + 2 * DAY)
    listed = Listed("yesterday", START, set(yesterday.met) & still_to_come)
    return await crawled(catalog, cuts, START + DAY, listed=listed, **options)
