"""Reproducible random draws: every value is a function of (seed, stream, index), so nothing has to be stored.

The function is splitmix64, written twice with equal results: for one index (plain integers) and for a
whole column (numpy). It is a bijection on the index, so distinct indices never draw equal 64-bit values.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_STEP, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

T = TypeVar("T")


@lru_cache(maxsize=1024)
def _origin(seed: int, stream: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest(), "big")


def text_index(text: str) -> int:
    """A 64-bit index that stands for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def pair(first: int, second: int) -> int:
    """A single index for a pair of indices; `second` must be below 2**24."""
    return first << 24 | second


class Seeded:
    """Draws from one seed. `stream` names what is drawn, so that an object's properties are independent."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def whole(self, stream: str, index: int) -> int:
        """A whole number in [0, 2**64)."""
        z = (_origin(self.seed, stream) + (index + 1) * _STEP) & _MASK
        z = ((z ^ z >> 30) * _FIRST) & _MASK
        z = ((z ^ z >> 27) * _SECOND) & _MASK
        return z ^ z >> 31

    def unit(self, stream: str, index: int) -> float:
        """A number in [0, 1)."""
        return (self.whole(stream, index) >> 11) / (1 << 53)

    def pick(self, stream: str, index: int, choices: Sequence[T]) -> T:
        """One of the choices, all equally likely."""
        return choices[self.whole(stream, index) % len(choices)]

    def uuid(self, stream: str, index: int) -> str:
        """A well-formed random (version 4) UUID."""
        high, low = self.whole(stream, 2 * index), self.whole(stream, 2 * index + 1)
        digits = f"{high:016x}{low:016x}"
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[low >> 62]}{digits[17:20]}-{digits[20:]}"
        )

    def wholes(self, stream: str, indices: NDArray[np.int64]) -> NDArray[np.uint64]:
        """`whole` of every index."""
        z = np.uint64(_origin(self.seed, stream)) + (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(
            _STEP
        )
        z = (z ^ z >> np.uint64(30)) * np.uint64(_FIRST)
        z = (z ^ z >> np.uint64(27)) * np.uint64(_SECOND)
        return z ^ z >> np.uint64(31)

    def units(self, stream: str, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """`unit` of every index."""
        drawn: NDArray[np.float64] = (self.wholes(stream, indices) >> np.uint64(11)) / float(1 << 53)
        return drawn


def picked(drawn: NDArray[np.float64], choices: Sequence[tuple[float, int]]) -> NDArray[np.int64]:
    """For each draw, the first choice whose cumulative share is above it."""
    shares, values = np.array([share for share, _ in choices]), np.array([value for _, value in choices])
    found: NDArray[np.int64] = values[np.searchsorted(shares, drawn, side="right").clip(max=len(values) - 1)]
    return found
