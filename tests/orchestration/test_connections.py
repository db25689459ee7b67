"""The Airflow connections the pipeline uses, defined as environment variables."""

import json
from typing import Any

import pytest

from include.errors import ConnectionMissing
from include.orchestration import connections
from include.settings import Settings


@pytest.fixture
def define(services: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Defines a connection for one test; without fields takes it away."""

    def set_connection(connection_id: str, **fields: Any) -> None:
        name = f"AIRFLOW_CONN_{connection_id.upper()}"
        if fields:
            monkeypatch.setenv(name, json.dumps(fields))
        else:
            monkeypatch.delenv(name, raising=False)

    return set_connection


async def test_a_source_has_address_key_and_limits(define: Any) -> None:
    define(
        "ticketmaster",
        conn_type="http",
        host="http://127.0.0.1:8080/",
        password="k3y",
        extra={"requests_per_second": 2.5, "daily_quota": "100"},
    )
    found = await connections.source_connection("ticketmaster")
    assert (found.id, found.base_url, found.key) == ("ticketmaster", "http://127.0.0.1:8080", "k3y")
    assert (found.requests_per_second, found.daily_quota) == (2.5, 100)


async def test_a_key_alone_is_enough_for_the_real_sources(define: Any) -> None:
    define("ticketmaster", conn_type="http", password="k3y")
    define("lastfm", conn_type="http", password="k3y")
    ticketmaster = await connections.source_connection("ticketmaster")
    assert ticketmaster.base_url == "https://app.ticketmaster.com"
    assert (ticketmaster.requests_per_second, ticketmaster.daily_quota) == (5, 5_000)
    assert (await connections.source_connection("lastfm")).base_url == "https://ws.audioscrobbler.com"


async def test_host_scheme_and_port_may_be_given_apart(define: Any) -> None:
    define("lastfm", conn_type="http", host="localhost", schema="http", port=81, password="k3y")
    assert (await connections.source_connection("lastfm")).base_url == "http://localhost:81"


async def test_the_key_is_not_shown(define: Any) -> None:
    define("lastfm", conn_type="http", password="k3y")
    assert "k3y" not in repr(await connections.source_connection("lastfm"))


@pytest.mark.parametrize("connection_id", ["ticketmaster", "lastfm"])
async def test_a_missing_source_is_named_with_the_place_to_define_it(define: Any, connection_id: str) -> None:
    define(connection_id)
    with pytest.raises(
        ConnectionMissing, match=rf"`{connection_id}` is not defined.*AIRFLOW_CONN_{connection_id.upper()}"
    ):
        await connections.source_connection(connection_id)


async def test_a_source_without_a_key_says_where_it_belongs(define: Any) -> None:
    define("lastfm", conn_type="http", host="http://127.0.0.1")
    with pytest.raises(ConnectionMissing, match="`lastfm` has no password"):
        await connections.source_connection("lastfm")


@pytest.mark.parametrize("rate", [0, -1, "fast", None, "nan"])
async def test_a_malformed_limit_is_named(define: Any, rate: Any) -> None:
    define("lastfm", conn_type="http", password="k3y", extra={"requests_per_second": rate})
    with pytest.raises(ConnectionMissing, match="requests_per_second"):
        await connections.source_connection("lastfm")


@pytest.mark.parametrize(
    ("host", "key", "extra"),
    [
        ("http://sandbox:5441", "a-real-key", {"allow_http": True}),
        ("https://app.ticketmaster.com", "a-real-key", {"allow_http": True}),
        ("https://app.ticketmaster.com", "sandbox-key", {"allow_http": True}),
        ("https://app.ticketmaster.com", "sandbox-key", {}),
        ("http://app.ticketmaster.com", "sandbox-key", {"allow_http": True}),
        ("http://app.ticketmaster.com", "sandbox-key", {}),
        ("http://sandbox.example.com", "sandbox-key", {"allow_http": True}),
        ("http://sandbox:5441", "a-real-key", {}),
        ("", "sandbox-key", {}),
        ("http://sandbox:5441", "sandbox-key", {"allow_http": "yes"}),
    ],
)
async def test_a_source_that_mixes_a_sandbox_with_the_real_service_is_rejected(
    define: Any, host: str, key: str, extra: Any
) -> None:
    define("ticketmaster", conn_type="http", host=host, password=key, extra=extra)
    with pytest.raises(ConnectionMissing, match="`ticketmaster`") as raised:
        await connections.source_connection("ticketmaster")
    assert key not in str(raised.value)


async def test_plain_http_is_allowed_only_where_the_extra_says_so(define: Any) -> None:
    address: Any = {"conn_type": "http", "host": "http://sandbox:5441", "password": "sandbox-key"}
    define("ticketmaster", **address)
    assert not (await connections.source_connection("ticketmaster")).allow_http
    define("ticketmaster", **address, extra={"allow_http": True})
    assert (await connections.source_connection("ticketmaster")).allow_http


@pytest.mark.parametrize(
    ("login", "password", "endpoint"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "k3y", "http://sandbox:5440"),
        ("AKIAIOSFODNN7EXAMPLE", "k3y", "http://127.0.0.1:5440"),
        ("another-key", "k3y", "http://sandbox:5440"),
        ("sandbox-access-key", "k3y", None),
        ("another-key", "sandbox-secret-key", None),
        ("sandbox-access-key", "sandbox-secret-key", "http://s3.example.com"),
    ],
)
def test_an_access_key_at_the_wrong_address_is_rejected(
    define: Any, login: str, password: str, endpoint: Any
) -> None:
    extra = {"region_name": "us-east-1"} | ({"endpoint_url": endpoint} if endpoint else {})
    define("aws_default", conn_type="aws", login=login, password=password, extra=extra)
    with pytest.raises(ConnectionMissing, match="aws_default"):
        connections.lake(Settings())


@pytest.mark.parametrize(
    ("host", "password"),
    [
        ("w.1.us-east-1.redshift-serverless.amazonaws.com", "sandbox-password"),
        ("warehouse.example.com", "sandbox-password"),
        ("10.1.2.3", "sandbox-password"),
        ("sandbox", "a-real-password"),
    ],
)
def test_a_redshift_login_at_the_wrong_address_is_rejected(define: Any, host: str, password: str) -> None:
    define(
        "redshift", conn_type="redshift", host=host, login="musician", password=password, schema="musician"
    )
    for reach in (connections.redshift, connections.redshift_engine_arguments):
        with pytest.raises(ConnectionMissing, match=f"`redshift` has .* for {host}") as raised:
            reach()
        assert password not in str(raised.value)


def test_missing_aws_and_redshift_connections_are_named(define: Any) -> None:
    define("aws_default")
    with pytest.raises(ConnectionMissing, match="AIRFLOW_CONN_AWS_DEFAULT"):
        connections.lake(Settings())
    define("redshift")
    with pytest.raises(ConnectionMissing, match="AIRFLOW_CONN_REDSHIFT"):
        connections.redshift()


def test_the_lake_is_the_bucket_of_the_settings(services: Any) -> None:
    lake = connections.lake(Settings(bucket="some-bucket"))
    assert lake.bucket.name == "some-bucket"
    assert lake.bucket.s3.meta.endpoint_url == services.aws.endpoint_url


def test_redshift_responds(services: Any) -> None:
    with connections.redshift() as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone()[0] == 1


@pytest.mark.parametrize(
    ("settings", "owner"),
    [
        (Settings(copy_role_arn="arn:aws:iam::111122223333:role/copy"), "111122223333"),
        (
            Settings(copy_role_arn="arn:aws-cn:iam::111122223333:role/copy", bucket_owner="444455556666"),
            "444455556666",
        ),
    ],
)
def test_the_bucket_belongs_to_the_account_of_the_role_unless_the_setting_names_another(
    services: Any, settings: Settings, owner: str
) -> None:
    assert connections.lake(settings).bucket.of_bucket == {
        "Bucket": settings.bucket,
        "ExpectedBucketOwner": owner,
    }


def test_objects_are_encrypted_as_the_setting_says(services: Any, s3: Any, bucket: str) -> None:
    lake = connections.lake(Settings(bucket=bucket, bucket_encryption="alias/lake"))
    lake.bucket.put("key", b"content")
    found = s3.head_object(Bucket=bucket, Key="key")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", "alias/lake")
