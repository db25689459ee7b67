"""One odd row says nothing about a load, however few rows it has.

An expectation with `mostly` is about a share of the rows: that is most of 20 rows with one odd row among them, but
not of ten. Expectations without it, such as those about grain, keys and references, hold for every row.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite


def only_warn_of_one(suite: "ExpectationSuite", results: Iterable[Any]) -> None:
    """Makes those expectations of the suite about shares only warn that, by these results, a single row failed."""
    from great_expectations.expectations.metadata_types import FailureSeverity

    excused = {
        result.expectation_config.id
        for result in results
        if "mostly" in result.expectation_config.kwargs and result.result.get("unexpected_count") == 1
    }
    for expectation in suite.expectations:
        if expectation.id in excused:
            expectation.severity = FailureSeverity.WARNING
    suite.save()
