"""Whatever the search does on two days in a row: the certificate of neither claims what is not so.

More seeds: make soak ARGS="--crawls --seeds 0-299"
"""

import pytest

from tests.support.two_days import wrong


@pytest.mark.parametrize("seed", range(12))
async def test_no_certificate_of_two_days_lies(seed: int) -> None:
    assert await wrong(seed) is None
