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


def outcome(kind: str, kwargs: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What was expected and what was found: `must be at least 0, but 2 of 9 rows are not, such as -1`.

    Takes an expectation's type and arguments and its result.
    """
    wanted, unexpected = _wanted(kind, kwargs), found.get("unexpected_count")
    if unexpected is None:
        seen = found.get("observed_value", "an error")
        if wanted or not isinstance(seen, int):
            return f"{wanted or 'must be so'}, but is {rounded(seen)}"
        return f"not so in {counted(seen, 'row')}"
    rows, examples = found.get("element_count"), found.get("partial_unexpected_list") or ()
    if rows == 1 and examples:
        return f"{wanted}, but is {rounded(examples[0])}"
    but = f"{unexpected:,} of {'? rows' if rows is None else counted(rows, 'row')}"
    verb = "is" if unexpected == 1 else "are"
    such = f", such as {', '.join(map(rounded, examples[:3]))}" if examples else ""
    return f"{wanted}, but {but} {verb} not{such}"


def _wanted(kind: str, kwargs: Mapping[str, Any]) -> str:
    """What the expectation demands; empty if it is a query, whose description says it."""
    wanted = {
        "expect_column_values_to_be_between": f"must be {_range(kwargs)}",
        "expect_column_values_to_be_in_set": f"must be one of {rounded(kwargs.get('value_set'))}",
        "expect_column_pair_values_a_to_be_greater_than_b": (
            f"must be {'at least' if kwargs.get('or_equal') else 'greater than'} {kwargs.get('column_B')}"
        ),
        "expect_compound_columns_to_be_unique": "must be unique together",
        "expect_table_row_count_to_be_between": f"row count must be {_range(kwargs)}",
        "expect_table_row_count_to_equal": f"row count must be {kwargs.get('value')}",
        "unexpected_rows_expectation": "",
    }
    return wanted.get(
        kind, kind.removeprefix("expect_").replace("_", " ").replace("column values to", "must")
    )


def _range(kwargs: Mapping[str, Any]) -> str:
    least, most = kwargs.get("min_value"), kwargs.get("max_value")
    if least is None or most is None:
        return f"at least {rounded(least)}" if most is None else f"at most {rounded(most)}"
    return rounded(least) if least == most else f"between {rounded(least)} and {rounded(most)}"


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
    config, kwargs = result["expectation_config"], result["expectation_config"]["kwargs"]
    about = kwargs.get("column") or kwargs.get("column_A") or _joined(kwargs) or config.get("description")
    severity = "" if _severity(result) == "critical" else f" ({_severity(result)} only)"
    if (config.get("meta") or {}).get("accepted"):
        severity = " (accepted by an operator, although it differs from earlier loads)"
    said = outcome(config["type"], kwargs, result.get("result") or {})
    return f"{(about or 'table').rstrip('.')}{severity}: {said}"


def _joined(kwargs: Mapping[str, Any]) -> str:
    return " and ".join(kwargs.get("column_list") or ())
