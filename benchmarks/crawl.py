"""What a crawl costs: requests per page of events, cold and warm, and memory."""

import json

from benchmarks.crawl_process import OneCrawl, in_own_process
from benchmarks.figures import Figure, say
from benchmarks.sandboxed import lake, sandbox
from benchmarks.timed_crawl import COUNTRIES, UNLIMITED, run_of

COLD = {10_000: 1.25, 230_000: 1.35}
"""The allowed ratio of a first crawl's requests to the smallest possible number, by the number of events."""
WARM = 1.15
"""The same for the next day's crawl, which knows how the events are distributed."""
MEMORY = (23_000, 230_000)
MEGABYTES = 400


def measure(quick: bool) -> list[Figure]:
    """Requests per page of events; memory of a large crawl compared with a small one's."""
    divisor = 10 if quick else 1
    figures, peaks = [], {}
    for events in sorted({*COLD, *MEMORY}):
        cold, warm = _crawls(events // divisor)
        peaks[events] = max(cold.peak_bytes, warm.peak_bytes) / 1e6
        if events not in COLD:
            continue
        for name, done, at_most in (("cold", cold, COLD[events]), ("warm", warm, WARM)):
            figures.append(
                Figure(
                    f"requests of a {name} crawl",
                    done.requests,
                    done.pages,
                    "",
                    f"pages that its {done.events:,} events fill",
                    at_most=at_most,
                )
            )
    small, large = (peaks[events] for events in MEMORY)
    few, many = (f"{events // divisor:,} events" for events in MEMORY)
    return [
        *figures,
        Figure(f"peak memory of a crawl of {many}", large, small, "MB", f"of {few}", at_most=1.2),
        Figure(f"peak memory of a crawl of {many}", large, MEGABYTES, "MB", "the limit", at_most=1),
    ]


def _crawls(events: int) -> tuple[OneCrawl, OneCrawl]:
    """A first crawl of a world with this many concerts, and the next day's."""
    with sandbox(
        *("--concerts", str(events), "--countries", ",".join(COUNTRIES)),
        *("--ticketmaster", json.dumps(UNLIMITED)),
    ) as running:
        bucket = lake(running, "benchmark").bucket.name
        say(f"first crawl of {events:,} events")
        first = in_own_process(running, bucket, run_of(0))
        say(f"{first}")
        say("next day's crawl")
        second = in_own_process(running, bucket, run_of(1))
        say(f"{second}")
        return first, second
