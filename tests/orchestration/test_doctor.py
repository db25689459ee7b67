"""The doctor: everything passes in the sandbox, and each thing that can be wrong is reported."""

import json
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redshift_connector
from botocore.exceptions import ClientError
from cryptography import x509

from include.__main__ import main
from include.lake.bucket import Bucket
from include.lake.bucket_setup import ensure_bucket
from include.orchestration.doctor import Finding, bucket, copy_role, examine, notifier, sources, warehouse
from include.settings import Settings
from include.warehouse.tables import create_tables
from sandbox.aws import COPY_ROLE
from sandbox.connections import connection_environment
from sandbox.services import Services
from tests.support.tls_server import certificate, server

ACCOUNT = "123456789012"


@pytest.fixture
def settings(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a bucket that a run has made."""
    name = f"doctor-{uuid.uuid4()}"
    ensure_bucket(Bucket(s3, name, ACCOUNT), raw_retention_days=14)
    monkeypatch.setenv("MUSICIAN_BUCKET", name)
    return Settings.from_environment()


@pytest.fixture
def change(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Defines one of the sandbox's connections with other fields."""

    def define(connection_id: str, **fields: Any) -> None:
        name = f"AIRFLOW_CONN_{connection_id.upper()}"
        monkeypatch.setenv(name, json.dumps(json.loads(connection_environment(services)[name]) | fields))

    return define


def line(findings: Any, thing: str) -> str:
    """The line of a thing that is wrong, or cannot be seen."""
    [found] = [str(each) for each in findings if not each.works and each.subject.startswith(thing)]
    return found


def test_in_the_sandbox_everything_is_green(
    redshift: Any, settings: Settings, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor"])
    shown = capsys.readouterr().out
    lines = [each for each in shown.splitlines() if each[1:2] == " "]  # not what Airflow logs there
    assert [each for each in lines if not each.startswith("✔")] == []
    assert [each[2:24].strip() for each in lines] == [
        "settings", "bucket: region", "bucket: owner", "bucket: policy", "bucket: public access",
        "bucket: encryption", "bucket: lifecycle", "COPY role: trust", "COPY role: rights",
        "key of ticketmaster", "key of lastfm", "redshift: TLS", "redshift: login", "redshift: schemas", "notifier",
    ]  # fmt: skip
    secrets = (services.ticketmaster["key"], services.lastfm["key"], services.redshift["password"])
    assert not [secret for secret in (*secrets, services.aws.secret_access_key) if secret in shown]


def test_the_calls_are_counted(settings: Settings, s3: Any) -> None:
    assert all(finding.works for finding in sources.examine(settings))
    counted = json.loads(s3.get_object(Bucket=settings.bucket, Key="quota/ticketmaster.json")["Body"].read())
    assert counted["calls"] == 1


def test_what_does_not_work_ends_with_an_exit_code(
    settings: Settings, change: Callable[..., None], redshift: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change("redshift", password="hunter2")
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1
    assert "✘ redshift: login" in (shown := capsys.readouterr().out) and "hunter2" not in shown


def test_a_setting_that_does_not_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICIAN_HORIZON_DAYS", "soon")
    assert "MUSICIAN_HORIZON_DAYS" in line(examine(), "settings")


@pytest.mark.parametrize(
    ("connection_id", "fields", "said"),
    [
        ("ticketmaster", {"password": "sandbox-wrong"}, "password of the Airflow connection `ticketmaster`"),
        ("ticketmaster", {"password": ""}, "has no password"),
        ("ticketmaster", {"host": "http://127.0.0.1:9"}, "Connect call failed"),
        (
            "ticketmaster",
            {"extra": {"allow_http": True, "daily_quota": 9_000_000}},
            "`daily_quota` in its extra",
        ),
        ("lastfm", {"password": "sandbox-wrong"}, "password of the Airflow connection `lastfm`"),
        ("lastfm", {"host": "https://ada:hunter2@ws.example"}, "a user or an @ in its host"),
    ],
)
def test_a_key(
    settings: Settings, change: Callable[..., None], connection_id: str, fields: dict[str, Any], said: str
) -> None:
    change(connection_id, **fields)
    found = line(sources.examine(settings), f"key of {connection_id}")
    assert said in found and "sandbox-wrong" not in found and "hunter2" not in found


DENY = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}


def with_policy(s3: Any, bucket: str, **condition: Any) -> None:
    document = {"Version": "2012-10-17", "Statement": [{**DENY, "Condition": condition}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def with_rule(s3: Any, bucket: str, chosen: dict[str, Any]) -> None:
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": chosen, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})


@pytest.mark.parametrize(
    ("spoil", "thing", "said"),
    [
        (lambda s3, b: s3.delete_bucket_lifecycle(Bucket=b), "bucket: lifecycle", "raw/ does not expire"),
        (lambda s3, b: with_rule(s3, b, {"Prefix": "lake/"}), "bucket: lifecycle", "raw/ does not expire"),
        (
            lambda s3, b: with_rule(s3, b, {"And": {"Prefix": "raw/", "Tags": [{"Key": "a", "Value": "b"}]}}),
            "bucket: lifecycle",
            "raw/ does not expire",
        ),
        (
            lambda s3, b: with_rule(s3, b, {"Tag": {"Key": "a", "Value": "b"}}),
            "bucket: lifecycle",
            "raw/ does not expire",
        ),
        (lambda s3, b: s3.delete_bucket_encryption(Bucket=b), "bucket: encryption", "none by default"),
        (lambda s3, b: s3.delete_public_access_block(Bucket=b), "bucket: public access", "not blocked"),
        (
            lambda s3, b: with_policy(s3, b, StringEquals={"aws:SourceVpc": "x"}),
            "bucket: policy",
            "without TLS",
        ),
        (
            lambda s3, b: with_policy(s3, b, NumericGreaterThan={"s3:signatureAge": "600000"}),
            "bucket: policy",
            "presigned URLs after less than an hour",
        ),
        (
            lambda s3, b: with_policy(s3, b, StringNotEquals={"s3:authType": "REST-HEADER"}),
            "bucket: policy",
            "s3:authType",
        ),
    ],
)
def test_a_bucket(settings: Settings, s3: Any, spoil: Callable[..., Any], thing: str, said: str) -> None:
    spoil(s3, settings.bucket)
    assert said in line(bucket.examine(settings), thing)


def test_a_bucket_in_another_region(
    settings: Settings, change: Callable[..., None], services: Services
) -> None:
    extra = {"region_name": "eu-west-1", "endpoint_url": services.aws.endpoint_url}
    change("aws_default", extra=extra)
    assert "us-east-1, and aws_default says eu-west-1" in line(bucket.examine(settings), "bucket: region")


def test_a_bucket_that_is_not_there_yet_is_nothing_wrong(
    monkeypatch: pytest.MonkeyPatch, services: Services
) -> None:
    monkeypatch.setenv("MUSICIAN_BUCKET", f"none-{uuid.uuid4()}")
    found = list(bucket.examine(Settings.from_environment()))
    assert found[0].works and "the first run creates it" in found[0].result


class _Rejecting:
    """S3 that rejects a HEAD: moto has one owner and one region only."""

    def __init__(self, code: str) -> None:
        self._code = code

    def head_bucket(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": self._code, "Message": ""}}, "HeadBucket")


@pytest.mark.parametrize(
    ("code", "thing", "said"),
    [
        ("403", "bucket: owner", f"must belong to {ACCOUNT}"),
        ("301", "bucket: region", "theirs is in another region → set `region_name`"),
    ],
)
def test_a_bucket_of_somebody_else_or_elsewhere(settings: Settings, code: str, thing: str, said: str) -> None:
    found = bucket._bucket(Bucket(_Rejecting(code), "theirs", ACCOUNT), settings)  # type: ignore[arg-type]
    assert said in line(found, thing)


@pytest.mark.parametrize(
    ("operation", "thing", "right"),
    [
        ("get_bucket_policy", "bucket: policy", "s3:GetBucketPolicy"),
        ("get_public_access_block", "bucket: public access", "s3:GetBucketPublicAccessBlock"),
        ("get_bucket_encryption", "bucket: encryption", "s3:GetEncryptionConfiguration"),
        ("get_bucket_lifecycle_configuration", "bucket: lifecycle", "s3:GetLifecycleConfiguration"),
    ],
)
def test_what_cannot_be_seen_is_no_failure(
    settings: Settings, s3: Any, monkeypatch: pytest.MonkeyPatch, operation: str, thing: str, right: str
) -> None:
    def denied(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, operation)

    monkeypatch.setattr(s3, operation, denied, raising=True)
    found = line(bucket._bucket(Bucket(s3, settings.bucket, ACCOUNT), settings), thing)
    assert found.startswith("?") and f"cannot be seen (AccessDenied) → allow {right}" in found


EXTERNAL_ID = f"arn:aws:redshift:us-east-1:{ACCOUNT}:dbuser:namespace"
TRUSTED = {"Effect": "Allow", "Principal": {"Service": "redshift.amazonaws.com"}, "Action": "sts:AssumeRole"}
READS = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}


@pytest.mark.parametrize(
    ("trust", "rights", "thing", "said"),
    [
        ({**TRUSTED, "Principal": {"AWS": "*"}}, READS, "COPY role: trust", "anyone may assume it"),
        ({**TRUSTED, "Principal": {"Service": "ec2.amazonaws.com"}}, READS, "COPY role: trust", "may not assume it"),
        ({**TRUSTED, "Effect": "Deny"}, READS, "COPY role: trust", "may not assume it"),
        ({**TRUSTED, "Action": "sts:TagSession"}, READS, "COPY role: trust", "may not assume it"),
        (TRUSTED, {**READS, "Action": "s3:ListBucket"}, "COPY role: rights", "lacks s3:GetObject"),
        (TRUSTED, {**READS, "Resource": "arn:aws:s3:::other*"}, "COPY role: rights", "s3:GetObject and"),
    ],
)  # fmt: skip
def test_a_role(
    settings: Settings,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    trust: Any,
    rights: Any,
    thing: str,
    said: str,
) -> None:
    iam, name = services.aws.client("iam"), f"doctor-{uuid.uuid4()}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    document = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=document)
    monkeypatch.setenv("MUSICIAN_COPY_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/{name}")
    assert said in line(copy_role.examine(Settings.from_environment()), thing)


def test_a_role_shows_for_which_database_user_it_is(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = {**TRUSTED, "Condition": {"StringEquals": {"sts:ExternalId": f"{EXTERNAL_ID}/somebody"}}}
    name = f"doctor-{uuid.uuid4()}"
    document = json.dumps({"Statement": [trust]})
    services.aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    monkeypatch.setenv("MUSICIAN_COPY_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/{name}")
    found = {each.subject: each.result for each in copy_role.examine(Settings.from_environment())}
    assert found["COPY role: trust"] == "Redshift, for somebody only"


def test_a_role_of_another_path(
    settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"doctor-{uuid.uuid4()}"
    document = json.dumps({"Statement": [TRUSTED]})
    services.aws.client("iam").create_role(RoleName=name, Path="/data/", AssumeRolePolicyDocument=document)
    monkeypatch.setenv("MUSICIAN_COPY_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/{name}")
    found = [str(each) for each in copy_role.examine(Settings.from_environment())]
    assert f"is arn:aws:iam::{ACCOUNT}:role/data/{name} → correct MUSICIAN_COPY_ROLE_ARN" in found[0]


@pytest.mark.parametrize("by", ["the bucket", "each put"])
@pytest.mark.parametrize(
    ("granted", "mark"), [("nothing", "✘"), ("by its own policy", "✔"), ("by the key's policy", "✔")]
)
def test_a_role_decrypts_what_a_key_of_ones_own_encrypts(
    settings: Settings,
    s3: Any,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    granted: str,
    mark: str,
) -> None:
    iam, kms, name = services.aws.client("iam"), services.aws.client("kms"), f"doctor-{uuid.uuid4()}"
    role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [TRUSTED]}))
    user = role if granted == "by the key's policy" else f"arn:aws:iam::{ACCOUNT}:root"
    grant = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "kms:*", "Resource": "*"}
    key = kms.create_key(Policy=json.dumps({"Statement": [grant]}))["KeyMetadata"]
    rights = [READS]
    if granted == "by its own policy":
        rights.append({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key["Arn"]})
    iam.put_role_policy(
        RoleName=name,
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": rights}),
    )
    if by == "the bucket":
        rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["KeyId"]}
        s3.put_bucket_encryption(
            Bucket=settings.bucket,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
        )
    else:
        monkeypatch.setenv("MUSICIAN_BUCKET_ENCRYPTION", key["Arn"])
    monkeypatch.setenv("MUSICIAN_COPY_ROLE_ARN", role)
    found = [str(each) for each in copy_role.examine(Settings.from_environment())]
    [decryption] = [each for each in found if "COPY role: decryption" in each]
    assert decryption.startswith(mark)
    assert ("lacks kms:Decrypt" in decryption) == (mark == "✘")


def test_a_role_that_does_not_exist(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.copy_role_arn.endswith(COPY_ROLE)
    monkeypatch.setenv("MUSICIAN_COPY_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/nobody")
    assert "nobody does not exist" in line(copy_role.examine(Settings.from_environment()), "COPY role")


@pytest.mark.parametrize(
    ("fields", "thing", "said"),
    [
        ({"password": "hunter2"}, "redshift: login", "the user or the password is wrong"),
        ({"schema": "nowhere"}, "redshift: login", "no such user or database"),
        ({"port": 9}, "redshift: login", "nothing listens there"),
        ({"extra": {}}, "redshift: login", "does not speak TLS"),
        ({"extra": {"secret_arn": "arn:aws:secretsmanager:us-east-1:1:secret:no"}}, "redshift", "cannot be read"),
        ({"host": "localhost.localdomain.invalid"}, "redshift: login", "no address"),
    ],
)  # fmt: skip
def test_a_login(
    redshift: Any, change: Callable[..., None], fields: dict[str, Any], thing: str, said: str
) -> None:
    change("redshift", **fields)
    found = line(warehouse.examine(), thing)
    assert said in found and "hunter2" not in found


def test_a_certificate_that_is_not_trusted(tmp_path: Path, change: Callable[..., None]) -> None:
    own, _ = certificate(tmp_path, x509.DNSName("localhost"))
    with server(own) as (port, heard):
        change("redshift", host="localhost", port=port, extra={})
        assert "certificate is not trusted" in line(warehouse.examine(), "redshift: login")
    assert heard == []


def test_a_warehouse_that_does_not_respond(
    change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection, and says nothing."""
    connect = redshift_connector.connect
    monkeypatch.setattr(redshift_connector, "connect", lambda **fields: connect(**fields | {"timeout": 0.2}))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        change("redshift", port=silent.getsockname()[1])
        assert "it does not respond" in line(warehouse.examine(), "redshift: login")


def test_a_certificate_whose_name_is_not_verified(change: Callable[..., None]) -> None:
    change("redshift", extra={"sslmode": "verify-ca"})
    found = line([warehouse._tls()], "redshift: TLS")
    assert "verify-ca" in found and 'remove "ssl" and "sslmode"' in found


def test_a_connection_in_clear(
    redshift: Any, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change("redshift", host="127.1")  # this machine by a name that does not say so
    assert "everything is sent in clear" in line(warehouse.examine(), "redshift: TLS")


@pytest.fixture
def stranger(redshift: Any, change: Callable[..., None]) -> Iterator[Any]:
    """The connection logs in as a user of no rights; the value is a connection of the owner."""
    with redshift.cursor() as cursor:
        cursor.execute("create user stranger password 'sandbox-Stranger1'")
    redshift.commit()
    change("redshift", login="stranger", password="sandbox-Stranger1")
    yield redshift
    redshift.rollback()
    with redshift.cursor() as cursor:
        cursor.execute("drop user stranger")
    redshift.commit()


def test_schemas_that_may_not_be_created(stranger: Any) -> None:
    assert "grant create on database musician to stranger" in line(warehouse.examine(), "redshift: schemas")


def test_schemas_of_another_user(stranger: Any) -> None:
    with stranger.cursor() as cursor:
        cursor.execute("create schema dwh")
    stranger.commit()
    assert "dwh belong to another user" in line(warehouse.examine(), "redshift: schemas")


@pytest.mark.parametrize(
    ("change_by_hand", "said"),
    [
        ("alter table dwh.dim_songs add column mine bigint", "columns of tables of dwh were altered"),
        ("drop table dwh.bridge_concert_artists cascade", "dwh.bridge_concert_artists is missing"),
        ("drop view analytics.song_popularity", "analytics.song_popularity is missing"),
    ],
)
def test_tables_that_were_changed_by_hand(redshift: Any, change_by_hand: str, said: str) -> None:
    create_tables(redshift)
    assert [each for each in warehouse.examine() if each.subject == "redshift: tables" and each.works]
    with redshift.cursor() as cursor:
        cursor.execute(change_by_hand)
    redshift.commit()
    found = line(warehouse.examine(), "redshift: tables")
    assert said in found and "musician_warehouse" in found


def test_a_superuser() -> None:
    class Cursor:
        answers = [("admin", "dev"), (True,), []]

        def execute(self, statement: str) -> None:
            self.answer = self.answers.pop(0) if self.answers else (True,)

        def fetchone(self) -> Any:
            return self.answer

        fetchall = fetchone

    assert "admin is a superuser" in line(warehouse._rights(Cursor()), "redshift: user")


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        (None, "is not defined"),
        ({"conn_type": "fs"}, "of the type fs"),
        ({"conn_type": "smtp", "host": "127.0.0.1"}, "lacks `to` or `from_email`"),
        ({"conn_type": "http", "host": "http://127.0.0.1:9/hunter2"}, "cannot be reached"),
    ],
)
def test_a_notifier(monkeypatch: pytest.MonkeyPatch, connection: Any, said: str) -> None:
    monkeypatch.setenv("MUSICIAN_NOTIFY", "people")
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps(connection))
    found = line([notifier.examine(Settings.from_environment())], "notifier")
    assert said in found and "hunter2" not in found


def test_a_notifier_that_listens_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        hook = {"conn_type": "http", "host": f"http://127.0.0.1:{server.getsockname()[1]}/hunter2"}
        monkeypatch.setenv("MUSICIAN_NOTIFY", "people")
        monkeypatch.setenv("AIRFLOW_CONN_PEOPLE", json.dumps(hook))
        found: Finding = notifier.examine(Settings.from_environment())
        with server.accept()[0] as client, suppress(ConnectionError):
            assert client.recv(1) == b""
    assert found.works and "hunter2" not in str(found)
