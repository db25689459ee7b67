"""What a run of `musician_warehouse` says when its load fails the audit."""

from include.orchestration.star import rejection
from include.quality.audit import Audit
from include.warehouse.pairing import Load
from include.warehouse.parking import Verdict

LOAD = Load("2026-11-22T060000Z", "2026-11-22T070000Z", ("events", "songs"))
DOCS = "s3://b/data-docs/index.html#x"
RATIO = "load_summary: expect_column_values_to_be_between songs_rows_ratio: must be at least 0.5, but is 0.1"
NULL = (
    "dim_concerts: expect_column_values_to_not_be_null venue_name: must not be null, but 2 of 3 rows are not"
)


def failed(*failures: str, warnings: tuple[str, ...] = (), at_fault: tuple[str, ...] = ("songs",)) -> Audit:
    count = len(failures) + len(warnings)
    return Audit(100, count, Verdict(failures, at_fault=at_fault), warnings, DOCS)


def test_a_rejection_begins_with_what_failed_and_by_how_much() -> None:
    assert rejection(LOAD, failed(RATIO), 1) == (
        f"{RATIO}. Because 1 expectation failed, songs 2026-11-22T070000Z is parked, and dwh is unchanged. "
        f"1 failing row in audit.failed_rows; data docs: {DOCS}."
    )


def test_a_rejection_counts_what_failed_and_tells_warnings_apart() -> None:
    both = failed(NULL, RATIO, warnings=("load_summary: few",), at_fault=("events", "songs"))
    assert rejection(LOAD, both, 1_234) == (
        f"{NULL}; {RATIO}. Because 2 expectations failed, events 2026-11-22T060000Z and songs 2026-11-22T070000Z "
        f"are parked, and dwh is unchanged. 1,234 failing rows in audit.failed_rows; data docs: {DOCS}. "
        "Also 1 warning: load_summary: few."
    )
