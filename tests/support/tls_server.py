"""A server that speaks TLS as Redshift does, with a certificate of an authority of its own."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path, *names: x509.GeneralName, valid_days: int = 1) -> tuple[Path, Path]:
    """A certificate for the names, signed by an authority, which is trusted: its file, and the authority's."""
    now = datetime.now(UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])

    def signed(subject: str, public: Any, extension: x509.ExtensionType, days: int) -> bytes:
        built = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(extension, critical=True)
        )
        return built.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root = folder / "authority.pem"
    root.write_bytes(signed("Authority", authority.public_key(), x509.BasicConstraints(True, None), 1))
    own = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own.write_bytes(
        private + signed("Server", key.public_key(), x509.SubjectAlternativeName(names), valid_days)
    )
    return own, root


@contextlib.contextmanager
def server(certificate: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A server that speaks TLS as Redshift does and asks for the password; its port, and what it heard."""
    heard: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve() -> None:
        with contextlib.suppress(OSError):  # once nobody listens any more
            while True:
                plain, _ = listener.accept()
                plain.settimeout(5)
                with plain, contextlib.suppress(OSError):
                    speak(plain)

    def speak(plain: socket.socket) -> None:
        plain.recv(8)
        plain.sendall(b"S")
        with context.wrap_socket(plain, server_side=True) as client:
            heard.append(client.recv(4096))
            client.sendall(b"R\0\0\0\x08\0\0\0\x03")  # a password, please, in clear
            heard.append(client.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
