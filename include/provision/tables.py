"""Inside the database: the user `musician_loader`, as whom the pipeline logs in, and all that is the pipeline's.

The admin makes the user, the user's four schemas and the role of readers; everything in the schemas the user
makes, and owns. The Data API needs no route to the warehouse, so this works while its port is closed to
everybody, and it logs in with secrets.
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
    """Creates what does not exist yet; the ARN of the loader's secret, which is given by name or ARN."""
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
    """Creates the user and the user's schemas, by the connection of an admin."""
    # Redshift takes the hash, and so the password itself is in no statement:
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
        # CREATE SCHEMA IF NOT EXISTS asks for it even where the schema exists.
        cursor.execute(f'grant create on database "{database}" to {user}')


def create_owned(loader: Any) -> None:
    """Creates the tables and views, and lets the role of readers read them, by the user's own connection."""
    tables.create_tables(loader)
    with transaction(loader) as cursor:
        run_file(cursor, "reader/grants")


@dataclass
class _Connection:
    """As much of a database connection as a transaction takes; it brings back no rows."""

    aws: Aws
    warehouse: Warehouse
    secret: str
    waiting: list[str] = field(default_factory=list)

    def cursor(self) -> "_Cursor":
        return _Cursor(self)

    def commit(self) -> None:
        """Runs what was executed: all or nothing, in batches of 40 statements."""
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
        """Nothing is held."""


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
            "Nothing of them was done; run the same command again when it is corrected."
        )
