"""What a run of the warehouse works on: the oldest pending load that can be read.

Along the way, pending runs that are late or dated in the future are recorded in the ledger. A run whose manifest,
certificate or rejected records cannot be read is parked, and the next load is tried. A published run that cannot be
read is not used as context: the next newest is.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.errors import ContextInvalid, ManifestInvalid
from include.lake.lake import Lake
from include.warehouse import ledger
from include.warehouse.load import begin, find_loads
from include.warehouse.loads import Ledger, Load, other
from include.warehouse.transactions import transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """The load that has begun, and whatever else was found in the lake."""

    load: Load | None
    """None if nothing is waiting that can be loaded."""
    waiting: int
    """How many loads are waiting behind it."""
    late: Sequence[tuple[str, str]]
    """Datasets and runs that were recorded as late."""
    parked: Sequence[str]
    """Why runs were parked."""


def begin_next(connection: Any, lake: Lake, now: datetime) -> Found:
    """Begins the oldest pending load that can be read.

    Raises `ContextInvalid` if every pending run is waiting for a published run that cannot be read.
    """
    manifests = ledger.landed(lake)
    late = ledger.note_late(connection, lake, manifests, now)
    parked = ledger.park_early(connection, lake, manifests, now)
    unreadable: dict[tuple[str, str], ContextInvalid] = {}
    while loads := find_loads(manifests, _ledger(connection), lake, unreadable):
        try:
            begin(connection, lake, loads[0], now)
        except ContextInvalid as error:
            log.warning("%s", error)
            context = other(loads[0].pending[0])
            unreadable[context, loads[0].run(context)] = error
            continue
        except ManifestInvalid as error:  # `begin` has parked a pending run, so there is one less
            log.warning("parked: %s", error)
            parked.append(str(error))
            continue
        return Found(loads[0], len(loads) - 1, late, parked)
    if unreadable:
        raise next(iter(unreadable.values()))
    return Found(None, 0, late, parked)


def _ledger(connection: Any) -> Ledger:
    with transaction(connection) as cursor:
        return ledger.read_ledger(cursor)
