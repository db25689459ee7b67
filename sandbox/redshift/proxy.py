"""Redshift on this machine: PostgreSQL behind a proxy that makes it behave like Redshift.

The official driver, and SQLAlchemy over it, connect to the proxy, whose sessions translate every statement. Each
connection has two threads of its own, so a slow one does not hold up the others.

Not emulated: distribution, sorting and compression have no effect, and PostgreSQL plans every statement.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from sandbox.redshift.copy_objects import Loader
from sandbox.redshift.postgres import HOST, Postgres
from sandbox.redshift.session import Session

log = logging.getLogger(__name__)


def install(postgres: Postgres, database: str) -> None:
    """Gives a new database Redshift's catalogue, functions and defaults."""
    with contextlib.closing(postgres.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute((Path(__file__).parent / "catalog.sql").read_text())
        # Redshift's default is snapshot isolation.
        cursor.execute(f'alter database "{database}" set default_transaction_isolation = "repeatable read"')
        # Redshift's admin is a superuser: it creates users, and may act on what they own.
        cursor.execute(f'alter role "{database}" createrole')
        cursor.execute(f"""alter role "{database}" set createrole_self_grant = 'set, inherit'""")


@contextlib.contextmanager
def running(postgres: Postgres, loader: Loader, latency: float = 0) -> Iterator[int]:
    """Runs the proxy in front of `postgres`; yields its port, a free one of 127.0.0.1."""
    with socket.create_server((HOST, 0), backlog=128) as listener:
        sessions: set[Session] = set()
        threading.Thread(
            target=_accept, args=(listener, postgres.port, loader, sessions, latency), daemon=True
        ).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for session in tuple(sessions):
                session.close()


def _accept(
    listener: socket.socket, port: int, loader: Loader, sessions: "set[Session]", latency: float
) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the listener was closed: the proxy is stopping

        def serve(client: socket.socket = client) -> None:
            try:
                session = Session(client, socket.create_connection((HOST, port)), loader, latency)
            except OSError:
                client.close()
                return
            sessions.add(session)
            try:
                session.run()
            finally:
                sessions.discard(session)

        threading.Thread(target=serve, daemon=True).start()
