"""The tables of Great Expectations' pages of results: their fractions rounded, and warnings told from failures.

`great_expectations.yml` names this class, so the site is built with it.
"""

from collections.abc import Callable
from copy import copy
from decimal import Decimal
from typing import Any

from great_expectations.render.renderer.content_block.validation_results_table_content_block import (
    ValidationResultsTableContentBlockRenderer,
)

from include.quality.results import rounded


class ResultsTable(ValidationResultsTableContentBlockRenderer):
    """Great Expectations' table: a row per expectation, with its status and what was observed."""

    @classmethod
    def _get_content_block_fn(
        cls, expectation_type: str, expectation_config: Any = None
    ) -> Callable[..., Any]:
        rows_of: Any = super()._get_content_block_fn(expectation_type, expectation_config)

        def rows(result: Any, **more: Any) -> Any:
            shown = copy(result)
            shown.result = _rounded(result.result)
            table = rows_of(result=shown, **more)
            config = result.expectation_config
            if not result.success and config.severity.value != "critical":
                status = table[0][0].string_template
                status["template"] = "$icon $severity"
                status["params"]["severity"] = config.severity.value
                status["styling"]["params"] = {
                    "icon": {"classes": ["fas", "fa-exclamation-triangle", "text-warning"], "tag": "i"},
                    "severity": {"classes": ["text-warning"]},
                }
            return table

        return rows


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(rounded(value).replace(",", "")) if isinstance(value, float | Decimal) else value
