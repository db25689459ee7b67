"""The events as the stand-in finds and shows them."""

import numpy as np

from sandbox.ticketmaster.changed_catalog import crowded, moved_later, with_foreign_venues
from sandbox.ticketmaster.event_json import EventWriter
from sandbox.ticketmaster.oddities import changed_from
from sandbox.ticketmaster.options import TicketmasterOptions
from sandbox.ticketmaster.search import EventSearch
from sandbox.world.catalog import Catalog


class World:
    """The catalogue as changed by some options: what is found, and how it is shown."""

    def __init__(self, catalog: Catalog, options: TicketmasterOptions) -> None:
        self.catalog = crowded(catalog, options)
        self.search = EventSearch(self.catalog)
        visible = with_foreign_venues(self.catalog, options)
        self._writer = EventWriter(visible, options.bulk)
        self._later_writer = EventWriter(moved_later(visible), options.bulk)
        self.name = self._writer.name

    def event(self, row: int, options: TicketmasterOptions, number: int) -> bytes:
        """An event as shown to request number `number`."""
        if options.moved and self._is_moved(row, options, number):
            return self._later_writer.event(row)
        return self._writer.event(row)

    def _is_moved(self, row: int, options: TicketmasterOptions, number: int) -> bool:
        rows = np.array([row], dtype=np.int64)
        [first] = changed_from(self.catalog, rows, options.moved, "moved", options.drift_requests)
        return number >= int(first)
