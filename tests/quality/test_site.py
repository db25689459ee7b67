"""The data docs: readable and harmless pages, an index of the audits, and the plugin that serves them."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from include.lake.lake import Lake
from include.orchestration.links import data_docs_link
from include.quality import publication
from include.quality.index_page import index
from include.quality.results import outcome, rounded, validations
from include.quality.site import finish

ROOT = Path(__file__).resolve().parents[2]
EXPECTATION = {
    "expectation_config": {
        "type": "expect_column_values_to_be_unique",
        "kwargs": {"column": "song_key"},
        "severity": "critical",
    }
}
PASSED = {**EXPECTATION, "success": True, "result": {"element_count": 4, "unexpected_count": 0}}
FAILED = {
    **EXPECTATION,
    "success": False,
    "result": {"element_count": 4, "unexpected_count": 2, "partial_unexpected_list": ["b"]},
}
WARNED = {
    "expectation_config": {
        "type": "expect_table_row_count_to_be_between",
        "kwargs": {"min_value": 100, "batch_id": "x"},
        "description": "<b>enough rows</b>",
        "severity": "warning",
    },
    "success": False,
    "result": {"observed_value": 3},
}


JUDGED_AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


# --- what the audit publishes ---


def audit_found(results: Path, run: str, table: str, *found: dict[str, Any]) -> None:
    file = results / table / run / run.replace("-", "") / f"redshift-{table}.json"
    file.parent.mkdir(parents=True)
    file.write_text(
        json.dumps(
            {
                "meta": {
                    "run_id": {"run_name": run, "run_time": JUDGED_AT.isoformat()},
                    "dag_run": f"manual__{run}",
                },
                "suite_name": table,
                "results": found,
            }
        )
    )


ELEMENTS = [
    "<td>X<script>steal()</script></td>",
    "<img src=x onerror=steal()>",
    "<svg onload=steal()></svg>",
    "<a href='javascript:steal()'>x</a>",
    "<iframe src='https://evil.example'></iframe>",
    "<object data='https://evil.example'></object>",
    "<form action='https://evil.example'><input name=x></form>",
    "<base href='https://evil.example'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<video src='https://evil.example' autoplay></video>",
]
"""What would run in a page, or send or load something, if it came into one."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    page = tmp_path / "site" / "validations" / "dim_songs" / "run" / "instant" / "redshift-dim_songs.html"
    page.parent.mkdir(parents=True)
    page.write_text(
        "<html><head><link rel='stylesheet' href='https://cdn.example/bootstrap.css'>"
        "<style>body { color: red }</style><script src='https://cdn.example/jquery.js'></script></head>"
        f"<body><td>1 of 4 rows</td>{''.join(ELEMENTS)}</body></html>"
    )
    (tmp_path / "site" / "static" / "fonts").mkdir(parents=True)
    (tmp_path / "site" / "expectations").mkdir()
    (tmp_path / "site" / "expectations" / "dim_songs.html").write_text("<html><head></head></html>")
    audit_found(tmp_path / "results", "2026-11-20T060000Z", "dim_songs", FAILED)
    audit_found(tmp_path / "results", "2026-11-21T060000Z", "dim_songs", PASSED, WARNED)
    audit_found(tmp_path / "results", "2026-11-22T060000Z", "dim_songs", PASSED)
    audit_found(tmp_path / "results", "2026-11-22T060000Z", "dim_concerts", FAILED, PASSED)
    suites = finish(tmp_path / "site")
    found = [each for each in validations(tmp_path / "results") if each.run > "2026-11-21"]
    (tmp_path / "site" / "index.html").write_text(index(found, suites))
    return tmp_path / "site"


def test_a_page_keeps_its_content_and_loses_scripts_and_external_resources(site: Path) -> None:
    (page,) = site.glob("validations/**/*.html")
    text = page.read_text()
    assert "1 of 4 rows" in text
    for gone in ("https://", "script>", "javascript:", "onerror", "onload", "color: red", "steal", "<iframe"):
        assert gone not in text
    assert "Content-Security-Policy" in text


def test_a_page_finds_our_style_sheet(site: Path) -> None:
    (page,) = site.glob("validations/**/*.html")
    assert 'href="../../../../site.css"' in page.read_text()
    assert (site / "site.css").exists()


def test_unused_files_are_not_published(site: Path) -> None:
    assert not (site / "static").exists()


def test_eight_files_are_written_at_the_same_time_and_the_index_after_them(
    tmp_path: Path, site: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(16):
        (site / "validations" / f"{number}.html").write_text("<html><head></head></html>")
    put, all_eight, moved = lake.bucket.put, Barrier(8, timeout=120), list[str]()

    def together(key: str, *given: Any) -> None:
        moved.append(key)
        if len(moved) <= 16:  # the rest are no multiple of eight
            all_eight.wait()  # an error unless seven others come
        put(key, *given)

    monkeypatch.setattr(lake.bucket, "put", together)
    publication.publish(lake, site, tmp_path / "results", kept_runs=2)
    assert moved[-2:] == ["data-docs/index.html", "validations/audits.json"]


def test_the_index_has_the_kept_audits_newest_first_with_their_verdicts(site: Path) -> None:
    index = (site / "index.html").read_text()
    assert "2026-11-20T060000Z" not in index
    newest, older = index.index("id='2026-11-22T060000Z-"), index.index("id='2026-11-21T060000Z-")
    assert newest < older
    assert "failed: what failed is parked" in index[newest:older]
    assert "passed, with warnings" in index[older:]


def test_an_audit_has_a_readable_date_as_its_heading_and_links_to_its_run(site: Path) -> None:
    index = (site / "index.html").read_text()
    assert "<h2>22 November 2026 <span" in index
    assert "judged 22 November 2026, 09:30 UTC in the run" in index
    assert "<a href='../dags/musician_warehouse/runs/manual__2026-11-22T060000Z'>" in index


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.3333333333333333, "0.3333"),
        (12345.678, "12,346"),
        (7, "7"),
        (None, "None"),
        (Decimal("0.33333333333333"), "0.3333"),
        (Decimal("123456.789"), "123,457"),
        ([0.123456789, "a &amp; b", 2], "[0.1235, a & b, 2]"),
        (("e1", Decimal("91.123456789")), "[e1, 91.12]"),
        ({"price": 0.123456789, "of": ["e1"]}, "{price: 0.1235, of: [e1]}"),
    ],
)
def test_values_are_rounded_for_readers(value: Any, said: str) -> None:
    assert rounded(value) == said


ROWS = {"element_count": 1_200, "unexpected_count": 1, "partial_unexpected_list": [0.22444]}


@pytest.mark.parametrize(
    ("kind", "kwargs", "found", "said"),
    [
        (
            "column_values_to_be_between",
            {"column": "ratio", "min_value": 0.5},
            ROWS,
            "must be at least 0.5, but 1 of 1,200 rows is not, such as 0.2244",
        ),
        (
            "column_values_to_be_between",
            {"column": "ratio", "min_value": 0, "max_value": 0.05},
            ROWS,
            "must be between 0 and 0.05, but 1 of 1,200 rows is not, such as 0.2244",
        ),
        (
            "column_values_to_be_between",
            {"column": "valid_to", "min_value": "2026-11-22", "max_value": "2026-11-22"},
            {"element_count": None, "unexpected_count": 3},
            "must be 2026-11-22, but 3 of ? rows are not",
        ),
        (
            "column_values_to_not_be_null",
            {"column": "venue_name"},
            {"element_count": 4, "unexpected_count": 2, "partial_unexpected_list": []},
            "must not be null, but 2 of 4 rows are not",
        ),
        (
            "column_values_to_be_in_set",
            {"column": "status", "value_set": ["onsale", "offsale"]},
            {"element_count": 1, "unexpected_count": 1, "partial_unexpected_list": ["sold &amp; out"]},
            "must be one of [onsale, offsale], but is sold & out",
        ),
        (
            "column_pair_values_a_to_be_greater_than_b",
            {"column_A": "price_max", "column_B": "price_min", "or_equal": True},
            {"element_count": 4, "unexpected_count": 1, "partial_unexpected_list": [(1, 2)]},
            "must be at least price_min, but 1 of 4 rows is not, such as [1, 2]",
        ),
        ("table_row_count_to_equal", {"value": 1}, {"observed_value": 0}, "row count must be 1, but is 0"),
    ],
)
def test_what_was_expected_and_found_is_said_in_words(
    kind: str, kwargs: dict[str, Any], found: dict[str, Any], said: str
) -> None:
    assert outcome(f"expect_{kind}", kwargs, found) == said


def test_an_expectation_that_is_a_query_says_how_many_rows_it_found() -> None:
    assert outcome("unexpected_rows_expectation", {}, {"observed_value": 1}) == "not so in 1 row"


def test_the_index_says_what_failed_and_links_to_the_page(site: Path) -> None:
    index = (site / "index.html").read_text()
    assert "song_key: must be unique, but 2 of 4 rows are not, such as b" in index
    page = "validations/dim_concerts/2026-11-22T060000Z/20261122T060000Z/redshift-dim_concerts.html"
    assert f"<a href='{page}'>dim_concerts</a>" in index
    assert '<a href="expectations/dim_songs.html">dim_songs</a>' in index


def test_the_index_shows_text_as_text(site: Path) -> None:
    index = (site / "index.html").read_text()
    assert "&lt;b&gt;enough rows&lt;/b&gt; (warning only): row count must be at least 100, but is 3" in index


def test_the_audit_task_links_to_its_own_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Operator:
        op_args = (
            {
                "load": {"events": "2026-11-22T060000Z", "songs": "2026-11-21T070000Z", "pending": []},
                "judged_at": "2026-11-22T09:30:00+00:00",
            },
        )

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/")
    link = data_docs_link()
    assert link.name == "Data docs"
    assert link.get_link(Operator(), ti_key=None) == (
        "/team/plugin/data-docs/team/data-docs/index.html#2026-11-22T060000Z-judged-20261122T093000Z"
    )


# --- the plugin ---


@pytest.fixture(scope="session")
def airflow_site(services: Any) -> Iterator[Any]:
    """Airflow's auth manager and the plugin's site, as the API server mounts it."""
    from airflow import settings
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.models.revoked_token import RevokedToken
    from fastapi import FastAPI

    from plugins.data_docs import DataDocs

    # The only table of the metadata database that signing in reads.
    RevokedToken.__table__.create(settings.engine, checkfirst=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "0123456789abcdef" * 4)
        create_auth_manager().init()
        server = FastAPI()
        for application in DataDocs.fastapi_apps:
            server.mount(application["url_prefix"], application["app"])
        yield server


@pytest.fixture
def visitor(airflow_site: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A browser without a session; the settings name a fresh bucket."""
    from starlette.testclient import TestClient

    monkeypatch.setenv("MUSICIAN_BUCKET", bucket)
    return TestClient(airflow_site, follow_redirects=False)


@pytest.fixture
def reader(visitor: Any) -> Any:
    """The same, signed in."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="reader", role="viewer")
    visitor.cookies.set("_token", get_auth_manager().generate_jwt(user))
    return visitor


VISITS = [
    (visitor, path)
    for visitor in ("nobody", "with a forged token", "without a role")
    for path in ("", "index.html", "site.css", "nothing.html")
]


@pytest.mark.parametrize(("who", "path"), VISITS)
def test_whoever_may_not_see_plugins_is_rejected(visitor: Any, published: str, who: str, path: str) -> None:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    if who == "with a forged token":
        visitor.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.")
    if who == "without a role":
        user = SimpleAuthManagerUser(username="nobody", role=None)
        visitor.cookies.set("_token", get_auth_manager().generate_jwt(user))
    answer = visitor.get(f"/data-docs/{path}")
    assert answer.status_code == (403 if who != "nobody" else 401)
    assert "Data docs" not in answer.text


@pytest.fixture
def published(s3: Any, bucket: str) -> str:
    for name, body in (("index.html", b"<h1>Data docs</h1>"), ("site.css", b"body {}")):
        s3.put_object(Bucket=bucket, Key=f"data-docs/{name}", Body=body)
    s3.put_object(Bucket=bucket, Key="manifests/events/secret.json", Body=b"{}")
    return bucket


def test_a_signed_in_reader_gets_the_pages_with_their_types(reader: Any, published: str) -> None:
    page = reader.get("/data-docs/index.html")
    assert (page.status_code, page.text) == (200, "<h1>Data docs</h1>")
    assert page.headers["content-type"].startswith("text/html")
    assert reader.get("/data-docs/site.css").headers["content-type"].startswith("text/css")


def test_a_bucket_of_another_account_is_not_served(
    reader: Any, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 rejects a request that names another owner than the bucket's; its stand-in does not."""
    from botocore.client import BaseClient

    asked: list[dict[str, Any]] = []
    call = BaseClient._make_api_call
    monkeypatch.setattr(
        BaseClient, "_make_api_call", lambda s3, name, given: asked.append(given) or call(s3, name, given)
    )
    monkeypatch.setenv("MUSICIAN_BUCKET_OWNER", "999999999999")
    assert reader.get("/data-docs/index.html").status_code == 200
    assert [each["ExpectedBucketOwner"] for each in asked] == ["999999999999"]


def test_no_log_has_what_signs_the_requests_for_a_page(
    reader: Any, published: str, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("botocore").setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        assert reader.get("/data-docs/index.html").status_code == 200
    assert "urllib3" in {record.name.split(".")[0] for record in caplog.records}  # it does log at that level
    assert not [record for record in caplog.records if record.name.startswith("botocore")]
    assert "Signature=" not in caplog.text


def test_the_folder_leads_to_the_index(reader: Any, published: str) -> None:
    assert reader.get("/data-docs/").headers["location"] == "index.html"


def test_a_page_runs_nothing_and_is_not_cached_by_others(reader: Any, published: str) -> None:
    headers = reader.get("/data-docs/index.html").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    policy = [directive.strip() for directive in headers["content-security-policy"].split(";")]
    assert {
        "sandbox allow-same-origin",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    } <= {*policy}
    assert "script-src" not in headers["content-security-policy"]
    assert headers["cache-control"] == "private, no-cache"


OUTSIDE = [
    "../manifests/events/secret.json",
    "..%2fmanifests/events/secret.json",
    "%2e%2e/manifests/events/secret.json",
    "x/../../manifests/events/secret.json",
    "%5c..%5cmanifests",
    "/etc/passwd",
    "%00",
]
OUTSIDE_AS_RECEIVED = [
    "../manifests/events/secret.json",
    "./../manifests/events/secret.json",
    "x/../../manifests/events/secret.json",
    "/manifests/events/secret.json",
    "/../manifests/events/secret.json",
    "..\\manifests\\events\\secret.json",
    "%2e%2e/manifests/events/secret.json",
    "../data-docs/index.html",
    "./index.html",
    "index.html/",
    "index.html\0",
    "s3://manifests/events/secret.json",
]
"""Paths as a server hands them on, decoded; a client would resolve most of them first."""


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_data_docs_is_served(reader: Any, published: str, path: str) -> None:
    response = reader.get(f"/data-docs/{path}")
    assert response.status_code == 404
    assert "{}" not in response.text


@pytest.mark.parametrize("path", OUTSIDE_AS_RECEIVED)
async def test_nor_for_a_path_that_no_client_has_resolved(
    reader: Any, airflow_site: Any, published: str, path: str
) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def get(path: str) -> tuple[int, bytes]:
        sent.clear()
        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET"},
            **{"scheme": "http", "server": ("testserver", 80), "client": ("127.0.0.1", 1), "root_path": ""},
            **{"path": f"/data-docs/{path}", "raw_path": f"/data-docs/{path}".encode(), "query_string": b""},
            "headers": [(b"host", b"testserver"), (b"cookie", f"_token={reader.cookies['_token']}".encode())],
        }
        await airflow_site(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)

    assert await get("index.html") == (200, b"<h1>Data docs</h1>")
    status, body = await get(path)
    assert status == 404 and b"{}" not in body and b"<h1>" not in body


def test_before_the_first_audit_the_page_says_what_to_do(reader: Any) -> None:
    response = reader.get("/data-docs/index.html")
    assert response.status_code == 404
    assert "There are no data docs yet" in response.text


def test_without_a_bucket_the_page_says_the_same(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICIAN_BUCKET", "no-such-bucket")
    assert "There are no data docs yet" in reader.get("/data-docs/index.html").text


def test_a_page_that_was_removed_is_explained(reader: Any, published: str) -> None:
    assert "MUSICIAN_DATA_DOCS_RUNS" in reader.get("/data-docs/validations/old.html").text


def test_loading_the_plugin_imports_neither_boto3_nor_great_expectations(tmp_path: Path) -> None:
    # Except for what Airflow's own API server has imported by then.
    script = (
        "import sys\n"
        "import airflow.api_fastapi.core_api.security\n"
        "before = set(sys.modules)\n"
        "import plugins.data_docs\n"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert not {"boto3", "botocore", "great_expectations", "pandas"} & set(
        json.loads(loaded.stdout.splitlines()[-1].replace("'", '"'))
    )
