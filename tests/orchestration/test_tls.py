"""TLS to Redshift: the server's certificate is verified before it hears the password."""

import ipaddress
import json
from pathlib import Path

import pytest
from cryptography import x509

from include.orchestration import connections
from tests.support.tls_server import certificate, server

PASSWORD = "hunter2-hunter2"


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
