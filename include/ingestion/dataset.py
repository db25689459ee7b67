"""What the ingestion must know of a dataset: how its run is asked for, and how rows are made of it."""

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
    """What a run decided to ask before it asked anything; every try of the run keeps to it."""

    scope: Scope


AnyPlan = TypeVar("AnyPlan", bound=Plan)


@dataclass(frozen=True, slots=True)
class Dataset(Generic[AnyPlan]):
    """A dataset and the functions by which `fetch` and `land` bring it into the lake."""

    name: str
    """`events` or `songs`."""
    key_parameter: str
    """The query parameter that carries the API key."""
    scope: Callable[[Settings], Scope]
    plan_type: type[AnyPlan]
    plan: Callable[[Lake, Scope, datetime], AnyPlan]
    """Plans the run of this instant."""
    crawl: Callable[[Lake, Responses, AnyPlan, datetime], Awaitable[Crawl]]
    """Asks all that was planned for the run of this instant."""
    row_type: type[msgspec.Struct]
    rows: Callable[[RawRun, Crawl, Tally], Iterator[msgspec.Struct]]
    """Makes rows of the kept responses and tells the tally what became none. Raises `UnexpectedPayload`."""
    may_store: int | None = None
    """Bytes of the source's data that its terms let the bucket hold; None if they say nothing."""
