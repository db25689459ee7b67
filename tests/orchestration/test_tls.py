"""TLS to Redshift: the server's certificate is verified before it hears the password."""

import contextlib
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from include.orchestration import connections

PASSWORD = "hunter2-hunter2"


def certificate(folder: Path, *names: x509.GeneralName) -> tuple[Path, Path]:
    """A certificate for the names, signed by an authority, which is trusted: its file, and the authority's."""
    now = datetime.now(UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority")])

    def signed(subject: str, public: Any, extension: x509.ExtensionType) -> bytes:
        built = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(extension, critical=True)
        )
        return built.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root = folder / "authority.pem"
    root.write_bytes(signed("Authority", authority.public_key(), x509.BasicConstraints(True, None)))
    own = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own.write_bytes(private + signed("Server", key.public_key(), x509.SubjectAlternativeName(names)))
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


@pytest.mark.parametrize(
    ("names", "extra", "is_told"),
    [
        ([x509.DNSName("localhost")], {}, True),
        ([x509.DNSName("elsewhere.example")], {}, False),
        ([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))], {}, False),
        ([x509.DNSName("elsewhere.example")], {"sslmode": "verify-ca"}, True),
    ],
    ids=["its own", "another's", "its address only", "another's, and the connection takes it"],
)
def test_a_server_with_another_name_gets_no_password(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[x509.GeneralName],
    extra: dict[str, str],
    is_told: bool,
) -> None:
    own, root = certificate(tmp_path, *names)
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    with server(own) as (port, heard):
        fields = {"host": "localhost", "port": port, "schema": "dev", "login": "ada", "password": PASSWORD}
        monkeypatch.setenv(
            "AIRFLOW_CONN_REDSHIFT", json.dumps({"conn_type": "redshift", **fields, "extra": extra})
        )
        with pytest.raises(Exception):  # noqa: B017 - in the end nobody answers
            connections.redshift(patient=False)
    assert any(PASSWORD.encode() in each for each in heard) is is_told


def test_without_a_certificate_we_trust_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = certificate(tmp_path, x509.DNSName("localhost"))
    with server(own) as (port, heard):
        fields = {"host": "localhost", "port": port, "schema": "dev", "login": "ada", "password": PASSWORD}
        monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT", json.dumps({"conn_type": "redshift", **fields}))
        with pytest.raises(Exception):  # noqa: B017
            connections.redshift(patient=False)
    assert heard == []


def test_sqlalchemy_verifies_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"host": "r.example", "schema": "dev", "login": "ada", "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT", json.dumps({"conn_type": "redshift", **fields}))
    assert connections.redshift_engine_arguments()[1] == {"sslmode": "verify-full"}
