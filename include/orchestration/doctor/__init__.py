"""The doctor: checks each real service with as few calls as possible; says what works, what does not, what to do.

One line per check, without secrets: our own errors contain none, and of any other error only the type is shown.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from include.errors import PipelineError
from include.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    subject: str
    works: bool | None
    """None if it could not be checked, which does not count as a failure."""
    result: str
    advice: str = ""

    def __str__(self) -> str:
        mark = {True: "✔", False: "✘", None: "?"}[self.works]
        advice = f" → {self.advice}" if self.advice else ""
        return f"{mark} {self.subject:<22} {self.result}{advice}"


def good(subject: str, result: str) -> Finding:
    """It works."""
    return Finding(subject, True, result)


def bad(subject: str, result: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(subject, False, result, advice)


def unknown(subject: str, result: str, advice: str) -> Finding:
    """It cannot be checked from here."""
    return Finding(subject, None, result, advice)


@contextlib.contextmanager
def examined(findings: list[Finding], subject: str) -> Iterator[None]:
    """Turns whatever the block raises into a finding."""
    try:
        yield
    except PipelineError as error:
        findings.append(bad(subject, str(error), ""))
    except Exception as error:
        findings.append(
            bad(
                subject,
                f"failed with {type(error).__name__}",
                "check the fields of its connection, and the network",
            )
        )


def examine() -> Iterator[Finding]:
    """All findings, each as soon as it is known."""
    from include.orchestration.doctor import bucket, copy_role, notifier, sources, warehouse

    findings: list[Finding] = []
    with examined(findings, "settings"):
        settings = Settings.from_environment()
        findings.append(
            good("settings", f"valid; bucket {settings.bucket}, countries {','.join(settings.countries)}")
        )
    yield from findings
    if not findings[-1].works:
        return
    yield from bucket.examine(settings)
    yield from copy_role.examine(settings)
    yield from sources.examine(settings)
    yield from warehouse.examine()
    yield notifier.examine(settings)
