"""TLS to Redshift: the server's certificate is verified before it hears the password."""

import ipaddress
import json
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509

from include.orchestration import connections
from tests.support.tls_server import certificate, server

PASSWORD = "hunter2-hunter2"


class Server(NamedTuple):
    """Who speaks TLS at the address of the connection `redshift`, and whether it is told the password."""

    whose: str
    names: list[x509.GeneralName]
    is_told: bool
    extra: dict[str, str] = {}
    is_trusted: bool = True
    valid_days: int = 1


HERE, ELSEWHERE = x509.DNSName("localhost"), x509.DNSName("elsewhere.example")
SERVERS = [
    Server("its own", [HERE], True),
    Server("another's", [ELSEWHERE], False),
    Server("another's, and the connection takes it", [ELSEWHERE], True, {"sslmode": "verify-ca"}),
    Server("its address only", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))], False),
    Server("a name that begins with its own", [x509.DNSName("localhost.elsewhere.example")], False),
    Server("any name's", [x509.DNSName("*")], False),
    Server("an untrusted issuer's", [HERE], False, is_trusted=False),
    Server(
        "another untrusted issuer's, and any name will do",
        [ELSEWHERE],
        False,
        {"sslmode": "verify-ca"},
        False,
    ),
    Server("expired", [HERE], False, valid_days=-1),
]


@pytest.mark.parametrize("given", SERVERS, ids=lambda given: given.whose)
def test_a_server_whose_certificate_is_not_its_own_gets_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Server
) -> None:
    own, root = certificate(tmp_path, *given.names, valid_days=given.valid_days)
    if given.is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(root))
    with server(own) as (port, heard):
        fields = {"host": "localhost", "port": port, "schema": "dev", "login": "ada", "password": PASSWORD}
        monkeypatch.setenv(
            "AIRFLOW_CONN_REDSHIFT", json.dumps({"conn_type": "redshift", **fields, "extra": given.extra})
        )
        with pytest.raises(Exception):  # noqa: B017 - in the end nobody answers
            connections.redshift(patient=False)
    assert any(PASSWORD.encode() in each for each in heard) is given.is_told


def test_sqlalchemy_verifies_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"host": "r.example", "schema": "dev", "login": "ada", "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT", json.dumps({"conn_type": "redshift", **fields}))
    assert connections.redshift_engine_arguments()[1] == {"sslmode": "verify-full"}
