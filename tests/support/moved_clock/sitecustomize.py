"""Imported first by every Python process under libfaketime: a `time.sleep` that works there.

Python sleeps until an instant of the monotonic clock. libfaketime 0.9.10 (Debian 12) takes that for an
instant of the clock it moves, and the call fails with EINVAL.
"""

import select
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = _sleep
