"""What Great Expectations' result files say of an audit, in words."""

import html
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec

from include.wording import counted

log = logging.getLogger(__name__)

DAG_RUN = "dag_run"
"""The key in a result's `meta` under which the audit keeps the id of its musician_warehouse run."""


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
