"""The data docs' index page: a section per audit, `index.html#<audit>`, newest first, and the suites."""

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import quote

from include.lake.runs import run_instant
from include.quality.results import Validation
from include.quality.site import STYLE, head
from include.warehouse.pairing import Load


def audit_page(load: Load, judged_at: datetime) -> str:
    """The path, within the site, of the index page's section about this audit of the load."""
    return f"index.html#{_section(judged_at, load.newest)}"


def _section(judged_at: datetime, run: str) -> str:
    return f"{run}-judged-{judged_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def index(validations: Sequence[Validation], suites: Sequence[str]) -> str:
    """The index page: a section per audit, newest first, and the suites."""
    newest_first = sorted(validations, key=lambda validation: validation.audit, reverse=True)
    audits = [
        _audit(sorted(of_audit, key=lambda validation: validation.table))
        for _, of_audit in groupby(newest_first, key=lambda validation: validation.audit)
    ]
    listed = "".join(
        f'<li><a href="expectations/{_escape(suite)}.html">{_escape(suite)}</a></li>' for suite in suites
    )
    return (
        f"<!DOCTYPE html><html lang='en'><head>{head(STYLE.name)}<title>Data docs</title></head><body>"
        "<h1>Data docs</h1><p class='lead'>The audits of the star, newest first. "
        "A load is published only if no critical expectation failed.</p>"
        f"{''.join(audits)}<h2>What is expected</h2><ul>{listed}</ul></body></html>"
    )


def _audit(validations: list[Validation]) -> str:
    first = validations[0]
    statuses = {validation.status for validation in validations}
    verdict = "failed" if "failed" in statuses else "warned" if "warned" in statuses else "passed"
    said = {
        "failed": "✘ failed: what failed is parked, dwh is unchanged",
        "warned": "▲ passed, with warnings",
        "passed": "✔ passed",
    }
    rows = "".join(
        f"<tr><td class='{validation.status}'>{said[validation.status].split(':')[0]}</td>"
        f"<td><a href='{_escape(validation.page)}'>{_escape(validation.table)}</a>"
        f"{_list(validation.failures)}</td>"
        f"<td class='number'>{validation.evaluated}</td><td class='number'>{validation.failed}</td></tr>"
        for validation in validations
    )
    return (
        f"<section id='{_escape(_section(first.judged_at, first.run))}'>"
        f"<h2>{run_instant(first.run):%-d %B %Y} <span class='{verdict}'>{said[verdict]}</span></h2>"
        f"<p class='note'>{_origin(first)}</p>"
        "<table><thead><tr><th>Result</th><th>Table</th><th class='number'>Expectations</th>"
        f"<th class='number'>Failed</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _origin(validation: Validation) -> str:
    judged = f"Newest run {_escape(validation.run)}, judged {validation.judged_at:%-d %B %Y, %H:%M} UTC"
    if not validation.dag_run:
        return f"{judged} in a rebuild."
    # Relative, so that it works behind any port and prefix.
    run = quote(validation.dag_run, safe="")
    return f"{judged} in the run <a href='../dags/musician_warehouse/runs/{run}'>{_escape(validation.dag_run)}</a>."


def _list(failures: tuple[str, ...]) -> str:
    if not failures:
        return ""
    return f"<ul class='failures'>{''.join(f'<li>{_escape(failure)}</li>' for failure in failures)}</ul>"


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
