"""How the stand-in for Last.fm behaves."""

from dataclasses import dataclass

from sandbox.gateway import GatewayOptions


@dataclass
class LastfmOptions(GatewayOptions):
    """How the stand-in behaves; wrong page sizes are options because it is not known when they happen."""

    requests_per_second: float | None = 5.0
    """Averaged over `limit_period`; requests above it get error 29. None: no limit."""
    limit_period: float = 300.0
    """Seconds over which requests are counted."""
    limit_status: int = 429
    """HTTP status of error 29; clients have also seen 200."""
    suspended: bool = False
    """Every request gets error 26."""
    halved_hundreds: float = 0.0
    """Share of artists for whom a limit of 100, 200, … yields only half as many songs."""
    doubled_pages: bool = False
    """Page n > 1 begins with the items of page n - 1, as observed in 2018."""
    repeat_after: int | None = None
    """After this many rows an artist's songs start over from the first."""
    total_factor: float = 1.0
    """The reported total is the real one times this."""
    total_as: str | None = None
    """Sent as every total, whatever the real one: an empty string, 1,234 or null."""
    single_as_object: bool = False
    """A list of one item is sent as that item, as was usual until 2016."""
    repeated_names: float = 0.0
    """Share of a chart's artists who appear twice, the second time in another case."""
