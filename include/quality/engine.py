"""How SQLAlchemy, and with it Great Expectations, connects to the warehouse."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Engine:
    """How SQLAlchemy connects to the warehouse."""

    url: str
    connect_args: Mapping[str, Any]
    """Arguments for the driver."""

    connection: Any = None
    """An open connection to use instead, so that its uncommitted rows are visible; closing it must be harmless."""
    schema: str = "audit"
    """The schema with the tables of the load; only a rehearsal uses another."""

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Makes SQLAlchemy use the open connection, if there is one, until the block ends."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine as SqlAlchemyEngine

        from include.quality.literals import with_values

        def connect(*_: Any) -> Any:
            return self.connection  # None: connect as usual

        def commit_each_statement(connected: Any, _: Any) -> None:
            if connected is not self.connection:  # otherwise each would be sent with a begin and a rollback
                connected.autocommit = True

        event.listen(SqlAlchemyEngine, "do_connect", connect)
        event.listen(SqlAlchemyEngine, "connect", commit_each_statement)
        event.listen(SqlAlchemyEngine, "before_cursor_execute", with_values, retval=True)
        try:
            yield
        finally:
            event.remove(SqlAlchemyEngine, "before_cursor_execute", with_values)
            event.remove(SqlAlchemyEngine, "connect", commit_each_statement)
            event.remove(SqlAlchemyEngine, "do_connect", connect)
