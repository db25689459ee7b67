"""The read-only role `musician_reader`: it may read `dwh` and `analytics`, and nothing else.

    python -m include reader-role

creates it through the Airflow connection `redshift`, whose user must own the schemas and may create roles
(`python -m include.provision create` does the same on the warehouse it creates). A data scientist gets it by

    create user ada password '…';
    grant role musician_reader to ada;

What the role may do is in include/sql/reader/grants.sql.
"""

from pathlib import Path
from typing import Any

import sqlparse

from include.warehouse.load import transaction

_SQL = Path(__file__).parent.parent / "sql" / "reader"


def create_reader(connection: Any) -> None:
    """Creates the role unless it exists, and grants it what it may do; the schemas must exist."""
    try:
        _run(connection, "role")
    except Exception as error:  # Redshift has no CREATE ROLE IF NOT EXISTS
        if "already exists" not in str(error):
            raise
    _run(connection, "grants")


def _run(connection: Any, name: str) -> None:
    with transaction(connection) as cursor:
        for statement in sqlparse.split((_SQL / f"{name}.sql").read_text()):
            cursor.execute(statement.rstrip(";"))
