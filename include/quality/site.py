"""The data docs: Great Expectations' site, made readable without internet access and safe to show.

Its pages load their styles and scripts from other hosts, its index page is empty without them, and it writes
values of the audited tables into the HTML unescaped: they are escaped when they are selected (`engine.py`),
and so they lie in the results. Every page loses its scripts and gets our style sheet, and the index page is our
own: one section per audit, `index.html#<audit>`.
"""

import html
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from include.lake.runs import run_instant
from include.warehouse.pairing import Load
from include.wording import counted

log = logging.getLogger(__name__)

PREFIX = "data-docs/"
"""The prefix of the site in the bucket."""
URL_PREFIX = "/data-docs"
"""Where the Airflow plugin serves it, below the API server's base URL."""
UI_ROUTE = "data-docs"
"""The route of the page in Airflow's UI that shows the site in a frame: /plugin/<route>/<path in the frame>."""

DAG_RUN = "dag_run"
"""The key in a result's `meta` under which the audit keeps the id of its musician_warehouse run."""

_STYLE = Path(__file__).with_suffix(".css")
POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'"
"""What a page may do: show itself with our style sheet, and nothing else."""
_ACTIVE = re.compile(
    r"<script\b.*?</script\s*>|<style\b.*?</style\s*>|<link\b[^>]*>|<img\b[^>]*>|</?(?:iframe|object|embed|form|base|meta)\b[^>]*>",
    re.DOTALL | re.IGNORECASE,
)
_ONE_VALUES = re.compile(r"(?<![\d,.])1 unexpected values")
_NOT_SAID = {"batch_id", "column", "column_list", "ignore_row_if", "mostly", "unexpected_rows_query"}


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of one suite in one audit."""

    run: str
    """The newer run of the load."""
    judged_at: Annotated[datetime, msgspec.Meta(tz=True)]
    dag_run: str
    """The id of the musician_warehouse run; empty if a rebuild judged."""
    table: str
    page: str
    """The path of Great Expectations' page within the site."""
    evaluated: int
    failed: int
    failures: tuple[str, ...]
    """One line per failed expectation, warnings marked as such."""
    critical: bool
    """Whether one of them is critical."""

    @property
    def audit(self) -> tuple[datetime, str]:
        """What the validations of one audit have in common; later audits come later."""
        return self.judged_at, self.run

    @property
    def status(self) -> str:
        """`passed`, `warned` (only expectations of severity `warning` failed) or `failed`."""
        return "failed" if self.critical else "warned" if self.failed else "passed"


def audit_page(load: Load, judged_at: datetime) -> str:
    """The path, within the site, of the index page's section about this audit of the load."""
    return f"index.html#{_section(judged_at, load.newest)}"


def rounded(value: Any) -> str:
    """The value as people read it: fractions with four significant digits, also within lists."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{rounded(name)}: {rounded(each)}' for name, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(rounded, value))}]"
    if not isinstance(value, float | Decimal):
        return html.unescape(str(value))  # text is escaped when it is selected
    return f"{float(value):.4g}" if abs(float(value)) < 1_000 else f"{value:,.0f}"


def share(found: Mapping[str, Any]) -> str:
    """How many of the rows are unexpected, as a result says."""
    rows = found.get("element_count")
    return f"{found['unexpected_count'] or 0:,} of {'? rows' if rows is None else counted(rows, 'row')}"


def _section(judged_at: datetime, run: str) -> str:
    return f"{run}-judged-{judged_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def finish(site: Path) -> list[str]:
    """Makes the pages under `site` readable and safe; returns the names of the suites that have a page."""
    shutil.rmtree(site / "static", ignore_errors=True)  # fonts and images that are no longer used
    for page in site.rglob("*.html"):
        text = page.read_text()
        if f'href="{_style_of(page, site)}"' not in text:
            page.write_text(_readable(text, _style_of(page, site)))
    (site / _STYLE.name).write_text(_STYLE.read_text())
    return sorted(page.stem for page in (site / "expectations").glob("*.html"))


def _style_of(page: Path, site: Path) -> str:
    return Path(os.path.relpath(site / _STYLE.name, page.parent)).as_posix()


def _readable(page: str, style: str) -> str:
    harmless = _ONE_VALUES.sub("1 unexpected value", _ACTIVE.sub("", page))
    return harmless.replace("<head>", f"<head>{_head(style)}", 1)


def _head(style: str) -> str:
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta charset="utf-8"><link rel="stylesheet" href="{style}">'
    )


def validations(results: Path) -> Iterator[Validation]:
    """What Great Expectations' result files say: <suite>/<run>/<instant>/<batch>.json. Damaged ones are skipped."""
    for file in sorted(results.rglob("*.json")):
        try:
            yield _validation(
                file, f"validations/{file.relative_to(results).with_suffix('.html').as_posix()}"
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            log.warning("skipped %s, which is no result of an audit: %r", file.relative_to(results), error)


def _validation(file: Path, page: str) -> Validation:
    found = json.loads(file.read_text())
    failed = [result for result in found["results"] if not result["success"]]
    return Validation(
        run=found["meta"]["run_id"]["run_name"],
        judged_at=datetime.fromisoformat(found["meta"]["run_id"]["run_time"]),
        dag_run=found["meta"].get(DAG_RUN, ""),
        table=found["suite_name"],
        page=page,
        evaluated=len(found["results"]),
        failed=len(failed),
        failures=tuple(_failure(result) for result in failed),
        critical=any(_severity(result) == "critical" for result in failed),
    )


def _severity(result: Mapping[str, Any]) -> str:
    return str(result["expectation_config"].get("severity") or "critical")


def _failure(result: Mapping[str, Any]) -> str:
    config, found = result["expectation_config"], result.get("result") or {}
    kwargs = {name: value for name, value in config["kwargs"].items() if name not in _NOT_SAID}
    about = config["kwargs"].get("column") or config["kwargs"].get("column_list") or config.get("description")
    severity = "" if _severity(result) == "critical" else f" ({_severity(result)} only)"
    if (config.get("meta") or {}).get("accepted"):
        severity = " (accepted by an operator, although it differs from earlier loads)"
    expected = " ".join(
        [
            config["type"].removeprefix("expect_").replace("_", " "),
            *map(_said, sorted(kwargs.items(), reverse=True)),
        ]
    )
    if found.get("unexpected_count") is not None:
        seen = f"{share(found)} {'is' if found['unexpected_count'] == 1 else 'are'} not"
        if examples := found.get("partial_unexpected_list"):
            seen += f", such as {', '.join(map(rounded, examples[:3]))}"
    else:
        seen = f"found {rounded(found.get('observed_value', 'an error'))}"
    return f"{about or 'table'}{severity}: {expected}; {seen}"


def _said(argument: tuple[str, Any]) -> str:
    name, value = argument
    return f"{name.removesuffix('_value')} {rounded(value)}"


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
        f"<!DOCTYPE html><html lang='en'><head>{_head(_STYLE.name)}<title>Data docs</title></head><body>"
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
