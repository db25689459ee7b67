"""What can go wrong in the pipeline, and which of it a retry can cure.

    PipelineError
    ├── SettingInvalid      an environment variable does not parse      → fix the setting
    ├── ConnectionMissing   an Airflow connection is not defined        → define it
    ├── StorageUnavailable  S3 down, unreachable, token or clock stale  → Airflow retries
    ├── SourceUnavailable   timeout, 429, 5xx after our own retries     → Airflow retries
    ├── QuotaSpent          the day's calls of an API key are used up   → Airflow retries when they start anew
    ├── SourceRejected      bad key, bad request                        → fix the connection
    ├── UnexpectedPayload   a whole response changed its shape          → fix the parser
    ├── TooManyRejected     too many records did not fit their type     → look at rejected/, fix the parser
    ├── ManifestInvalid     a manifest names a missing or altered object→ land the run again
    ├── ManifestsMissing    a rebuild would lose what was published     → restore objects, or go on without
    ├── LoadSuperseded      the warehouse has gone on to another load   → nothing, or run it from its start
    ├── NotificationFailed  a webhook was not reached                   → look at the connection
    ├── DataRejected        an expectation failed                       → look at the data docs
    └── ProvisioningFailed  AWS refused, or did not finish in time      → do what the message says

Every message names what happened, to which object, and what the reader should do. Messages never
carry an API key: the classes of `include.sources` redact URLs and bodies before they raise.
"""

from datetime import datetime


class PipelineError(Exception):
    """Base of every error this project raises on purpose; not cured by a retry unless a child says so."""

    retryable = False

    def __init__(self, message: str, not_before: datetime | None = None) -> None:
        super().__init__(message)
        self.not_before = not_before
        """The first instant at which a retry makes sense; None if any does."""


class SettingInvalid(PipelineError, ValueError):
    """A `MUSICIAN_…` environment variable has a value that does not parse."""


class ConnectionMissing(PipelineError, LookupError):
    """An Airflow connection the pipeline needs is not defined, or lacks a field."""


class StorageUnavailable(PipelineError):
    """S3 gave no proper response although we asked several times, for a reason that passes."""

    retryable = True


class SourceUnavailable(PipelineError):
    """A source sent no proper response although we asked several times. A later try may succeed."""

    retryable = True


class QuotaSpent(PipelineError):
    """The calls that an API key may make within a day are used up; `not_before` says until when."""

    retryable = True


class SourceRejected(PipelineError):
    """A source understood the request and rejected it: a wrong or suspended key, a bad parameter."""


class UnexpectedPayload(PipelineError):
    """The JSON of a whole response changed its shape, so nothing in it can be trusted."""


class TooManyRejected(PipelineError):
    """More records were rejected than the settings tolerate; the run publishes nothing."""


class ManifestInvalid(PipelineError):
    """A manifest is malformed, or names an object that is missing or has changed."""


class ManifestsMissing(PipelineError):
    """Objects are gone of manifests that a rebuild needs; `dwh` is as it was before."""


class LoadSuperseded(PipelineError):
    """A task of a warehouse run came too late, or was cleared: staging and audit hold another load by now."""


class DataRejected(PipelineError):
    """The load did not meet its expectations; `dwh` is as it was before."""


class NotificationFailed(PipelineError):
    """A webhook was not reached, or did not take the message."""


class ProvisioningFailed(PipelineError):
    """AWS refused an action on the warehouse, or did not finish in time. Nothing is lost by trying again."""
