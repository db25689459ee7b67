"""Runs the Great Expectations suites, and says in one line what each expectation found."""

import html
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from include.lake.runs import run_instant
from include.quality.engine import Engine
from include.quality.odd_row import only_warn_of_one
from include.quality.results import outcome
from include.warehouse.failures import in_one_line
from include.warehouse.pairing import Load
from include.warehouse.parking import FailedRows
from include.warehouse.tables import JUDGED

_EXAMPLES = 20
"""How many failing rows the data docs show for each expectation."""


_KEYS = {
    "dim_songs": ["song_key"],
    "fact_songs": ["song_key", "snapshot_date"],
    "dim_concerts": ["concert_id"],
    "bridge_concert_artists": ["concert_id", "artist_key"],
    "fact_artists": ["artist_key"],
    "load_summary": ["snapshot_date"],
}


@dataclass(frozen=True, slots=True)
class Result:
    """What one expectation found."""

    success: bool
    errors: tuple[str, ...]
    """Raised in place of a result."""
    is_critical: bool
    """Whether it fails the audit, unless it succeeds; otherwise it only warns."""
    summary: str
    """One line."""
    found_in: tuple[str, str | None]
    """The table and, if the expectation is about one, the column."""
    rows: FailedRows | None
    """How to select the rows that fail."""


def validate(
    root: Path, load: Load, engine: Engine, judged_at: datetime, accepted: Collection[str]
) -> list[Result]:
    """Runs every suite and builds the site; returns what each expectation found."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # It logs every default value that it looks up.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    # It takes five seconds to import, so only the audit task does.
    import great_expectations as gx
    from great_expectations.checkpoint.actions import UpdateDataDocsAction
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.expectations.metadata_types import FailureSeverity

    from include.quality.few_statements import FewStatements

    context = gx.get_context(
        mode="file", context_root_dir=root, runtime_environment={"REDSHIFT_URL": engine.url}
    )
    source: Any = context.data_sources.get("redshift")
    source.kwargs = {"connect_args": dict(engine.connect_args)}
    type(source).execution_engine_override = FewStatements
    run_id = RunIdentifier(run_name=load.newest, run_time=judged_at)
    results = []
    for table in JUDGED:
        suite = context.suites.get(table)
        for expectation in suite.expectations:
            if (expectation.meta or {}).get("compares") in accepted:
                expectation.severity = FailureSeverity.WARNING
                expectation.meta = {**(expectation.meta or {}), "accepted": True}
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(
                name=table,
                data=_asset(source, table, engine).add_batch_definition_whole_table("load"),
                suite=context.suites.add_or_update(suite),
            )
        )
        # Counting takes one scan for all expectations together, examples two scans for each expectation: so
        # examples are fetched only if something failed. The second run replaces the results of the first.
        for examples in (0, _EXAMPLES):
            source.get_execution_engine().shows_examples = bool(examples)
            checkpoint = context.checkpoints.add(
                gx.Checkpoint(
                    name=f"{table} with {examples} examples",
                    validation_definitions=[definition],
                    actions=[UpdateDataDocsAction(name="data_docs")],
                    result_format={
                        "result_format": "SUMMARY",
                        "partial_unexpected_count": examples,
                        "unexpected_index_column_names": _KEYS[table],
                        "return_unexpected_index_query": True,
                    },
                )
            )
            checked = checkpoint.run(
                expectation_parameters={
                    "snapshot_date": load.snapshot_date.isoformat(),
                    "songs_date": run_instant(load.songs).date().isoformat(),
                    "events_at": run_instant(load.events).strftime("%Y-%m-%d %H:%M:%S"),
                },
                run_id=run_id,
            )
            [validation] = checked.run_results.values()
            if checked.success:
                break
            only_warn_of_one(definition.suite, validation.results)
        results += [_result(table, result) for result in validation.results]
    return results


def _asset(source: Any, table: str, engine: Engine) -> Any:
    asset = source.get_asset(table)
    asset.schema_name = engine.schema
    return asset


def _result(table: str, result: Any) -> Result:
    config, summary = result.expectation_config, _summary(table, result)
    query = result.result.get("unexpected_index_query")
    if "unexpected_rows_query" in config.kwargs:
        query = config.kwargs["unexpected_rows_query"].format(batch=f"audit.{table}")
    if query and config.type == "expect_compound_columns_to_be_unique":
        # The library's own query for this one names an ambiguous column.
        columns = ", ".join(config.kwargs["column_list"])
        query = f"select {columns} from audit.{table} group by {columns} having count(*) > 1"  # noqa: S608
    errors = _errors(result.exception_info or {})
    if errors:
        query = None  # it would raise again
    return Result(
        success=result.success,
        errors=errors,
        is_critical=config.severity.value == "critical",
        summary=summary,
        found_in=(table, config.kwargs.get("column")),
        rows=FailedRows(table, summary, query.strip().rstrip(";"), len(_KEYS[table])) if query else None,
    )


def _errors(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The errors raised in place of a result, by the expectation or by its metrics."""
    raised = [info] if "raised_exception" in info else info.values()
    return tuple(
        html.unescape(str(each["exception_message"])) for each in raised if each.get("raised_exception")
    )


def _summary(table: str, result: Any) -> str:
    config = result.expectation_config
    kwargs = config.kwargs
    about = kwargs.get("column") or kwargs.get("column_list") or config.description
    if "column_A" in kwargs:
        about = f"{kwargs['column_A']} {kwargs['column_B']}"
    if errors := _errors(result.exception_info or {}):
        found = in_one_line(errors[0])
    else:
        found = outcome(config.type, kwargs, result.result)
    return f"{table}: {config.type} {about}: {found}"
