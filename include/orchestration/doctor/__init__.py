"""The doctor: asks each real service as little as possible, and says what works, what does not and what to do.

One line per thing, without secrets: our own errors have none, of any other only its kind is told.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from include.errors import PipelineError
from include.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing."""

    thing: str
    works: bool | None
    """None where it could not be looked at, which is no reason to fail."""
    said: str
    advice: str = ""

    def __str__(self) -> str:
        mark = {True: "✔", False: "✘", None: "?"}[self.works]
        advice = f" → {self.advice}" if self.advice else ""
        return f"{mark} {self.thing:<22} {self.said}{advice}"


def good(thing: str, said: str) -> Finding:
    """It works."""
    return Finding(thing, True, said)


def bad(thing: str, said: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(thing, False, said, advice)


def unknown(thing: str, said: str, advice: str) -> Finding:
    """It cannot be told from here."""
    return Finding(thing, None, said, advice)


@contextlib.contextmanager
def examined(findings: list[Finding], thing: str) -> Iterator[None]:
    """Whatever the block raises is a finding."""
    try:
        yield
    except PipelineError as error:
        findings.append(bad(thing, str(error), ""))
    except Exception as error:
        findings.append(
            bad(
                thing,
                f"failed with {type(error).__name__}",
                "look at the fields of its connection, and the network",
            )
        )


def examine() -> Iterator[Finding]:
    """Everything, each as soon as it is known."""
    from include.orchestration.doctor import aws, notifier, sources, warehouse

    findings: list[Finding] = []
    with examined(findings, "settings"):
        settings = Settings.from_environment()
        findings.append(
            good("settings", f"valid; bucket {settings.bucket}, countries {','.join(settings.countries)}")
        )
    yield from findings
    if not findings[-1].works:
        return
    yield from aws.examine(settings)
    yield from sources.examine(settings)
    yield from warehouse.examine()
    yield notifier.examine(settings)
