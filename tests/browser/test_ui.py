"""What people see in Airflow's UI, in a real browser: assets, grids, data docs; and the notifications they get."""

import json
import re
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from sandbox.local.run import INGESTIONS, WAREHOUSE
from tests.browser import chromium
from tests.browser.story import DEADLINE_MINUTES, Story, request, started

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(chromium.command() is None, reason=chromium.MISSING),
]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with started(tmp_path_factory.mktemp("story")) as story:
        yield story


@pytest.fixture(scope="module", autouse=True)
def overdue(story: Story) -> str:
    """A run that misses its deadline while the other tests look at the UI: one of a paused DAG stays in the queue."""
    request(story.client, "PATCH", f"/dags/{WAREHOUSE}", {"is_paused": True})
    return story.client.trigger(WAREHOUSE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium.started() as browser:
        yield browser


@pytest.fixture(scope="module")
def session(story: Story, browser: Any) -> Iterator[Any]:
    context = chromium.signed_in(browser, story.airflow)
    yield context
    context.close()


@pytest.fixture
def page(session: Any) -> Iterator[Any]:
    page = session.new_page()
    yield page
    page.close()


def quoted(run_id: str) -> str:
    return urllib.parse.quote(run_id, safe="")


def test_the_asset_graph_leads_from_both_sources_to_the_star(page: Any) -> None:
    page.goto("/assets")
    page.get_by_role("link", name="musician_star").click()
    graph = page.locator(".react-flow")
    for name in (
        "ingest_events",
        "ingest_songs",
        "musician_events",
        "musician_songs",
        WAREHOUSE,
        "musician_star",
    ):
        graph.get_by_text(name, exact=True).first.wait_for()
    assert graph.locator(".react-flow__edge").count() >= 5


def test_the_assets_are_grouped_and_described(page: Any) -> None:
    page.goto("/assets")
    description = page.get_by_text("Concerts").first  # the narrow column breaks the text
    folded = page.locator(".codicon-folding-collapsed")  # the viewer of JSON folds what it shows
    description.or_(folded).first.wait_for(timeout=90_000)
    deadline = time.monotonic() + 90
    while not description.is_visible() and time.monotonic() < deadline:
        for arrow in folded.all():  # each asset has a viewer, and folds it once more when its content arrives
            with suppress(TimeoutError):
                arrow.click(timeout=1_000)
        page.wait_for_timeout(500)
    assert description.is_visible()
    assert page.get_by_role("cell", name="lake", exact=True).count() == 2
    assert page.get_by_role("cell", name="warehouse", exact=True).count() == 1


@pytest.mark.parametrize("dag_id", INGESTIONS)
def test_the_grid_of_an_ingestion_is_green(page: Any, story: Story, dag_id: str) -> None:
    page.goto(f"/dags/{dag_id}")
    page.get_by_text("Latest Run").wait_for()
    for state in ("failed", "upstream_failed", "up_for_retry"):
        assert page.locator(f'[id^="grid-"][id*="{state}"]').count() == 0
    tasks = request(story.client, "GET", f"/dags/{dag_id}/dagRuns/~/taskInstances")["task_instances"]
    assert {task["state"] for task in tasks} == {"success"}
    for task in tasks:
        page.get_by_text(task["task_id"], exact=True).first.wait_for()


def test_the_grid_of_the_warehouse_shows_a_published_and_a_failed_run(page: Any, story: Story) -> None:
    page.goto(f"/dags/{WAREHOUSE}")
    for run_id, state in ((story.published_run, "success"), (story.failed_run, "failed")):
        page.goto(f"/dags/{WAREHOUSE}/runs/{quoted(run_id)}")
        page.get_by_text(re.compile(f"^{state}$", re.IGNORECASE)).first.wait_for()
    page.get_by_text("build_fact_artists", exact=True).first.wait_for()


def test_a_healthy_run_skips_nothing_and_its_note_names_the_load(page: Any, story: Story) -> None:
    run = f"/dags/{WAREHOUSE}/dagRuns/{quoted(story.published_run)}"
    tasks = request(story.client, "GET", f"{run}/taskInstances")["task_instances"]
    assert {task["state"] for task in tasks} == {"success"}
    page.goto(f"/dags/{WAREHOUSE}/runs/{quoted(story.published_run)}")
    page.get_by_text(re.compile(r"Auditing events \S+ with songs")).first.wait_for()


def test_the_note_of_a_failed_run_begins_with_its_reason(page: Any, story: Story) -> None:
    page.goto(f"/dags/{WAREHOUSE}/runs/{quoted(story.failed_run)}")
    page.get_by_text(
        re.compile(r"The audit failed\. load_summary: .*must be at least 0\.5, but is ")
    ).first.wait_for()


@pytest.mark.parametrize(
    ("dag_id", "param"), [(WAREHOUSE, "rebuild"), (WAREHOUSE, "accept"), ("ingest_songs", "redrive")]
)
def test_an_operator_finds_the_params_where_a_run_is_triggered(page: Any, dag_id: str, param: str) -> None:
    page.goto(f"/dags/{dag_id}")
    page.get_by_text("Latest Run").wait_for()
    page.get_by_role("button", name=re.compile("trigger", re.IGNORECASE)).first.click()
    page.get_by_text(re.compile(rf"^{param}\W*$")).first.wait_for()  # a required one has a star


def test_the_data_docs_are_reached_through_the_navigation(page: Any) -> None:
    page.goto("/")
    page.get_by_role("link", name="Data docs").click()
    docs = page.frame_locator("iframe")
    docs.get_by_role("heading", name="Data docs").wait_for()
    assert docs.get_by_text("✔ passed").count() > 0
    assert docs.get_by_text("failed: what failed is parked").count() == 1


def test_a_validation_that_passed_and_one_that_failed_can_be_read(page: Any) -> None:
    page.goto("/plugin/data-docs")
    docs = page.frame_locator("iframe")
    docs.get_by_text("songs_rows_ratio").first.wait_for()
    failed = docs.get_by_role("row").filter(has_text="songs_rows_ratio").first
    failed.get_by_role("link", name="load_summary").click()
    docs.get_by_text("Status:").wait_for()
    assert docs.get_by_text("✘").count() == 0  # drawn by the style sheet
    docs.locator(":text('Failed'):visible").first.wait_for()
    docs.get_by_role("link", name="Home").click()
    docs.get_by_role("link", name="dim_concerts").first.click()
    docs.locator(":text('Succeeded'):visible").first.wait_for()


def test_a_suite_can_be_read_with_what_it_expects_of_the_whole_table(page: Any) -> None:
    page.goto("/data-docs/expectations/fact_artists.html")  # returns once the style sheet has been applied
    assert page.get_by_text("Values for given compound columns must be unique together").is_visible()
    note = page.get_by_text("The snapshot date is that of the load.")
    assert note.evaluate("note => getComputedStyle(note).color") != "rgb(255, 0, 0)"


def test_an_audit_links_to_its_run(page: Any, story: Story) -> None:
    page.goto("/plugin/data-docs")
    docs = page.frame_locator("iframe")
    docs.get_by_role("link", name=story.failed_run).click()
    docs.get_by_role("heading", name=story.failed_run).first.wait_for()


def test_a_page_of_the_data_docs_loads_nothing_from_elsewhere(session: Any) -> None:
    page = session.new_page()
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto("/data-docs/index.html")
    page.get_by_role("link", name="fact_artists").first.click()
    page.wait_for_url("**/validations/**")
    page.wait_for_load_state("load")
    origin = urllib.parse.urlsplit(page.url).netloc
    assert {urllib.parse.urlsplit(url).netloc for url in asked} == {origin}
    styled = page.locator("body").evaluate("body => getComputedStyle(body).fontFamily")
    assert "system-ui" in styled
    page.close()


def test_the_audit_links_to_its_own_validation(page: Any, story: Story) -> None:
    page.goto(f"/dags/{WAREHOUSE}/runs/{quoted(story.failed_run)}/tasks/audit/details")
    page.locator('a[href*="/plugin/data-docs/data-docs/index.html#"]').click()
    docs = page.frame_locator("iframe")
    docs.get_by_text("failed: what failed is parked").wait_for()
    run = urllib.parse.urlsplit(page.url).fragment
    assert docs.locator(f'section[id="{run}"]').get_by_text("failed: what failed is parked").count() == 1


def test_a_signed_out_visitor_is_rejected(story: Story, browser: Any) -> None:
    context = chromium.visitor(browser, story.airflow)
    page = context.new_page()
    for path in ("/data-docs/index.html", "/data-docs/site.css"):
        response = page.goto(path)
        assert response.status == 401
        assert "Data docs" not in page.content()
    page.goto("/plugin/data-docs")
    page.wait_for_url("**/auth/login?next=*")
    context.close()


def test_the_log_of_a_task_ends_with_what_it_counted(page: Any, story: Story) -> None:
    page.goto(f"/dags/{WAREHOUSE}/runs/{quoted(story.published_run)}/tasks/build_dim_songs")
    page.get_by_text(re.compile(r"built audit\.dim_songs: [\d,]+ rows")).wait_for()


def test_the_failed_audit_was_reported_with_reason_and_counts(story: Story) -> None:
    (message,) = [each for each in story.messages if each["task"]]
    assert (message["dag"], message["task"], message["run"]) == (WAREHOUSE, "audit", story.failed_run)
    assert message["reason"].startswith("DataRejected: load_summary: ")
    assert "songs_rows_ratio" in message["reason"]
    assert message["counts"]["stage_songs"] > 0
    assert message["log_url"].startswith(story.airflow.url)


def test_lineage_leads_from_objects_in_s3_over_staging_and_audit_to_the_star(story: Story) -> None:
    events = [json.loads(line) for line in story.lineage.read_text().splitlines()]
    edges = {
        (read["name"], written["name"])
        for event in events
        if event["eventType"] == "COMPLETE" and event["job"]["name"].startswith(f"{WAREHOUSE}.")
        for read in event["inputs"]
        for written in event["outputs"]
    }
    parts = [read for read, _ in edges if re.fullmatch(r"lake/songs/.+/part-00000\.parquet", read)]
    assert parts
    for path in (
        ("lake/events", "musician.staging.events"),
        (parts[0], "musician.staging.songs"),
        ("musician.staging.songs", "musician.audit.dim_songs"),
        ("musician.audit.dim_songs", "musician.audit.fact_artists"),
        ("musician.audit.fact_artists", "musician.dwh.fact_artists"),
    ):
        assert path in edges


def test_an_overdue_star_is_reported_to_people(story: Story, overdue: str) -> None:
    give_up = time.monotonic() + DEADLINE_MINUTES * 60 + 300  # the triggerer has a low priority
    messages: list[dict[str, Any]] = []
    while not messages and time.monotonic() < give_up:
        time.sleep(1)
        messages = [message for message in story.messages if message["run"] == overdue]
    assert messages[0]["text"].startswith(f"{WAREHOUSE} is overdue ({overdue})")
    assert "it is queued" in messages[0]["reason"]
