"""Which errors of the warehouse are caused by the data, so that it is parked, and which are temporary."""

from typing import Any

import pytest
from redshift_connector.error import InterfaceError, OperationalError, ProgrammingError

from include.warehouse.failures import in_one_line, is_of_data


def server(code: str, message: str, detail: str = "") -> ProgrammingError:
    """An error of the server, as the driver raises it."""
    return ProgrammingError({"S": "ERROR", "C": code, "M": message, "D": detail})


@pytest.mark.parametrize(
    "error",
    [
        server("22001", "value too long for type character varying(64)"),
        server("22003", "bigint out of range"),
        server("22021", "invalid byte sequence for encoding"),
        server("22007", "invalid input syntax for type date"),
        server("23502", "null value in column violates not-null constraint"),
        server("XX000", "Value too long for character type", "code: 8001"),
        server("XX000", "Spectrum Scan Error", "has an incompatible Parquet schema for column 's3://b/k'"),
        server(
            "XX000", "Load into table 'events' failed.  Check 'stl_load_errors' system table for details."
        ),
        server("XX000", "Numeric data overflow (result precision)"),
        "(redshift_connector.error.ProgrammingError) {'S': 'ERROR', 'C': '22003', 'M': 'out of range'} [SQL: …]",
    ],
    ids=str,
)
def test_an_error_of_the_data_parks(error: Any) -> None:
    assert is_of_data(error)


@pytest.mark.parametrize(
    "error",
    [
        server("40001", "could not serialize access"),
        server("XX000", "1023", "Serializable isolation violation on table"),
        server("40P01", "deadlock detected"),
        server("55P03", "could not obtain lock"),
        server("57014", "canceling statement due to statement timeout"),
        server("57P01", "terminating connection due to administrator command"),
        server("08006", "connection failure"),
        server("28000", "password authentication failed"),
        server("42501", "permission denied for relation events"),
        server("XX000", "S3ServiceException:Access Denied,Status 403"),
        server("XX000", "Spectrum Scan Error: Retries exceeded", "S3 Query Exception (Fetch): SlowDown"),
        server("XX000", "Spectrum Scan Error", "Task failed due to an internal error"),
        InterfaceError("BrokenPipe: server socket closed"),
        OperationalError("connection time out"),
        TimeoutError(),
        "connection refused",
    ],
    ids=str,
)
def test_a_temporary_error_does_not(error: Any) -> None:
    assert not is_of_data(error)


def test_the_message_of_the_server_is_reported_in_one_line() -> None:
    assert in_one_line(server("22001", "value too long\nfor it's type", "code: 8001")) == (
        "value too long for it's type code: 8001"
    )
