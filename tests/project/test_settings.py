"""The settings: defaults, environment, params of a run, and clear refusals."""

import pytest

from include.errors import SettingInvalid
from include.settings import Settings


def test_defaults_apply_where_the_environment_is_silent_or_empty() -> None:
    assert Settings.from_environment({"MUSICIAN_COUNTRIES": ""}) == Settings()


def test_the_environment_replaces_defaults() -> None:
    settings = Settings.from_environment({"MUSICIAN_COUNTRIES": "us, gb,US", "MUSICIAN_HORIZON_DAYS": "30"})
    assert settings.countries == ("US", "GB")
    assert settings.horizon_days == 30


def test_params_of_a_run_replace_the_environment() -> None:
    settings = Settings(countries=("US",)).with_params(
        {"countries": ["ca", "gb"], "horizon_days": 7, "other": 1}
    )
    assert (settings.countries, settings.horizon_days) == (("CA", "GB"), 7)


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("MUSICIAN_COUNTRIES", "United States", "two-letter country codes"),
        ("MUSICIAN_COUNTRIES", ",", "two-letter country codes"),
        ("MUSICIAN_HORIZON_DAYS", "soon", "a whole number from 1 to 1000"),
        ("MUSICIAN_HORIZON_DAYS", "0", "a whole number from 1 to 1000"),
        ("MUSICIAN_HORIZON_DAYS", "1001", "a whole number from 1 to 1000"),
        ("MUSICIAN_HORIZON_DAYS", "1.5", "a whole number from 1 to 1000"),
        ("MUSICIAN_BUCKET", "No_Bucket", "3 to 63 lower-case letters"),
        ("MUSICIAN_BUCKET", "bucket'; drop table x", "3 to 63 lower-case letters"),
        ("MUSICIAN_BUCKET", "bucket\n'; drop table x", "3 to 63 lower-case letters"),
        ("MUSICIAN_COPY_ROLE_ARN", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:role/name"),
        ("MUSICIAN_COPY_ROLE_ARN", "arn:aws:iam::123456789012:role/x' credentials '", "the ARN of a role"),
        ("MUSICIAN_NOTIFY", "two words", "the id of one Airflow connection"),
    ],
)
def test_a_variable_that_is_not_valid_is_named_with_its_value_and_what_is_allowed(
    variable: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingInvalid) as raised:
        Settings.from_environment({variable: value})
    assert str(raised.value).startswith(f"{variable}={value!r} is not valid: give ")
    assert allowed in str(raised.value)


@pytest.mark.parametrize(
    "given", [{"countries": [1]}, {"countries": []}, {"horizon_days": -1}, {"bucket": 5}]
)
def test_a_param_that_is_not_valid_is_named(given: dict[str, object]) -> None:
    [(name, value)] = given.items()
    with pytest.raises(SettingInvalid) as raised:
        Settings().with_params(given)
    assert str(raised.value).startswith(f"params.{name}={value!r} is not valid: give ")
