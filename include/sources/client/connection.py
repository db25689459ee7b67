"""How a source is reached."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SourceConnection:
    """How to reach one API, and how much of it may be used."""

    id: str
    """The Airflow connection it was read from, which messages name."""
    base_url: str
    key: str = field(repr=False)
    requests_per_second: float = 5.0
    daily_quota: int | None = None
    """Calls within 24 hours; None if the source does not limit them."""
    allow_http: bool = False
    """Whether the key may travel unencrypted to another machine: only a sandbox's may."""
