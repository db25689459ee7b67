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
    ("variable", "value"),
    [
        ("MUSICIAN_COUNTRIES", "United States"),
        ("MUSICIAN_COUNTRIES", ","),
        ("MUSICIAN_HORIZON_DAYS", "soon"),
        ("MUSICIAN_HORIZON_DAYS", "0"),
        ("MUSICIAN_BUCKET", "No_Bucket"),
        ("MUSICIAN_BUCKET", "bucket'; drop table x"),
        ("MUSICIAN_COPY_ROLE_ARN", "arn:aws:iam::1:role/x"),
        ("MUSICIAN_COPY_ROLE_ARN", "arn:aws:iam::123456789012:role/x' credentials '"),
    ],
)
def test_a_value_that_does_not_parse_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=variable):
        Settings.from_environment({variable: value})
