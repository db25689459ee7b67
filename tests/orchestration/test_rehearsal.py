"""The rehearsal: it passes in the sandbox, says what differs, and leaves nothing behind."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from include.errors import StorageUnavailable
from include.lake.lake import Lake
from include.orchestration import rehearsal
from include.settings import Settings
from include.warehouse.pairing import Load
from include.warehouse.renamed import renamed
from include.warehouse.transactions import transaction
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
    assert [step[0] for step in steps] == ["✔", "✔", "✔", "✔", "✘", "✔"]
    assert "expected [5, 3, 0, 3, 3, 1], found [5]" in steps[4]


def test_what_cannot_be_copied_is_said_and_cleared_up(
    rehearsed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.lake.parquet.FORM", {"compression": "zstd"})
    steps = [str(step) for step in rehearsal.rehearse(rehearsed, TODAY)]
    assert [step[0] for step in steps] == ["✔", "✔", "✘", "✔"]
    assert "is compressed with ZSTD" in steps[2]


def test_what_was_landed_goes_also_if_the_second_manifest_cannot_be(
    rehearsed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, written = Lake.put_manifest, []

    def fails(lake: Lake, dataset: str, *given: Any) -> Any:
        written.append(dataset)
        if len(written) == 2:
            raise StorageUnavailable("S3 is away.")
        return put(lake, dataset, *given)

    monkeypatch.setattr(Lake, "put_manifest", fails)
    steps = [str(step) for step in rehearsal.rehearse(rehearsed, TODAY)]
    assert [step[0] for step in steps] == ["✘", "✔"]
    assert "S3 is away." in steps[0]


_KILLED = """
import os, signal
from datetime import datetime
from include.orchestration.rehearsal import rehearse
from include.settings import Settings
for number, step in enumerate(rehearse(Settings.from_environment(), datetime.fromisoformat("%s"))):
    print(step, flush=True)
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
"""
"""A rehearsal that is killed when it has landed, created tables and copied."""


def test_what_a_killed_rehearsal_left_behind_is_removed_by_one_an_hour_later(
    rehearsed: Settings, redshift: Any, s3: Any
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED % TODAY.isoformat()], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    soon = list(rehearsal.rehearse(rehearsed, TODAY + timedelta(minutes=59)))
    assert [str(step) for step in soon if not step.passed] == []
    assert "rehearsal_20261122060000_" in soon[0].name and "may still be running" in soon[0].name
    kept = {"staging", "audit", "dwh", "analytics"}
    assert _schemas(redshift) == {f"rehearsal_20261122060000_{schema}" for schema in kept}
    found = s3.list_objects_v2(Bucket=rehearsed.bucket, Prefix="rehearsal_")["Contents"]
    assert {each["Key"].split("/")[0] for each in found} == {"rehearsal_20261122060000"}

    later = list(rehearsal.rehearse(rehearsed, TODAY + timedelta(minutes=61)))
    assert [str(step) for step in later if not step.passed] == []
    assert later[0].name == "what rehearsal_20261122060000_ left goes"
    assert len(later) == len(soon)
    assert _schemas(redshift) == set()


def test_schemas_and_objects_with_other_names_are_no_leftovers(
    rehearsed: Settings, redshift: Any, s3: Any
) -> None:
    with transaction(redshift) as cursor:
        cursor.execute("create schema rehearsal_of_the_choir_dwh")
    s3.put_object(Bucket=rehearsed.bucket, Key="rehearsal_notes/20200101.txt", Body=b"mine")
    try:
        steps = list(rehearsal.rehearse(rehearsed, TODAY))
        assert steps[0].name == "manifests are landed"
        assert _schemas(redshift) == {"rehearsal_of_the_choir_dwh"}
    finally:
        s3.delete_object(Bucket=rehearsed.bucket, Key="rehearsal_notes/20200101.txt")
        with transaction(redshift) as cursor:
            cursor.execute("drop schema rehearsal_of_the_choir_dwh")


def _schemas(redshift: Any) -> set[str]:
    with transaction(redshift) as cursor:
        cursor.execute("select nspname from pg_namespace where nspname like 'rehearsal%'")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.parametrize(
    ("table", "spoil", "found"),
    [
        ("events", "starts_at = date_trunc('second', starts_at)", "datetime(2026, 12, 21, 6, 0)"),
        ("songs", "song_name = replace(song_name, 'Ü', 'U')", "'Uber'"),
    ],
)
def test_a_copy_that_loses_parts_of_values_is_noticed(
    rehearsed: Settings, monkeypatch: pytest.MonkeyPatch, table: str, spoil: str, found: str
) -> None:
    stage = rehearsal.warehouse.stage

    def lossy(redshift: Any, lake: Lake, load: Load, dataset: str, role: str) -> int:
        rows = stage(redshift, lake, load, dataset, role)
        with transaction(redshift) as cursor:
            cursor.execute(f"update staging.{table} set {spoil}")
        return rows

    monkeypatch.setattr(rehearsal.warehouse, "stage", lossy)
    steps = [str(step) for step in rehearsal.rehearse(rehearsed, TODAY)]
    assert [step[0] for step in steps] == ["✔", "✔", "✔", "✘", "✔"]
    assert found in steps[3]


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
