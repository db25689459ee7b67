"""Inside the database: the pipeline's user `musician_loader` and everything that it owns.

The admin creates the user, the user's four schemas and the readers' role; the user creates, and so owns, everything
in the schemas. The Data API needs no network route to the warehouse and logs in with secrets, so this works while
the port is closed.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from include.errors import ProvisioningFailed
from include.provision.aws import Aws
from include.provision.warehouse import Warehouse
from include.warehouse import tables
from include.warehouse.reader_role import create_role
from include.warehouse.sql_files import run_file
from include.warehouse.transactions import transaction

_BATCH = 40  # statements, the most that BatchExecuteStatement takes


def create_tables(aws: Aws, warehouse: Warehouse, secret: str) -> str:
    """Creates what does not exist yet; returns the ARN of the loader's secret, which is given by name or ARN."""
    held = aws.call("secretsmanager:GetSecretValue", SecretId=secret)
    arn, login = str(held["ARN"]), json.loads(held["SecretString"])
    admin = _Connection(aws, warehouse, warehouse.admin_secret)
    create_loader(admin, warehouse.database, login["username"], login["password"])
    create_owned(_Connection(aws, warehouse, arn))
    aws.say(
        f"{login['username']} owns its schemas, tables and views; the role musician_reader may read them."
    )
    return arn


def create_loader(admin: Any, database: str, user: str, password: str) -> None:
    """Creates the user and the user's schemas, over an admin's connection."""
    # Redshift accepts the hash, so no statement contains the password itself:
    # https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
    hashed = f"md5{hashlib.md5(f'{password}{user}'.encode(), usedforsecurity=False).hexdigest()}"
    try:
        with transaction(admin) as cursor:
            cursor.execute(f"create user {user} password '{hashed}'")
    except Exception as error:  # Redshift has no CREATE USER IF NOT EXISTS
        if "already exists" not in str(error):
            raise
        with transaction(admin) as cursor:
            cursor.execute(f"alter user {user} password '{hashed}'")
    create_role(admin)
    with transaction(admin) as cursor:
        run_file(cursor, "loader/schemas")
        # CREATE SCHEMA IF NOT EXISTS requires it even if the schema exists.
        cursor.execute(f'grant create on database "{database}" to {user}')


def create_owned(loader: Any) -> None:
    """Creates the tables and views, and lets the readers' role read them, over the user's own connection."""
    with transaction(loader) as cursor:
        tables.send_definitions(cursor)
        run_file(cursor, "reader/grants")


@dataclass
class _Connection:
    """As much of a database connection as a transaction needs; it returns no rows."""

    aws: Aws
    warehouse: Warehouse
    secret: str
    waiting: list[str] = field(default_factory=list)

    def cursor(self) -> "_Cursor":
        return _Cursor(self)

    def commit(self) -> None:
        """Runs the collected statements in batches of 40; each batch is all or nothing."""
        statements, self.waiting = self.waiting, []
        for start in range(0, len(statements), _BATCH):
            _run(self.aws, self.warehouse, self.secret, statements[start : start + _BATCH])

    def rollback(self) -> None:
        self.waiting = []


@dataclass
class _Cursor:
    connection: _Connection
    rowcount: int = -1

    def execute(self, statement: str) -> None:
        self.connection.waiting.append(statement)

    def close(self) -> None:
        """Does nothing: there is nothing to release."""


def _run(aws: Aws, warehouse: Warehouse, secret: str, statements: list[str]) -> None:
    """Runs the statements in one transaction. Raises `ProvisioningFailed` with what Redshift said."""
    batch = aws.call(
        "redshift-data:BatchExecuteStatement",
        Sqls=statements,
        Database=warehouse.database,
        SecretArn=secret,
        StatementName="musician-warehouse",
        **warehouse.data_api,
    )["Id"]

    def look() -> dict[str, Any] | None:
        found = aws.call("redshift-data:DescribeStatement", Id=batch)
        return found if found["Status"] in ("FINISHED", "FAILED", "ABORTED") else None

    done = aws.wait("SQL", look)
    if done["Status"] != "FINISHED":
        raise ProvisioningFailed(
            f"Redshift rejected the statements that create the tables: {done.get('Error', done['Status'])}. "
            "None of them took effect; run the same command again once the cause is corrected."
        )
