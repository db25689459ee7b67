"""What can go wrong in the pipeline, and which errors a retry can cure.

    PipelineError
    ├── SettingInvalid       an environment variable does not parse        → fix the setting
    ├── ConnectionMissing    an Airflow connection is not defined          → define it
    ├── StorageUnavailable   S3 down, unreachable, token or clock stale    → Airflow retries
    ├── WarehouseUnavailable Redshift could not be queried                 → Airflow retries
    ├── SourceUnavailable    a temporary failure, our retries spent        → Airflow retries
    ├── QuotaSpent           the daily quota of an API key is used up      → Airflow retries once it is reset
    ├── SourceRejected       bad key, bad request                          → fix the connection
    ├── UnexpectedPayload    a whole response changed its shape            → fix the parser
    ├── TooManyRejected      too many records did not fit their type       → look at rejected/, fix the parser
    ├── ManifestInvalid      a manifest or an object it names is damaged  → land the run again
    ├── ManifestsMissing     a rebuild would lose what was published       → restore objects, or go on without them
    ├── LoadSuperseded       the warehouse has moved on to another load    → nothing, or rerun it from the start
    ├── NotificationFailed   a webhook was not reached                      → look at the connection
    ├── DataRejected         an expectation failed                         → look at the data docs
    └── ProvisioningFailed   AWS rejected it, or did not finish in time    → do what the message says

Every message says what happened, to which object, and what the reader should do. Messages never
contain an API key: the classes of `include.sources` redact URLs and bodies before they raise. Nor do they contain a
character that the ledger, an XCom or a log could not store.
"""

import re
from datetime import datetime

# Control characters and halves of surrogate pairs, as in the names that a damaged object contains.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class PipelineError(Exception):
    """Base of every error this project raises on purpose; not cured by a retry unless a subclass says so."""

    retryable = False

    def __init__(self, message: str, not_before: datetime | None = None) -> None:
        super().__init__(_UNSTORABLE.sub("\ufffd", message))
        self.not_before = not_before
        """The first instant at which a retry makes sense; None if any does."""


class SettingInvalid(PipelineError, ValueError):
    """A `MUSICIAN_…` environment variable has a value that does not parse."""


class ConnectionMissing(PipelineError, LookupError):
    """An Airflow connection that the pipeline needs is not defined, or lacks a field."""


class StorageUnavailable(PipelineError):
    """S3 failed in several tries, for a reason that is temporary."""

    retryable = True


class WarehouseUnavailable(PipelineError):
    """Redshift could not be queried, for a reason that may pass: nothing was judged."""

    retryable = True


class SourceUnavailable(PipelineError):
    """A source gave no usable response in several tries. A later one may succeed."""

    retryable = True


class QuotaSpent(PipelineError):
    """An API key has used up its daily quota; `not_before` says when it is reset."""

    retryable = True


class SourceRejected(PipelineError):
    """A source understood the request and rejected it: a wrong or suspended key, a bad parameter."""


class UnexpectedPayload(PipelineError):
    """The JSON of a whole response changed its shape, so nothing in it can be trusted."""


class TooManyRejected(PipelineError):
    """More records were rejected than the settings tolerate; the run publishes nothing."""


class ManifestInvalid(PipelineError):
    """A manifest is malformed, or names an object that is missing or has changed."""


class ContextInvalid(ManifestInvalid):
    """The published run that a pending run was to be loaded with cannot be read; nothing was parked."""


class ManifestsMissing(PipelineError):
    """Manifests that a rebuild needs are missing, or their objects are; `dwh` is unchanged."""


class LoadSuperseded(PipelineError):
    """A task of a warehouse run is too late, or was cleared: staging and audit now contain another load."""


class DataRejected(PipelineError):
    """The load did not meet its expectations; `dwh` is unchanged."""


class NotificationFailed(PipelineError):
    """A webhook was not reached, or did not take the message."""


class ProvisioningFailed(PipelineError):
    """AWS rejected an action on the warehouse, or did not finish in time. Trying again is safe."""
