"""Debian's Chromium, driven by Playwright."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from sandbox.local.airflow import Airflow

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
MISSING = "this machine has no Chromium: install it (on Debian: apt-get install chromium)"
WIDTH, HEIGHT = 1400, 860


def command() -> str | None:
    """Where Chromium is, if anywhere."""
    return next((found for name in COMMANDS if (found := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Browser]:
    """A headless browser that asks nobody but the pages it is shown."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=command(),
            args=[
                "--no-sandbox",  # it may not run as root with one
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


def visitor(browser: Browser, airflow: Airflow) -> BrowserContext:
    """A visitor of Airflow without a session."""
    viewport: Any = {"width": WIDTH, "height": HEIGHT}
    context = browser.new_context(
        base_url=airflow.url, viewport=viewport, locale="en-US", timezone_id="UTC", reduced_motion="reduce"
    )
    context.set_default_timeout(30_000)
    return context


def signed_in(browser: Browser, airflow: Airflow) -> BrowserContext:
    """A visitor who has signed in by hand, as `admin`."""
    context = visitor(browser, airflow)
    page = context.new_page()
    page.goto("/")
    page.get_by_label(re.compile("username", re.IGNORECASE)).fill("admin")
    page.get_by_label(re.compile("password", re.IGNORECASE)).first.fill(airflow.password)
    page.get_by_role("button", name=re.compile("sign in", re.IGNORECASE)).click()
    page.get_by_text("Welcome").wait_for()
    page.close()
    return context
