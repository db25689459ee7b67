"""README's table of attacks counts what the tests try."""

import re
from pathlib import Path

from tests.orchestration.test_notifications import CLOSED, QUERIES
from tests.orchestration.test_tls import SERVERS
from tests.quality.test_audit import HOSTILE
from tests.quality.test_site import ELEMENTS, OUTSIDE, OUTSIDE_AS_RECEIVED, VISITS
from tests.sources.test_http import BEFORE, FORMS

README = Path(__file__).parents[2] / "README.md"
ATTEMPTS = {
    "requests for the data docs": len(VISITS),
    "paths that lead out of the data docs": len(OUTSIDE) + len(OUTSIDE_AS_RECEIVED),
    "values and elements": len(HOSTILE) + len(ELEMENTS),
    "an API key echoed": len(FORMS) * len(BEFORE),
    "getting the password": sum(not server.is_told for server in SERVERS),
    "webhooks that fail": len(CLOSED) * len(QUERIES),
}
"""How many there are of each kind; a test makes each of them and sees it fail."""


def test_the_table_of_attacks_counts_what_the_tests_try() -> None:
    table = README.read_text().split("| attack | attempts | succeeded |")[1].split("\n\n")[0]
    told = re.findall(r"\| (.+) \| (\d+) \| (\d+) \|", table)
    assert len(told) == len(ATTEMPTS)
    for kind, attempts in ATTEMPTS.items():
        assert [counts for what, *counts in told if what.startswith(kind)] == [[f"{attempts}", "0"]], kind
