"""Logging in to Redshift without a password in the connection."""

import contextlib
import json
import logging
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from include.errors import ConnectionMissing
from include.orchestration import connections
from include.settings import Settings
from sandbox.connections import connection_environment
from sandbox.services import Services


@pytest.fixture
def define(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Defines the connection `redshift`, without a password unless it is given."""

    def set_connection(*, extra: dict[str, Any], **fields: Any) -> None:
        connection = {
            "conn_type": "redshift",
            "host": services.redshift["host"],
            "port": services.redshift["port"],
            "schema": services.redshift["database"],
            **fields,
            "extra": {"ssl": False, **extra},
        }
        monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT", json.dumps(connection))

    return set_connection


def secret(services: Services, text: str) -> str:
    """The ARN of a new secret in moto's Secrets Manager."""
    created = services.aws.client("secretsmanager").create_secret(
        Name=f"redshift!{uuid.uuid4()}", SecretString=text
    )
    return str(created["ARN"])


def answers() -> bool:
    with connections.redshift() as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        return bool(cursor.fetchone()[0] == 1)


def test_a_secret_logs_in(services: Services, define: Callable[..., None]) -> None:
    user, password = services.redshift["user"], services.redshift["password"]
    arn = secret(services, json.dumps({"username": user, "password": password}))
    define(extra={"secret_arn": arn})
    assert answers()
    url, arguments = connections.redshift_engine_arguments()
    assert (make_url(url).username, make_url(url).password, arguments) == (user, password, {"ssl": False})


@contextlib.contextmanager
def credentials_for(workgroup: str, login: dict[str, str]) -> Iterator[str]:
    """The endpoint of a Redshift Serverless, which moto has not, that knows GetCredentials of one workgroup."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = (self.headers["X-Amz-Target"], asked["workgroupName"]) == (
                "RedshiftServerless.GetCredentials", workgroup
            )  # fmt: skip
            body = json.dumps(login if known else {"__type": "ResourceNotFoundException"}).encode()
            self.send_response(200 if known else 400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_iam_logs_in_to_a_workgroup(
    services: Services, define: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"dbUser": services.redshift["user"], "dbPassword": services.redshift["password"]}
    with credentials_for("mine", login) as endpoint:
        default = json.loads(connection_environment(services)["AIRFLOW_CONN_AWS_DEFAULT"])
        default["extra"]["service_config"] = {"redshift-serverless": {"endpoint_url": endpoint}}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(default))
        define(extra={"iam": True, "is_serverless": True, "serverless_work_group": "mine"})
        assert answers()


def test_iam_gives_a_password_for_the_user_of_a_cluster(
    services: Services, define: Callable[..., None]
) -> None:
    name = f"cluster-{uuid.uuid4().hex[:8]}"
    services.aws.client("redshift").create_cluster(
        ClusterIdentifier=name, NodeType="ra3.large", MasterUsername="admin", ManageMasterPassword=True
    )
    define(login="analyst", extra={"iam": True, "cluster_identifier": name})
    url, arguments = connections.redshift_engine_arguments()
    assert make_url(url).username == "IAM:analyst"
    assert make_url(url).password
    assert arguments == {"ssl": False}


def test_a_password_logs_in_as_before(services: Services, define: Callable[..., None]) -> None:
    define(login=services.redshift["user"], password=services.redshift["password"], extra={})
    assert answers()


def test_a_secret_that_does_not_exist_is_named_with_what_to_do(define: Callable[..., None]) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:nothing-abcdef"
    define(extra={"secret_arn": arn})
    with pytest.raises(ConnectionMissing, match=r"nothing-abcdef.*ResourceNotFoundException.*GetSecretValue"):
        connections.redshift()


@pytest.mark.parametrize("text", ["hush", '{"user": "hush"}', "[]"])
def test_a_secret_of_another_form_is_named_and_not_shown(
    services: Services, define: Callable[..., None], text: str
) -> None:
    define(extra={"secret_arn": secret(services, text)})
    with pytest.raises(ConnectionMissing, match="`username` and `password`") as raised:
        connections.redshift()
    assert "hush" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_the_password_of_the_secret_is_not_logged(
    services: Services, define: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    login = {"username": services.redshift["user"], "password": services.redshift["password"]}
    define(extra={"secret_arn": secret(services, json.dumps(login))})
    with caplog.at_level(logging.INFO):
        assert answers()
    assert services.redshift["password"] not in caplog.text


def test_nothing_secret_is_in_the_logs_at_their_most_talkative(
    services: Services, define: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    user, password = services.redshift["user"], services.redshift["password"]
    arn = secret(services, json.dumps({"username": user, "password": password}))
    define(extra={"secret_arn": arn})
    for name in ("botocore", "redshift_connector"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        assert answers()
    assert password not in caplog.text
    assert "SecretString" not in caplog.text


def test_nothing_that_signs_a_request_to_s3_is_in_them_either(
    services: Services, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    default = json.loads(connection_environment(services)["AIRFLOW_CONN_AWS_DEFAULT"])
    default["extra"]["aws_session_token"] = token = f"sandbox-token-{uuid.uuid4().hex}"
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(default))
    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    logging.getLogger("botocore").setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        connections.lake(Settings.from_environment()).bucket.put("key", b"body")
    assert f"/{bucket}/key" in caplog.text  # urllib3 names the request
    for secret_part in (token, default["password"], "Signature=", "x-amz-security-token"):
        assert secret_part.lower() not in caplog.text.lower()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": "hunter2"}, "the user or the password is wrong"),
        ({"login": "nobody"}, "the user or the password is wrong"),
        ({"schema": "nowhere"}, "there is no such database"),
    ],
)
def test_a_wrong_login_is_named_at_once(
    services: Services,
    define: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("it waits"))
    define(**{"login": "musician", "password": services.redshift["password"], "extra": {}} | fields)
    with pytest.raises(ConnectionMissing, match=f"`redshift`: {said}") as raised:
        connections.redshift()
    assert "hunter2" not in str(raised.value) and "nobody" not in str(raised.value)


def test_a_login_that_redshift_itself_rejects_is_tried_once(define: Callable[..., None]) -> None:
    logins = []
    rejection = b'SFATAL\0C28000\0Mpassword authentication failed for user "ada"\0\0'

    def serve() -> None:
        with contextlib.suppress(OSError):  # once nobody listens any more
            while True:
                client, _ = listener.accept()
                with client:
                    logins.append(client.recv(4096))
                    client.sendall(b"E" + (len(rejection) + 4).to_bytes(4, "big") + rejection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        define(port=listener.getsockname()[1], login="ada", password="hunter2", extra={})
        with pytest.raises(ConnectionMissing, match=r"`redshift`: the user or the password is wrong"):
            connections.redshift()
        listener.shutdown(socket.SHUT_RDWR)
    assert len(logins) == 1
