"""One client's session: every statement, simple or prepared, is translated on its way to the server.

A statement that Redshift rejects is replaced by one that raises, so that the transaction fails exactly as it would
there. COPY from S3 happens when it is executed. The server's messages pass through unchanged.
"""

import contextlib
import itertools
import logging
import socket
import struct
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sandbox.redshift import copy_statement as redshift_copy
from sandbox.redshift import dialect as redshift_dialect
from sandbox.redshift.copy_delivery import Delivery
from sandbox.redshift.copy_objects import Loader
from sandbox.redshift.copy_statement import Copy
from sandbox.redshift.rejections import Rejected
from sandbox.redshift.sql_text import parameters, statements

log = logging.getLogger(__name__)

_TLS, _GSS, _CANCEL = 80877103, 80877104, 80877102


_STARTUP_PARAMETERS = {b"user", b"database", b"application_name", b"client_encoding", b"options"}


_UNKNOWN = (0, 705)
"""The types with which a driver says that it does not know a parameter's type."""


_paths = itertools.count(1)


@dataclass(eq=False)
class Session:
    """One client and its connection to the server."""

    client: socket.socket
    server: socket.socket
    loader: Loader
    latency: float
    """Seconds added to each statement."""
    copies: dict[bytes, tuple[Copy, Path]] = field(default_factory=dict)
    """The COPY behind each prepared statement's name, and the path it reads from."""
    deliveries: list[Delivery] = field(default_factory=list)

    def run(self) -> None:
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        from_server = threading.Thread(target=self._relay_server_messages, daemon=True)
        try:
            with self.client.makefile("rb") as messages:
                if self._relay_startup(messages):
                    from_server.start()
                    self._relay_messages(messages)
        except (OSError, EOFError):
            pass  # one side is gone, so the other is closed
        finally:
            self.close()
            self._end_deliveries()

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _relay_server_messages(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.server.recv(1 << 16):
                self.client.sendall(data)
        self.close()

    def _relay_startup(self, messages: BinaryIO) -> bool:
        """Returns whether a session follows. Drops the driver's parameters that PostgreSQL does not know."""
        while True:
            length, code = struct.unpack("!II", _read(messages, 8))
            body = _read(messages, length - 8)
            if code in (_TLS, _GSS):
                self.client.sendall(b"N")  # no encryption; a client that insists on it disconnects
            elif code == _CANCEL:
                self.server.sendall(struct.pack("!II", length, code) + body)
                return False
            else:
                words = body.split(b"\0")
                pairs = zip(words[::2], words[1::2], strict=False)
                known = [b"%s\0%s\0" % pair for pair in pairs if pair[0] in _STARTUP_PARAMETERS]
                body = b"".join(known) + b"\0"
                self.server.sendall(struct.pack("!II", len(body) + 8, code) + body)
                return True

    def _relay_messages(self, messages: BinaryIO) -> None:
        while True:
            kind, length = struct.unpack("!cI", _read(messages, 5))
            body = _read(messages, length - 4)
            if kind in (b"Q", b"E"):
                time.sleep(self.latency)
            if kind == b"Q":
                body = self._query(body)
            elif kind == b"P":
                body = self._parse(body)
            elif kind == b"B":
                self._bind(body)
            self.server.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _query(self, body: bytes) -> bytes:
        self._end_deliveries()
        parts = []
        for statement in statements(body[:-1].decode()):
            text, copy = self._translate(statement)
            if copy is not None:
                self.deliveries.append(self.loader.deliver(*copy))
            parts.append(text)
        return ";".join(parts).encode() + b"\0"

    def _parse(self, body: bytes) -> bytes:
        name, sql, types = body.split(b"\0", 2)
        oids = struct.unpack_from(f"!{int.from_bytes(types[:2])}I", types, 2)
        untyped = {
            n for n in range(1, parameters(sql.decode()) + 1) if n > len(oids) or oids[n - 1] in _UNKNOWN
        }
        text, copy = self._translate(sql.decode(), untyped)
        if copy is not None:
            self.copies[name] = copy
        elif name in self.copies:
            del self.copies[name]
        return name + b"\0" + text.encode() + b"\0" + types

    def _bind(self, body: bytes) -> None:
        """Delivers a COPY each time it is executed: drivers prepare a statement once and execute it many times."""
        self._end_deliveries()
        _portal, name, _ = body.split(b"\0", 2)
        if name in self.copies:
            self.deliveries.append(self.loader.deliver(*self.copies[name]))

    def _translate(self, sql: str, untyped: Collection[int] = ()) -> tuple[str, tuple[Copy, Path] | None]:
        try:
            copy = redshift_copy.parse(sql)
            if copy is None:
                return redshift_dialect.translate(sql, untyped), None
            path = self.loader.folder / str(next(_paths))
            # Relative to the server's data folder: its user may have no access to the folders above.
            relative = f"../{path.parent.name}/{path.name}"
            return f"do $$begin perform pg_catalog.redshift_load('{relative}'); end$$", (copy, path)
        except Rejected as rejected:
            reason = str(rejected)
        except Exception as error:  # a bug in the sandbox must not leave the client waiting
            log.exception("cannot translate %s", sql)
            reason = f"The sandbox failed on this statement; this is a bug in the sandbox: {error!r}"
        arguments = "".join(f", ${number + 1}" for number in range(parameters(sql)))
        return (
            f"select pg_catalog.redshift_rejects('{reason.replace(chr(39), chr(39) * 2)}'){arguments}",
            None,
        )

    def _end_deliveries(self) -> None:
        while self.deliveries:
            self.deliveries.pop().end()


def _read(messages: BinaryIO, size: int) -> bytes:
    data = messages.read(size)
    if len(data) < size:
        raise EOFError
    return data
