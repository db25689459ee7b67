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
import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from include.errors import WarehouseUnavailable
from include.lake.lake import Lake
from include.quality.engine import Engine
from include.quality.index_page import audit_page
from include.quality.publication import publish
from include.quality.results import DAG_RUN
from include.quality.site import PREFIX
from include.quality.validation import Result, validate
from include.warehouse.failures import is_of_data, of_login
from include.warehouse.pairing import Load, at_fault
from include.warehouse.parking import Verdict
from include.wording import counted

log = logging.getLogger(__name__)

_CONTEXT = Path(__file__).parents[2] / "great_expectations"


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
            results = validate(root, load, engine, judged_at, accepted)
        _require_evaluated(load, results)
        _note_dag_run(root / "uncommitted" / "validations", load, judged_at, dag_run)
        publish(lake, root / "uncommitted" / "data_docs", root / "uncommitted" / "validations", kept_runs)
    failed = [result for result in results if not result.success]
    critical = [result for result in failed if result.is_critical]
    outcome = Audit(
        passed=len(results) - len(failed),
        failed=len(failed),
        verdict=Verdict(
            failures=tuple(result.summary for result in critical),
            failed_rows=tuple(result.rows for result in critical if result.rows),
            at_fault=at_fault(load, [result.found_in for result in critical]) if critical else (),
        ),
        warnings=tuple(result.summary for result in failed if not result.is_critical),
        data_docs=lake.bucket.url(f"{PREFIX}{audit_page(load, judged_at)}"),
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
            found["meta"][DAG_RUN] = dag_run
            file.write_text(json.dumps(found))


def _require_evaluated(load: Load, results: Sequence[Result]) -> None:
    raised = [result for result in results if any(not is_of_data(error) for error in result.errors)]
    for rejected in (of_login(error) for result in raised for error in result.errors):
        if rejected:
            raise rejected
    if raised:
        raise WarehouseUnavailable(
            f"The audit of {load} could not run, so nothing was judged: {len(raised)} of {len(results)} "
            f"expectations could not be evaluated, such as {raised[0].summary}. If this keeps happening, check "
            "the connection `redshift`."
        )
