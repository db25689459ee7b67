"""The read-only role `musician_reader`: it may read `dwh` and `analytics`, and nothing else.

    python -m include reader-role

creates it through the Airflow connection `redshift`, whose user must own the schemas and, if the role does not exist
yet, must be allowed to create roles (`python -m include.provision create` does the same on the warehouse it creates).
To give it to a data scientist:

    create user ada password '…';
    grant role musician_reader to ada;

include/sql/reader/grants.sql defines what the role may do.
"""

from typing import Any

from include.warehouse.sql_files import run_file
from include.warehouse.transactions import transaction


def create_reader(connection: Any) -> None:
    """Creates the role unless it exists, and grants it what it may do; the schemas must exist."""
    with transaction(connection) as cursor:
        exists = _exists(cursor)
    if not exists:  # the pipeline's user may not create roles, and need not after provisioning
        create_role(connection)
    with transaction(connection) as cursor:
        run_file(cursor, "reader/grants")


def create_role(connection: Any) -> None:
    """Creates the role unless it exists, without any rights."""
    try:
        with transaction(connection) as cursor:
            run_file(cursor, "reader/role")
    except Exception as error:  # Redshift has no CREATE ROLE IF NOT EXISTS
        if "already exists" not in str(error):
            raise


def grant_again(cursor: Any) -> None:
    """Repeats the grants if the role exists: it has no rights in a schema that was created again."""
    if _exists(cursor):
        run_file(cursor, "reader/grants")


def _exists(cursor: Any) -> bool:
    cursor.execute("select count(*) from svv_roles where role_name = 'musician_reader'")
    return bool(cursor.fetchone()[0])
