"""The audit: runs the Great Expectations suites against the schema `audit` and publishes the data docs.

The folder `great_expectations/` is a file context. It is copied to a temporary folder for each audit,
because Great Expectations writes into its context and the project folder may be read-only. S3 has

    validations/…json     the results of the newest audits
    data-docs/index.html  the site built from them: every audit, every suite, and a page per validation

Data that fails raises no error: the caller decides what a failure means. An expectation that could not be
evaluated does not count as a failure of the data.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from include.errors import WarehouseUnavailable
from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.quality import site as data_docs
from include.quality.odd_row import only_warn_of_one
from include.quality.publication import publish
from include.warehouse.failures import in_one_line, is_of_data, of_login
from include.warehouse.pairing import Load, at_fault
from include.warehouse.parking import FailedRows, Verdict
from include.warehouse.tables import JUDGED
from include.wording import counted

log = logging.getLogger(__name__)

_CONTEXT = Path(__file__).parents[2] / "great_expectations"
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
class Engine:
    """How SQLAlchemy connects to the warehouse."""

    url: str
    connect_args: Mapping[str, Any]
    """Arguments for the driver."""

    connection: Any = None
    """An open connection to use instead, so that its uncommitted rows are visible; closing it must be harmless."""
    schema: str = "audit"
    """The schema with the tables of the load; only a rehearsal uses another."""

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Makes SQLAlchemy use the open connection, if there is one, until the block ends."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine as SqlAlchemyEngine

        from include.quality.literals import with_values

        def connect(*_: Any) -> Any:
            return self.connection  # None: connect as usual

        def commit_each_statement(connected: Any, _: Any) -> None:
            if connected is not self.connection:  # otherwise each would be sent with a begin and a rollback
                connected.autocommit = True

        event.listen(SqlAlchemyEngine, "do_connect", connect)
        event.listen(SqlAlchemyEngine, "connect", commit_each_statement)
        event.listen(SqlAlchemyEngine, "before_cursor_execute", with_values, retval=True)
        try:
            yield
        finally:
            event.remove(SqlAlchemyEngine, "before_cursor_execute", with_values)
            event.remove(SqlAlchemyEngine, "connect", commit_each_statement)
            event.remove(SqlAlchemyEngine, "do_connect", connect)


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome of one audit. Expectations with severity `warning` never make it fail."""

    passed: int
    failed: int
    verdict: Verdict
    warnings: tuple[str, ...]
    data_docs: str
    """s3:// URL of this audit's section of the data docs' index page."""

    @property
    def success(self) -> bool:
        """True if no critical expectation failed."""
        return not self.verdict.failures


def audit(
    lake: Lake,
    load: Load,
    engine: Engine,
    kept_runs: int,
    *,
    judged_at: datetime,
    dag_run: str = "",
    accepted: Collection[str] = (),
) -> Audit:
    """Judges the load in the schema `audit` and publishes the data docs of the newest `kept_runs` audits.

    The load and `judged_at` identify the audit: a load that is judged again gets another section, which links to
    the run `dag_run` of musician_warehouse. Expectations that compare a dataset with earlier runs
    (`"compares": "events"` in their `meta`) only warn if that dataset is `accepted`. Raises
    `WarehouseUnavailable` if an expectation could not be evaluated, and `ConnectionMissing` if Redshift rejects the
    login.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(_CONTEXT, Path(folder) / "great_expectations"))
        with engine.connected():
            results = _validate(root, load, engine, judged_at, accepted)
        _require_evaluated(load, results)
        _note_dag_run(root / "uncommitted" / "validations", load, judged_at, dag_run)
        publish(lake, root / "uncommitted" / "data_docs", root / "uncommitted" / "validations", kept_runs)
    failed = [result for result in results if not result["success"]]
    critical = [result for result in failed if result["severity"] == "critical"]
    outcome = Audit(
        passed=len(results) - len(failed),
        failed=len(failed),
        verdict=Verdict(
            failures=tuple(result["summary"] for result in critical),
            failed_rows=tuple(result["rows"] for result in critical if result["rows"]),
            at_fault=at_fault(load, [result["found_in"] for result in critical]) if critical else (),
        ),
        warnings=tuple(result["summary"] for result in failed if result["severity"] != "critical"),
        data_docs=lake.bucket.url(f"{data_docs.PREFIX}{data_docs.audit_page(load, judged_at)}"),
    )
    for line in outcome.warnings:
        log.warning("warning (does not fail the audit): %s", line)
    log.info(
        "audit: %s passed, %d failed, %s; %s",
        *(counted(outcome.passed, "expectation"), outcome.failed - len(outcome.warnings)),
        *(counted(len(outcome.warnings), "warning"), outcome.data_docs),
    )
    return outcome


def _note_dag_run(folder: Path, load: Load, judged_at: datetime, dag_run: str) -> None:
    """Writes the id of the musician_warehouse run into the results of this audit."""
    for file in folder.glob(f"*/{load.newest}/*/*.json"):
        found = json.loads(file.read_text())
        if datetime.fromisoformat(found["meta"]["run_id"]["run_time"]) == judged_at:
            found["meta"][data_docs.DAG_RUN] = dag_run
            file.write_text(json.dumps(found))


def _validate(
    root: Path, load: Load, engine: Engine, judged_at: datetime, accepted: Collection[str]
) -> list[dict[str, Any]]:
    """Runs every suite and builds the site; per expectation its success, its severity and a one-line summary."""
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
            outcome = checkpoint.run(
                expectation_parameters={
                    "snapshot_date": load.snapshot_date.isoformat(),
                    "songs_date": run_instant(load.songs).date().isoformat(),
                    "events_at": run_instant(load.events).strftime("%Y-%m-%d %H:%M:%S"),
                },
                run_id=run_id,
            )
            [validation] = outcome.run_results.values()
            if outcome.success:
                break
            only_warn_of_one(definition.suite, validation.results)
        results += [_result(table, result) for result in validation.results]
    return results


def _asset(source: Any, table: str, engine: Engine) -> Any:
    asset = source.get_asset(table)
    asset.schema_name = engine.schema
    return asset


def _result(table: str, result: Any) -> dict[str, Any]:
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
    return {
        "success": result.success,
        "errors": errors,
        "severity": config.severity.value,
        "summary": summary,
        "found_in": (table, config.kwargs.get("column")),
        "rows": FailedRows(table, summary, query.strip().rstrip(";"), len(_KEYS[table])) if query else None,
    }


def _require_evaluated(load: Load, results: Sequence[Mapping[str, Any]]) -> None:
    raised = [result for result in results if any(not is_of_data(error) for error in result["errors"])]
    for rejected in (of_login(error) for result in raised for error in result["errors"]):
        if rejected:
            raise rejected
    if raised:
        raise WarehouseUnavailable(
            f"The audit of {load} could not run, so nothing was judged: {len(raised)} of {len(results)} "
            f"expectations could not be evaluated, such as {raised[0]['summary']}. If this keeps happening, check "
            "the connection `redshift`."
        )


def _errors(info: Mapping[str, Any]) -> list[str]:
    """The errors raised in place of a result, by the expectation or by its metrics."""
    raised = [info] if "raised_exception" in info else info.values()
    return [str(each["exception_message"]) for each in raised if each.get("raised_exception")]


def _summary(table: str, result: Any) -> str:
    config = result.expectation_config
    kwargs = config.kwargs
    about = kwargs.get("column") or kwargs.get("column_list") or config.description
    if "column_A" in kwargs:
        about = f"{kwargs['column_A']} {kwargs['column_B']}"
    if errors := _errors(result.exception_info or {}):
        found = in_one_line(errors[0])
    elif "unexpected_count" in result.result:
        found = data_docs.share(result.result)
        if examples := result.result.get("partial_unexpected_list"):
            found += f", such as {', '.join(map(data_docs.rounded, examples[:3]))}"
    else:
        found = f"found {data_docs.rounded(result.result.get('observed_value'))}"
    return f"{table}: {config.type} {about}: {found}"
