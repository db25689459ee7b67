"""The whole crawl, compared with the usual script: one request after another, with a sleep after each.

The script searches week by week, as the sources' own tutorials do, because no search shows more than 1,000
events; it reads each week page by page up to the reported number of pages.
"""

import json
import time
import urllib.parse
import urllib.request
from datetime import timedelta

from benchmarks.figures import Figure, say
from benchmarks.sandboxed import lake, sandbox
from benchmarks.timed_crawl import COUNTRIES, SETTINGS, crawl, reset, run_of
from include.lake.runs import run_instant
from sandbox.services import Services

EVENTS = 10_000
LATENCY = 0.2
SLEEP = 0.2


def measure(quick: bool) -> list[Figure]:
    """The seconds that both take, at 200 ms of latency."""
    events = EVENTS // 10 if quick else EVENTS
    with sandbox("--concerts", str(events), "--countries", ",".join(COUNTRIES)) as running:
        reset(running, latency=LATENCY)
        ours = crawl(running, lake(running, "benchmark"), run_of(0), requests_per_second=5)
        say(f"{ours}")
        reset(running, latency=LATENCY)
        started = time.perf_counter()
        requests, found = _usual_script(running)
        theirs = time.perf_counter() - started
        say(f"the usual script: {theirs:.1f} s, {requests} requests, {found:,} events")
    return [
        Figure(
            f"crawl of {ours.events:,} events, {LATENCY:g} s of latency",
            ours.seconds,
            theirs,
            "s",
            "usual script",
        ),
        Figure("its requests", ours.requests, requests, "", "usual script"),
    ]


def _usual_script(running: Services) -> tuple[int, int]:
    """Requests it took, and events it found."""
    requests, ids = 0, set()
    begin = run_instant(run_of(0))
    for country in COUNTRIES:
        for week in range(-(-SETTINGS.horizon_days // 7)):
            page, pages = 0, 1
            while page < pages:
                start = begin + timedelta(weeks=week)
                parameters = {
                    "apikey": running.ticketmaster["key"],
                    "countryCode": country,
                    "classificationName": "music",
                    "startDateTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                    "endDateTime": f"{start + timedelta(weeks=1):%Y-%m-%dT%H:%M:%SZ}",
                    "size": "200",
                    "page": str(page),
                }
                url = f"{running.ticketmaster['base_url']}/discovery/v2/events.json"
                with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(parameters)}") as response:
                    body = json.load(response)
                time.sleep(SLEEP)
                requests += 1
                pages = min(body["page"]["totalPages"], 5)
                ids |= {event["id"] for event in body.get("_embedded", {}).get("events", [])}
                page += 1
    return requests, len(ids)
