"""Great Expectations' engine with fewer statements: each is a round trip, and Redshift plans and compiles it."""

import html
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from great_expectations.exceptions.exceptions import MetricResolutionError
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

_EXAMPLES = (".unexpected_values", ".unexpected_index_list", "unexpected_rows_query.table")
_COUNTS = (".unexpected_count", "unexpected_rows_query.row_count")


class FewStatements(SqlAlchemyExecutionEngine):
    """Great Expectations' engine, which selects examples only while `shows_examples` is true, and only of what it has
    counted before.

    Even for zero examples the library sends two statements per expectation that end in `limit 0`, and Redshift plans
    and compiles each. Text in the examples and in errors is escaped for HTML, because the pages show it unescaped.
    """

    shows_examples = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._counts: dict[Hashable, int] = {}

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[Any],
        metrics: Any = None,
        runtime_configuration: dict[Any, Any] | None = None,
    ) -> dict[Any, Any]:
        """The metrics' values; for examples, an empty list unless `shows_examples`."""
        wanted = list(metrics_to_resolve)
        skipped = [m for m in wanted if m.metric_name.endswith(_EXAMPLES) and not self._selects(m)]
        rest = [metric for metric in wanted if metric not in skipped]
        try:
            found = super().resolve_metrics(rest, metrics, runtime_configuration) if rest else {}
        except MetricResolutionError as error:
            raise MetricResolutionError(_escaped(str(error)), error.failed_metrics) from None
        for metric in rest:
            if metric.metric_name.endswith(_EXAMPLES):
                found[metric.id] = _escaped(found[metric.id])
            elif metric.metric_name.endswith(_COUNTS):
                self._counts[_condition(metric)] = found[metric.id]
        return {**found, **{metric.id: [] for metric in skipped}}

    def _selects(self, examples: Any) -> bool:
        return self.shows_examples and self._counts.get(_condition(examples)) != 0


def _condition(metric: Any) -> Hashable:
    """What a metric counts or shows examples of: the values that do not meet an expectation."""
    values = {key: value for key, value in metric.metric_value_kwargs.items() if key != "result_format"}
    return metric.metric_name.rpartition(".")[0], metric.metric_domain_kwargs_id, repr(sorted(values.items()))


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, Mapping):
        return {name: _escaped(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_escaped, value))
    return value
