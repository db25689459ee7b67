"""What can be configured, with types, limits and defaults: one environment variable per field of `Settings`.

Connections (addresses, keys, passwords) are Airflow connections and never appear here.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from include.errors import SettingInvalid

BucketName = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z",
        description="the name of a bucket, 3 to 63 lower-case letters, digits, dots and hyphens",
    ),
]
_RoleArn = Annotated[
    str,
    Meta(
        pattern=r"\Aarn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+\Z",
        description="the ARN of a role, such as arn:aws:iam::123456789012:role/name",
    ),
]
_Account = Annotated[
    str, Meta(pattern=r"\A(\d{12})?\Z", description="the 12 digits of the account that owns the bucket")
]
_Encryption = Annotated[
    str,
    Meta(
        pattern=r"\A(AES256|aws:kms|arn:aws[a-z-]*:kms:\S+|alias/\S+|[0-9a-f-]{36})?\Z",
        description="AES256, aws:kms, or the ARN, the alias or the id of a KMS key",
    ),
]
_Countries = Annotated[
    tuple[Annotated[str, Meta(pattern=r"\A[A-Za-z]{2}\Z")], ...],
    Meta(min_length=1, description="two-letter country codes separated by commas, such as US,GB"),
]
_ConnectionId = Annotated[str, Meta(pattern=r"\A[\w.-]*\Z", description="the id of one Airflow connection")]


@dataclass(frozen=True, slots=True)
class Settings:
    """The pipeline's settings. Every default works in the sandbox."""

    bucket: BucketName = "musician-warehouse"
    """MUSICIAN_BUCKET: the S3 bucket of the lake; created if it does not exist."""
    bucket_owner: _Account = ""
    """MUSICIAN_BUCKET_OWNER: the account that must own the bucket; empty: the account of the role."""
    bucket_encryption: _Encryption = ""
    """MUSICIAN_BUCKET_ENCRYPTION: the encryption requested for every object: AES256, aws:kms or a KMS key, which
    the COPY role must be allowed to decrypt with; empty: the bucket's default."""
    copy_role_arn: _RoleArn = "arn:aws:iam::123456789012:role/musician-warehouse-copy"
    """MUSICIAN_COPY_ROLE_ARN: the IAM role Redshift assumes to read the bucket in a COPY."""
    countries: _Countries = ("US",)
    """MUSICIAN_COUNTRIES: ISO 3166-1 alpha-2 codes, separated by commas."""
    horizon_days: Annotated[int, Meta(ge=1, le=1_000)] = 365
    """MUSICIAN_HORIZON_DAYS: how far ahead events are collected."""
    artists_per_country: Annotated[int, Meta(ge=1, le=1_000)] = 50
    """MUSICIAN_ARTISTS_PER_COUNTRY: how many artists are taken from each country's Last.fm chart."""
    touring_artists: Annotated[int, Meta(ge=0, le=5_000)] = 200
    """MUSICIAN_TOURING_ARTISTS: how many artists are taken from those billed in the newest complete events
    run, most concerts first; 0 for none."""
    tracks_per_artist: Annotated[int, Meta(ge=1, le=1_000)] = 50
    """MUSICIAN_TRACKS_PER_ARTIST: how many top tracks are collected per artist (at most 1,000)."""
    max_rejected_percent: Annotated[int, Meta(ge=0, le=100)] = 5
    """MUSICIAN_MAX_REJECTED_PERCENT: a run that rejects more of its records, and more than one, publishes nothing; 0
    tolerates none."""
    raw_retention_days: Annotated[int, Meta(ge=1, le=365)] = 14
    """MUSICIAN_RAW_RETENTION_DAYS: raw responses expire after this many days (Ticketmaster's terms)."""
    data_docs_runs: Annotated[int, Meta(ge=1, le=1_000)] = 30
    """MUSICIAN_DATA_DOCS_RUNS: how many audits have pages in the data docs."""
    notify: _ConnectionId = ""
    """MUSICIAN_NOTIFY: the Airflow connection (smtp or http) for notifications of failures; empty: none."""
    star_deadline_minutes: Annotated[int, Meta(ge=1, le=10_080)] = 120
    """MUSICIAN_STAR_DEADLINE_MINUTES: a run of `musician_warehouse` that takes longer is reported as well."""

    news_deadline_hours: Annotated[int, Meta(ge=1, le=8_760)] = 48
    """MUSICIAN_NEWS_DEADLINE_HOURS: a dataset with nothing landed, or nothing published, for longer is reported."""

    def __post_init__(self) -> None:
        each_once = dict.fromkeys(code.upper() for code in self.countries)
        object.__setattr__(self, "countries", tuple(each_once))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """This process's settings. Raises `SettingInvalid`, which names the variable that is not valid."""
        environ = os.environ if environ is None else environ
        kinds = get_type_hints(cls, include_extras=True)
        variables = {field: f"MUSICIAN_{field.upper()}" for field in kinds}
        return cls(
            **{
                field: checked(variables[field], text, kind)
                for field, kind in kinds.items()
                if (text := environ.get(variables[field]))
            }
        )

    def with_params(self, params: Mapping[str, Any]) -> Self:
        """The settings for one DAG run: its `params` override the environment."""
        kinds = get_type_hints(type(self), include_extras=True)
        given = {
            field: checked(f"params.{field}", value, kind)
            for field, kind in kinds.items()
            if (value := params.get(field)) is not None
        }
        return replace(self, **given)


def limits(field: str) -> tuple[int, int]:
    """The least and the greatest value of a setting that is a number."""
    [meta] = get_type_hints(Settings, include_extras=True)[field].__metadata__
    return meta.ge, meta.le


def checked(source: str, value: Any, kind: Any, construct: Callable[[type, Any], Any] | None = None) -> Any:
    """The value as `kind`, an annotated type. Text for a tuple is split at commas.

    `construct` makes types that msgspec does not know from their text. Raises `SettingInvalid`, which names the
    `source`, such as an environment variable, and says what is allowed.
    """
    found = value.strip() if isinstance(value, str) else value
    if isinstance(found, str) and get_origin(kind.__origin__) is tuple:
        found = [part.strip() for part in found.split(",") if part.strip()]
    try:
        return msgspec.convert(found, kind, strict=False, dec_hook=construct)
    except msgspec.ValidationError:
        raise SettingInvalid(f"{source}={value!r} is not valid: give {_allowed(kind)}.") from None


def _allowed(kind: Any) -> str:
    [meta] = kind.__metadata__
    return meta.description or (f"a whole number from {meta.ge}{'' if meta.le is None else f' to {meta.le}'}")
