"""What can be configured, with types and defaults: one environment variable per field of `Settings`.

Connections (addresses, keys, passwords) are Airflow connections and never appear here.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from include.errors import SettingInvalid


@dataclass(frozen=True, slots=True)
class Settings:
    """The pipeline's settings. Every default works in the sandbox."""

    bucket: str = "musician-warehouse"
    """MUSICIAN_BUCKET: the S3 bucket of the lake; created when it does not exist."""
    copy_role_arn: str = "arn:aws:iam::123456789012:role/musician-warehouse-copy"
    """MUSICIAN_COPY_ROLE_ARN: the IAM role Redshift assumes to read the bucket in a COPY."""
    countries: tuple[str, ...] = ("US",)
    """MUSICIAN_COUNTRIES: ISO 3166-1 alpha-2 codes, separated by commas."""
    horizon_days: int = 365
    """MUSICIAN_HORIZON_DAYS: how far ahead events are collected."""
    artists_per_country: int = 50
    """MUSICIAN_ARTISTS_PER_COUNTRY: how many artists are taken from each country's Last.fm chart."""
    touring_artists: int = 200
    """MUSICIAN_TOURING_ARTISTS: how many artists are taken from those billed in the newest complete events
    run, those with the most concerts first; 0 takes none."""
    tracks_per_artist: int = 50
    """MUSICIAN_TRACKS_PER_ARTIST: how many top tracks are collected per artist (at most 1,000)."""
    max_rejected_percent: int = 5
    """MUSICIAN_MAX_REJECTED_PERCENT: a run of which more records are refused publishes nothing."""
    raw_retention_days: int = 14
    """MUSICIAN_RAW_RETENTION_DAYS: raw responses expire after so many days (Ticketmaster's terms)."""
    data_docs_runs: int = 30
    """MUSICIAN_DATA_DOCS_RUNS: the data docs keep the pages of so many audits."""
    notify: str = ""
    """MUSICIAN_NOTIFY: the Airflow connection (smtp or http) that tells people of failures; empty: none."""
    star_deadline_minutes: int = 120
    """MUSICIAN_STAR_DEADLINE_MINUTES: a run of `musician_warehouse` that takes longer is reported, too."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """This process's settings. Raises `SettingInvalid`, which names the variable that does not parse."""
        environ = os.environ if environ is None else environ
        given = {
            field: _parse(f"MUSICIAN_{field.upper()}", parse, environ[f"MUSICIAN_{field.upper()}"])
            for field, parse in _PARSERS.items()
            if environ.get(f"MUSICIAN_{field.upper()}")
        }
        return cls(**given)

    def with_params(self, params: Mapping[str, Any]) -> Self:
        """The settings for one DAG run: what its `params` give replaces the environment's value."""
        given = {
            field: _parse(
                f"params.{field}", parse, ",".join(value) if isinstance(value, list | tuple) else str(value)
            )
            for field, parse in _PARSERS.items()
            if (value := params.get(field)) is not None
        }
        return replace(self, **given)


def _parse(name: str, parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingInvalid(f"{name}={text!r} is not valid: {error}. Correct it where it is set.") from None


def _bucket(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
        raise ValueError("a bucket name has 3 to 63 lower-case letters, digits, dots and hyphens")
    return text


def _role(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", text):
        raise ValueError("a role looks like arn:aws:iam::123456789012:role/name")
    return text


def _countries(text: str) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(code.strip().upper() for code in text.split(",") if code.strip()))
    if not codes or not all(re.fullmatch(r"[A-Z]{2}", code) for code in codes):
        raise ValueError("give two-letter country codes separated by commas, such as US,GB")
    return codes


def _connection(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+", text):
        raise ValueError("give the id of one Airflow connection")
    return text


def _between(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(f"give a whole number from {least} to {most}")
        return number

    return parse


_PARSERS: dict[str, Callable[[str], Any]] = {
    "bucket": _bucket,
    "copy_role_arn": _role,
    "countries": _countries,
    "horizon_days": _between(1, 1_000),
    "artists_per_country": _between(1, 1_000),
    "touring_artists": _between(0, 5_000),
    "tracks_per_artist": _between(1, 1_000),
    "max_rejected_percent": _between(0, 100),
    "raw_retention_days": _between(1, 365),
    "data_docs_runs": _between(1, 1_000),
    "notify": _connection,
    "star_deadline_minutes": _between(1, 10_080),
}
