"""The data docs: Great Expectations' site, made readable without internet access and safe to show.

Its pages load their styles and scripts from other hosts, its index page is empty without them, and it writes
values of the audited tables, and errors, into the HTML unescaped: they are escaped when they are selected or raised
(`few_statements.py`), and so they lie in the results. Every page loses its scripts and gets our style sheet, and the
index page is our own (`index_page.py`).
"""

import os
import re
import shutil
from pathlib import Path

PREFIX = "data-docs/"
"""The prefix of the site in the bucket."""
URL_PREFIX = "/data-docs"
"""Where the Airflow plugin serves it, below the API server's base URL."""
UI_ROUTE = "data-docs"
"""The route of the page in Airflow's UI that shows the site in a frame: /plugin/<route>/<path in the frame>."""


STYLE = Path(__file__).with_suffix(".css")
"""The style sheet of every page."""
POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'"
"""What a page may do: show itself with our style sheet, and nothing else."""
_ACTIVE = re.compile(
    r"<script\b.*?</script\s*>|<style\b.*?</style\s*>"
    r"|</?(?:link|img|svg|math|video|audio|source|iframe|frame|object|embed|form|base|meta)\b[^>]*>"
    r"|(?<=\s)on\w+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+)|javascript:[^\"'\s>]*",
    re.DOTALL | re.IGNORECASE,
)
_WORDING = (
    (re.compile(r"(?<![\d,.])1 unexpected values"), "1 unexpected value"),
    (re.compile(r"(<span class=\"badge[^>]*>-?\d+)\.0(?=\s*</span>)"), r"\1"),
    (re.compile(r"(<span class=\"badge[^>]*>1\s*</span>) rows"), r"\1 row"),
    (re.compile(r"\{'\$PARAMETER': '(\w+)'\}"), r"the load's \1"),
)
"""What Great Expectations writes, and how people write it: whole limits without a fraction, the parameters of a suite
by their names."""


def finish(site: Path) -> list[str]:
    """Makes the pages under `site` readable and safe; returns the names of the suites that have a page."""
    shutil.rmtree(site / "static", ignore_errors=True)  # fonts and images that are no longer used
    for page in site.rglob("*.html"):
        text = page.read_text()
        if f'href="{_style_of(page, site)}"' not in text:
            page.write_text(_readable(text, _style_of(page, site)))
    (site / STYLE.name).write_text(STYLE.read_text())
    return sorted(page.stem for page in (site / "expectations").glob("*.html"))


def _style_of(page: Path, site: Path) -> str:
    return Path(os.path.relpath(site / STYLE.name, page.parent)).as_posix()


def _readable(page: str, style: str) -> str:
    text = _ACTIVE.sub("", page)
    for clumsy, readable in _WORDING:
        text = clumsy.sub(readable, text)
    return text.replace("<head>", f"<head>{head(style)}", 1)


def head(style: str) -> str:
    """The beginning of a page's head: what the page may do, and its style sheet."""
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta charset="utf-8"><link rel="stylesheet" href="{style}">'
    )
