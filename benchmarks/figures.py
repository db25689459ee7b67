"""The results of a benchmark: figures, each a ratio of two things measured side by side in one run."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

STARTED = time.monotonic()


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, and what it is compared with."""

    name: str
    measured: float
    compared: float
    unit: str
    compared_with: str
    """What `compared` is, in a few words."""
    at_most: float | None = None
    """The target: the highest acceptable ratio."""
    at_least: float | None = None
    """The target: the lowest acceptable ratio."""

    @property
    def ratio(self) -> float:
        """`measured` divided by `compared`."""
        return self.measured / self.compared

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or self.ratio <= self.at_most) and (
            self.at_least is None or self.ratio >= self.at_least
        )

    def document(self) -> dict[str, object]:
        """The figure as JSON."""
        return {
            "name": self.name,
            "measured": self.measured,
            "compared": self.compared,
            "unit": self.unit,
            "compared_with": self.compared_with,
            "ratio": self.ratio,
            "at_most": self.at_most,
            "at_least": self.at_least,
            "met": self.met,
        }


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table, aligned so that it is readable as plain text."""
    head = ("measured", "", "compared with", "", "ratio", "target", "met")
    rows = [
        (
            figure.name,
            f"{_short(figure.measured)} {figure.unit}",
            figure.compared_with,
            f"{_short(figure.compared)} {figure.unit}",
            f"{figure.ratio:.2f}",
            _target(figure),
            {True: "yes", False: "NO", None: ""}[figure.met],
        )
        for figure in figures
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    right = (1, 3, 4)
    ruler = tuple(
        "-" * (width - 1) + ":" if place in right else "-" * width for place, width in enumerate(widths)
    )
    return "\n".join(
        "| "
        + " | ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in (head, ruler, *rows)
    )


def say(text: str) -> None:
    """A line of progress, with the seconds since the start."""
    print(f"{time.monotonic() - STARTED:7.1f} s  {text}", file=sys.stderr, flush=True)


def seconds(work: Callable[[], object], what: str) -> float:
    """How long the work takes; also prints it."""
    started = time.perf_counter()
    work()
    took = time.perf_counter() - started
    say(f"{what}: {took:.2f} s")
    return took


def median(values: Sequence[float]) -> float:
    """The median, because a machine is sometimes busy with other things."""
    return statistics.median(values)


def _target(figure: Figure) -> str:
    if figure.at_most is not None and figure.at_most == figure.at_least:
        return f"exactly {figure.at_most:g}"
    if figure.at_most is not None:
        return f"at most {figure.at_most:g}"
    return "" if figure.at_least is None else f"at least {figure.at_least:g}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}".rstrip("0").rstrip(".")
