"""A set of texts that does not grow in memory."""

import sqlite3


class MetIds:
    """The ids met so far, in a temporary database on disk that vanishes with this object."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("pragma cache_size = -8000")  # kilobytes
        self._database.execute("pragma journal_mode = off")
        self._database.execute("pragma synchronous = off")
        self._database.execute("create table ids (id text primary key) without rowid")
        self._database.execute("begin")

    def add(self, identity: str) -> bool:
        """Whether it was new."""
        return self._database.execute("insert or ignore into ids values (?)", (identity,)).rowcount == 1
