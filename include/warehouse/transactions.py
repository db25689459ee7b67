"""Transactions: statements that commit together or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def transaction(connection: Any) -> Iterator[Any]:
    """A cursor whose statements commit together, or not at all if the block raises."""
    cursor = connection.cursor()
    try:
        yield cursor
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        cursor.close()


class Joined:
    """A connection whose open transaction others may join; only its owner commits or rolls back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        """A cursor of the connection."""
        return self._connection.cursor()

    def commit(self) -> None:
        """Leaves it to the owner of the transaction."""

    def rollback(self) -> None:
        """Leaves it to the owner, who sees the error."""

    def close(self) -> None:
        """Leaves it to the owner."""
