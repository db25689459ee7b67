"""What every Python process under libfaketime imports first: a `time.sleep` that libfaketime does not break.

Python sleeps until an instant of the monotonic clock, which libfaketime 0.9.10 (Debian 12) takes for an instant
of the clock it moves: the call fails with EINVAL.
"""

import select
import time


def _sleep(seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = _sleep
