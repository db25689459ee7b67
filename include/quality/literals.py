"""Writes values into SQL statements, as psycopg2 does, instead of having the server bind them.

Great Expectations supports Redshift with psycopg2. We use redshift_connector, because a rebuild is judged inside its
own uncommitted transaction, on its connection. But that driver has the server bind values, which Redshift rejects in
places where Great Expectations uses them (aws/amazon-redshift-python-driver#24, #104).
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any


def with_values(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    """SQLAlchemy's event `before_cursor_execute`: the statement with its values in it, and no parameters."""
    literals = [_literal(value) for value in parameters] if isinstance(parameters, Sequence) else [None]
    if executemany or None in literals:
        return statement, parameters
    remaining = iter(literals)
    return re.sub(r"%%|%s", lambda found: next(remaining) if found[0] == "%s" else "%%", statement), ()  # type: ignore[arg-type, return-value]


def _literal(value: object) -> str | None:
    """None for a value that is left to the server: a backslash has a meaning in Redshift's literals."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return f"cast('{value}' as timestamp)"
    if isinstance(value, date):
        return f"cast('{value}' as date)"
    if isinstance(value, str) and "\\" not in value:
        return "'" + value.replace("'", "''") + "'"
    return None
