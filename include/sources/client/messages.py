"""What a source and the client exchange: requests, responses, and when to send a request again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from include.errors import PipelineError, SourceUnavailable


@dataclass(frozen=True, slots=True)
class Request:
    """One GET. `name` is unique within a run and the same in every try of the run."""

    name: str
    path: str
    params: Mapping[str, str]
    urgency: float = 0
    """Higher is sent first."""

    def __str__(self) -> str:
        return f"{self.path}?{urlencode(self.params)}"


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response. The API key is redacted from `body`, and bytes that are not UTF-8 are replaced."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    requests: int = 1
    """How many requests it took, failed ones included."""

    def excerpt(self) -> str:
        """The beginning of the body on one line, for messages."""
        return " ".join(self.body[:300].decode(errors="replace").split()) or "(empty body)"


def is_temporary(status: int) -> bool:
    """Whether a response with this HTTP status may be followed by a better one: 408, 425, 429 and 5xx."""
    return status in (408, 425, 429) or status >= 500


class Retry(Exception):
    """Raised by a `read` function when the same request may well succeed later.

    `patience` multiplies the wait. After the last try the caller gets a `finally_raise`.
    """

    def __init__(
        self, reason: str, *, patience: float = 1, finally_raise: type[PipelineError] = SourceUnavailable
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.patience = patience
        self.finally_raise = finally_raise


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often to retry and how long to wait, in seconds: 0.5, 1, 2, …, each shortened by up to half at random."""

    tries: int = 6
    first: float = 0.5
    longest: float = 60

    def wait(self, attempt: int, patience: float) -> float:
        """Seconds to wait after attempt number `attempt`, counted from 0."""
        return min(self.longest, self.first * patience * 2.0**attempt) * random.uniform(0.5, 1)
