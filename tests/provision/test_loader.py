"""The pipeline works as the user that provisioning creates, who is not an admin, and with its own policy."""

import io
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import redshift_connector

from include.lake.bucket import Bucket
from include.lake.bucket_setup import ensure_bucket
from include.lake.lake import Lake
from include.orchestration import connections
from include.orchestration.rehearsal import rehearse
from include.provision.permissions import pipeline_policy
from include.provision.tables import create_loader, create_owned
from include.settings import Settings
from include.warehouse.parking import Verdict
from include.warehouse.reader_role import create_reader
from include.warehouse.rebuild import rebuild
from sandbox.connections import connection_environment
from sandbox.services import Services
from tests.support.iam import allows, copy_policy
from tests.support.snapshots import (
    ROLE,
    Artist,
    Concert,
    land_events,
    land_songs,
    publish_pending,
    rows,
)

PASSWORD = f"Musician-{uuid.uuid4()}"


@pytest.fixture
def loader(redshift: Any, services: Services) -> Iterator[Any]:
    """The connection of the user, whose schemas and tables exist."""
    login = services.redshift | {"user": "musician_loader", "password": PASSWORD}
    create_loader(redshift, services.redshift["database"], "musician_loader", PASSWORD)
    with redshift_connector.connect(**login, ssl=False) as connection:
        create_owned(connection)
        yield connection
        connection.rollback()
    with redshift.cursor() as cursor:
        cursor.execute("drop owned by musician_loader cascade")
        cursor.execute("drop user musician_loader")
    redshift.commit()


def test_the_loader_loads_publishes_and_rebuilds(loader: Any, redshift: Any, lake: Lake) -> None:
    land_events(lake, "2026-11-22T060000Z", [Concert("e1"), Concert("e2")])
    land_songs(lake, "2026-11-22T070000Z", [Artist("Abel", plays=10)])
    publish_pending(loader, lake)
    concerts = "select count(*) from dwh.dim_concerts"
    assert rows(loader, concerts) == [(2,)]
    now = datetime(2026, 12, 1, tzinfo=UTC)
    rebuild(loader, lake, now=now, copy_role_arn=ROLE, judge=lambda _connection, _load: Verdict())
    assert rows(loader, concerts) == [(2,)]
    create_reader(loader)  # who may not create the role, which exists
    granted = "select has_table_privilege('musician_reader', 'dwh.dim_concerts', 'select')"
    assert rows(redshift, granted) == [(True,)]  # also in the schema that the rebuild created again


@pytest.mark.parametrize(
    "statement",
    [
        "create user somebody password 'Somebody-1'",
        "create table public.mine (number integer)",
        "grant musician to musician_loader",
        "alter user musician password 'Mine-1'",
    ],
)
def test_the_loader_is_not_an_admin(loader: Any, statement: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError, match=r"permission denied|must"):
        rows(loader, statement)


ACTIONS = {
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
}
"""The permission that S3 requires, if it is not the operation's name:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""


@contextmanager
def noted(s3: Any, bucket: str) -> Iterator[list[tuple[str, str]]]:
    """Each request of a client: the action that its sender must be allowed, and the object."""
    asked: list[tuple[str, str]] = []

    def note(model: Any, params: dict[str, Any], **_: Any) -> None:
        key = params["url_path"].removeprefix(f"/{bucket}").partition("?")[0]
        asked.append((f"s3:{ACTIONS.get(model.name, model.name)}", f"arn:aws:s3:::{bucket}{key}"))

    s3.meta.events.register("before-call.s3", note)
    try:
        yield asked
    finally:
        s3.meta.events.unregister("before-call.s3", note)


def test_the_pipelines_policy_allows_every_call_to_s3_and_every_key(
    s3: Any, bucket: str, world: Lake
) -> None:
    s3.put_object(Bucket=bucket, Key="raw/there", Body=b"{}")
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    with noted(s3, bucket) as asked:
        mine = Bucket(s3, bucket)
        ensure_bucket(mine, 14)
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
        ensure_bucket(mine, 14)
        mine.put_json("raw/a", {})
        mine.put_new("raw/b", b"{}")
        assert (mine.get("raw/b"), mine.size("raw/b")) == (b"{}", 2)
        mine.download("raw/a", io.BytesIO())
        mine.delete([key for key, _ in mine.sizes("raw/")])
    policy = pipeline_policy("mine", bucket)
    assert {action for action, _ in asked} == set(policy["Statement"][0]["Action"]) | {
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject"
    }  # fmt: skip
    assert [request for request in asked if not allows(policy, *request)] == []
    for key, _ in world.bucket.sizes(""):
        for action in ("s3:GetObject", "s3:PutObject"):
            assert allows(policy, action, f"arn:aws:s3:::{bucket}/{key}"), key


def test_a_rehearsal_needs_no_more_than_the_roles_of_the_stack(
    loader: Any, services: Services, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = json.loads(connection_environment(services)["AIRFLOW_CONN_REDSHIFT"])
    login |= {"login": "musician_loader", "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_REDSHIFT", json.dumps(login))
    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    lake = connections.lake(settings := Settings.from_environment())
    monkeypatch.setattr(connections, "lake", lambda _settings: lake)
    with noted(lake.bucket.s3, bucket) as asked:
        assert [str(step) for step in rehearse(settings, datetime.now(UTC)) if not step.passed] == []
    policy = pipeline_policy("mine", bucket)
    assert [request for request in asked if not allows(policy, *request)] == []
    copied = {
        key for action, key in asked if action == "s3:PutObject" and re.search("/(lake|manifests)/", key)
    }
    assert len(copied) == 6  # a manifest and a part of each run
    assert [key for key in copied if not allows(copy_policy(bucket), "s3:GetObject", key)] == []
