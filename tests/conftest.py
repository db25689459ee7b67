"""Fixtures: the sandbox's services, started once for all tests that ask for them; and what tests need beyond that."""

import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from include.ingestion import fetch as fetching
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.sources.client.messages import Backoff
from include.warehouse.tables import create_tables
from sandbox.connections import connection_environment
from sandbox.services import Services, start
from tests.support.snapshots import publish_pending
from tests.support.world import land_week_later, land_world

STARTING_AIRFLOW = ("tests/browser/", "tests/end_to_end/")
TODAY = datetime(2026, 11, 22, 6, tzinfo=UTC)
"""When the first run of `world` observed the stand-ins."""


ROOT = Path(__file__).resolve().parents[1]
NEEDS = {
    "tests/browser": ("playwright",),
    "tests/end_to_end": (".git", "git", "docs/"),
    "tests/orchestration/test_notifications.py": ("aiosmtpd",),
    "tests/project/test_any_day.py": (".ci/",),
    "tests/project/test_astro.py": (".git", "git", "check_jsonschema", "uv"),
    "tests/project/test_attacks.py": ("aiosmtpd",),
    "tests/project/test_benchmarks.py": ("benchmarks/",),
    "tests/project/test_docs.py": ("docs/",),
    "tests/project/test_glossary.py": ("docs/",),
    "tests/project/test_install.py": ("uv",),
    "tests/project/test_notebook.py": ("notebooks/", "altair", "vl_convert"),
    "tests/project/test_pre_commit.py": ("pre_commit",),
    "tests/provision/test_permissions.py": ("cfnlint", "docs/"),
    "tests/provision/test_stack.py": ("cfnlint",),  # which moto's CloudFormation imports
    "tests/provision/test_template.py": ("cfnlint",),
    "tests/sandbox/test_container.py": (".env.sandbox",),
    "tests/test_imports.py": ("benchmarks/", "notebooks/"),
    "tests/warehouse/test_round_trips.py": ("benchmarks/",),
}
"""What tests need beyond Airflow and requirements.txt: files and folders (with a dot or a slash), modules and programs.

In the image, `astro dev pytest` finds none of them. Where something is missing, the tests are skipped by name and not
imported.
"""


def _missing(path: Path) -> list[str]:
    """What the tests of a file need and is not there."""
    tested = path.relative_to(ROOT).as_posix()
    needed = [need for place, needs in NEEDS.items() if tested.startswith(place) for need in needs]
    return [
        need
        for need in needed
        if not (
            (ROOT / need).exists()
            if need.startswith(".") or need.endswith("/")
            else find_spec(need) or shutil.which(need)
        )
    ]


class NotImported(pytest.Module):
    """A file of tests that cannot run here."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip(f"{self.nodeid} needs {', '.join(_missing(self.path))}", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if not _missing(module_path):
        return None
    return NotImported.from_parent(parent, path=module_path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One process runs whatever starts an Airflow, so that no two run at once; the others run file by file."""
    from xdist.scheduler import LoadFileScheduling

    class OneAirflow(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "airflow" if nodeid.startswith(STARTING_AIRFLOW) else super()._split_scope(nodeid)

    return OneAirflow(config, log)


@pytest.fixture(autouse=True)
def logs_of_the_next_test() -> Iterator[None]:
    """Ends the silence that some commands of `python -m include` keep in their process."""
    yield
    logging.disable(logging.NOTSET)
    os.environ.pop("AIRFLOW__LOGGING__LOGGING_LEVEL", None)


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """PostgreSQL, Redshift, S3 and both APIs; Airflow's connections and its home point at them."""
    # Not in pytest's own folder, which every session makes private: run by root, PostgreSQL is another user.
    with (
        tempfile.TemporaryDirectory(prefix="musician-warehouse-") as folder,
        start(Path(folder) / "services", "--concerts", "300", "--today", f"{TODAY:%F}") as running,
    ):
        environment = {
            **connection_environment(running),
            "AIRFLOW_HOME": str(Path(folder) / "airflow"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            yield running


@pytest.fixture(scope="session")
def s3(services: Services) -> Any:
    """A boto3 client for the sandbox's S3."""
    return services.aws.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    """The name of a fresh, empty bucket."""
    name = f"test-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def lake(s3: Any, bucket: str) -> Lake:
    """An empty lake."""
    return Lake(Bucket(s3, bucket))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries of the sources' clients wait milliseconds instead of seconds."""
    monkeypatch.setattr(fetching, "BACKOFF", Backoff(tries=4, first=0.001, longest=0.01))


@pytest.fixture
def redshift(services: Services) -> Iterator[Any]:
    """A redshift_connector connection to a database with none of the warehouse's schemas."""
    import redshift_connector

    with redshift_connector.connect(**services.redshift, ssl=False) as connection:
        with connection.cursor() as cursor:
            for schema in ("staging", "audit", "dwh", "analytics"):
                cursor.execute(f"drop schema if exists {schema} cascade")
        connection.commit()
        yield connection
        connection.rollback()


@pytest.fixture
def tables(redshift: Any) -> Any:
    """A redshift_connector connection to a warehouse whose tables exist and are empty."""
    create_tables(redshift)
    return redshift


@pytest.fixture(scope="session")
def world(services: Services, s3: Any) -> Lake:
    """A lake with weekly runs: everything in the stand-ins, then two weeks of changes."""
    lake = Lake(Bucket(s3, f"world-{uuid.uuid4()}"))
    land_world(services, lake, TODAY)
    for _ in range(2):
        land_week_later(lake)
    return lake


@pytest.fixture
def star(tables: Any, world: Lake) -> Any:
    """A redshift_connector connection to a warehouse in which all of `world` is published, without audits."""
    publish_pending(tables, world)
    return tables
