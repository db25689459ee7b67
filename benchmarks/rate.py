"""How much of the allowed rate a crawl uses, and that it never exceeds it."""

from bisect import bisect_left

from benchmarks.figures import Figure, say
from benchmarks.sandboxed import lake, sandbox
from benchmarks.timed_crawl import COUNTRIES, crawl, request_times, reset, run_of

ALLOWED = 5
"""Requests per second that Ticketmaster allows."""
EVENTS = 30_000
LATENCIES = (0.2, 2.0)
"""Seconds until a response arrives."""


def measure(quick: bool) -> list[Figure]:
    """For each latency, the sustained rate and the most requests in any second, compared with the allowed rate."""
    figures = []
    events = EVENTS // 10 if quick else EVENTS
    with sandbox("--concerts", str(events), "--countries", ",".join(COUNTRIES)) as running:
        for number, latency in enumerate(LATENCIES):
            reset(running, latency=latency)
            say(f"crawl of {events:,} events at {ALLOWED} requests a second, responses after {latency:g} s")
            crawl(running, lake(running, f"benchmark-{number}"), run_of(0), ALLOWED)
            times = request_times(running)
            # Until the first responses arrive, a crawl does not know what else to request.
            steady = [at for at in times if at >= times[0] + 2 * latency]
            about = f"at {latency:g} s of latency"
            figures += [
                Figure(
                    f"requests a second {about}, once under way",
                    (len(steady) - 1) / (steady[-1] - steady[0]),
                    ALLOWED,
                    "/s",
                    "allowed",
                    at_least=0.95,
                ),
                Figure(
                    f"most in any second {about}", _most_in_a_second(times), ALLOWED, "", "allowed", at_most=1
                ),
            ]
    return figures


def _most_in_a_second(times: list[float]) -> int:
    return max(bisect_left(times, start + 1) - place for place, start in enumerate(times))
