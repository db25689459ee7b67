"""Takes the pictures in docs/images: `make screenshots`. Look at each before you commit it."""

import re
import sys
import tempfile
import urllib.parse
from pathlib import Path
from typing import Any

from sandbox.local.run import WAREHOUSE
from tests.browser import chromium
from tests.browser.story import ROOT, Story, started

IMAGES = ROOT / "docs" / "images"
WIDTH = 1750
HEIGHTS = {
    "asset-graph": 900,
    "warehouse-run": 1000,
    "trigger": 1220,
    "data-docs": 1120,
    "failed-validation": 830,
}
CUT_OFF = """() => [...document.querySelectorAll("*")].filter(element => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    if (!box.width || !box.height || style.visibility === "hidden" || element.closest(".react-flow, textarea"))
        return false;
    const scrolls = kind => ["auto", "scroll"].includes(kind);
    const isRoot = element === document.scrollingElement;
    const below = element.scrollHeight - element.clientHeight - element.scrollTop;
    const right = element.scrollWidth - element.clientWidth - element.scrollLeft;
    return (below > 1 && (isRoot || scrolls(style.overflowY)))
        || (right > 1 && (isRoot || scrolls(style.overflowX) || style.textOverflow === "ellipsis"));
}).map(element => `${element.tagName} ${element.className}: ${element.innerText.slice(0, 60)}`)"""
"""What is longer or wider than it is shown."""


def take(story: Story, page: Any) -> None:
    def size(name: str) -> None:
        page.set_viewport_size({"width": WIDTH, "height": HEIGHTS[name]})

    def shot(name: str) -> None:
        page.wait_for_timeout(1500)  # animations of the graph and the charts
        page.mouse.move(0, 0)
        if cut_off := [each for frame in page.frames for each in frame.evaluate(CUT_OFF)]:
            raise ValueError(f"{name}.png would cut off: {cut_off}")
        page.screenshot(path=IMAGES / f"{name}.png")
        print(f"docs/images/{name}.png")

    size("asset-graph")
    page.goto("/assets")
    page.get_by_role("link", name="musician_star").click()
    page.locator(".react-flow").get_by_text("ingest_events").wait_for()
    unfold(page)
    shot("asset-graph")

    size("warehouse-run")
    page.goto(f"/dags/{WAREHOUSE}/runs/{urllib.parse.quote(story.published_run, safe='')}")
    page.get_by_text("build_fact_artists", exact=True).first.wait_for()
    shot("warehouse-run")

    size("trigger")
    page.goto("/dags/ingest_events")
    page.get_by_text("Latest Run").wait_for()
    page.get_by_role("button", name=re.compile("trigger", re.IGNORECASE)).first.click()
    page.get_by_text("How many days ahead").wait_for()
    shot("trigger")

    size("data-docs")
    page.goto("/")
    page.get_by_role("link", name="Data docs").click()
    docs = page.frame_locator("iframe")
    docs.get_by_text("songs_rows_ratio").first.wait_for()
    shot("data-docs")

    size("failed-validation")
    docs.get_by_role("link", name="load_summary").first.click()
    docs.get_by_role("link", name="songs_rows_ratio").click()
    docs.get_by_text("Status:").wait_for()
    shot("failed-validation")


def unfold(page: Any) -> None:
    """Unfolds the extra of the newest asset event. The viewer folds it once more when its content arrives."""
    content = page.get_by_text("snapshot_date").first
    for _ in range(30):
        page.wait_for_timeout(1000)
        if content.is_visible():
            return
        page.locator(".codicon-folding-collapsed").first.click()
    raise ValueError("asset-graph.png would not show what the asset event says")


def main() -> int:
    if chromium.command() is None:
        print(f"No pictures were taken: {chromium.MISSING}", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    print("Starting the sandbox and Airflow, and running the pipeline twice: a few minutes")
    with (
        tempfile.TemporaryDirectory() as home,
        started(Path(home)) as story,
        chromium.started() as browser,
    ):
        take(story, chromium.signed_in(browser, story.airflow).new_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
