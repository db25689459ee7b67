"""What the ingestion needs to know about a dataset: how a run is fetched, and how it is turned into rows."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from include.ingestion.responses import Responses
from include.lake.certificate import Crawl, Scope
from include.lake.lake import Lake
from include.lake.raw import RawRun
from include.settings import Settings
from include.sources.rows import Tally


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run decided to request before its first request; every try of the run follows it."""

    scope: Scope


AnyPlan = TypeVar("AnyPlan", bound=Plan)


@dataclass(frozen=True, slots=True)
class Dataset(Generic[AnyPlan]):
    """A dataset and the functions with which `fetch` and `land` ingest it."""

    name: str
    """`events` or `songs`."""
    key_parameter: str
    """The query parameter for the API key."""
    scope: Callable[[Settings], Scope]
    plan_type: type[AnyPlan]
    plan: Callable[[Lake, Scope, datetime], AnyPlan]
    """Plans the run that begins at this instant."""
    crawl: Callable[[Lake, Responses, AnyPlan, datetime], Awaitable[Crawl]]
    """Requests everything planned for the run of this instant."""
    row_type: type[msgspec.Struct]
    rows: Callable[[RawRun, Crawl, Tally], Iterator[msgspec.Struct]]
    """Turns the kept responses into rows; the tally counts what became no row. Raises `UnexpectedPayload`."""
    max_stored: int | None = None
    """The most bytes of its data that the source's terms allow us to store; None if they set no limit."""
