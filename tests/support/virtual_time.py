"""An event loop whose clock jumps to the next timer: hours of waiting pass instantly, in the right order."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class _Selector(selectors.SelectSelector):
    """Waits only for the clock of its loop."""

    loop: "_Loop"

    def select(self, timeout: float | None = None) -> list[Any]:
        self.loop.now += (timeout or 0) + 1e-6  # nothing takes no time at all
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Like `asyncio.run`, for coroutines that wait only for timers and each other."""
    loop = _Loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()
