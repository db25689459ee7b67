"""The rehearsal: it passes in the sandbox, says what differs, and leaves nothing behind."""

from collections.abc import Iterator
from typing import Any

import pytest

from include.orchestration import rehearsal
from include.settings import Settings
from include.warehouse.renamed import renamed
from tests.conftest import TODAY


@pytest.fixture
def rehearsed(redshift: Any, bucket: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings for a rehearsal, after which nothing of it may be left."""
    s3.put_object(Bucket=bucket, Key="manifests/events/kept.json", Body=b"{}")
    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    with redshift.cursor() as cursor:
        cursor.execute("create schema dwh")
        redshift.commit()
        yield Settings.from_environment()
        cursor.execute("select nspname from pg_namespace where nspname !~ '^pg_|information_schema|public'")
        assert list(cursor.fetchall()) == [["dwh"]] or cursor.rowcount == 1
    found = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in found] == ["manifests/events/kept.json"]


def test_in_the_sandbox_it_passes(rehearsed: Settings) -> None:
    steps = list(rehearsal.rehearse(rehearsed, TODAY))
    assert [str(step) for step in steps if not step.passed] == []
    assert [step.name for step in steps][-2:] == ["nothing is left behind", "all of it"]


def test_what_differs_is_said_and_cleared_up(rehearsed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "BUILT", rehearsal.BUILT[:1])
    steps = [str(step) for step in rehearsal.rehearse(rehearsed, TODAY)]
    assert [step[0] for step in steps] == ["✔", "✔", "✘", "✔"]
    assert "expected [5, 3, 0, 3, 3, 1], found [5]" in steps[2]


def test_what_cannot_be_copied_is_said_and_cleared_up(
    rehearsed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.lake.parquet.FORM", {"compression": "zstd"})
    steps = [str(step) for step in rehearsal.rehearse(rehearsed, TODAY)]
    assert [step[0] for step in steps] == ["✔", "✘", "✔"]
    assert "is compressed with ZSTD" in steps[1]


@pytest.mark.parametrize(
    ("statement", "becomes"),
    [
        (
            "select a.audit from dwh.x as a join audit.y on 1 = 1",
            "select a.audit from r_dwh.x as a join r_audit.y on 1 = 1",
        ),
        ("create schema if not exists staging", "create schema if not exists r_staging"),
        ("where table_schema = 'dwh'", "where table_schema = 'r_dwh'"),
        ("copy staging.events from 's3://audit.b/dwh.x'", "copy r_staging.events from 's3://audit.b/dwh.x'"),
    ],
)
def test_schemas_are_renamed_where_they_are_meant(statement: str, becomes: str) -> None:
    assert renamed(statement, "r_") == becomes
