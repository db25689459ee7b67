"""Schemas, tables, views and the read-only role, made through the Redshift Data API.

The Data API needs no route to the warehouse, so this works while its port is closed to everybody, and logs in
with the secret, so no password passes through here.
"""

from dataclasses import dataclass, field
from typing import Any

from include.errors import ProvisioningFailed
from include.provision.aws import Aws
from include.warehouse import tables
from include.warehouse.reader_role import create_reader

_BATCH = 40  # statements, the most that BatchExecuteStatement takes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the warehouse answers, and which secret logs in."""

    host: str
    port: int
    database: str
    secret_arn: str
    """In AWS Secrets Manager: JSON with `username` and `password`."""
    warehouse: dict[str, str]
    """How the Data API names it: WorkgroupName or ClusterIdentifier."""


def create_tables(aws: Aws, endpoint: Endpoint) -> None:
    """Creates what does not exist yet, and gives the role `musician_reader` its grants."""
    connection = _Connection(aws, endpoint)
    tables.create_tables(connection)
    create_reader(connection)
    aws.say("The schemas, tables, views and the read-only role musician_reader are there.")


@dataclass
class _Connection:
    """As much of a database connection as a transaction takes; it brings back no rows."""

    aws: Aws
    endpoint: Endpoint
    waiting: list[str] = field(default_factory=list)

    def cursor(self) -> "_Cursor":
        return _Cursor(self)

    def commit(self) -> None:
        """Runs what was executed: all or nothing, in batches of 40 statements."""
        statements, self.waiting = self.waiting, []
        for start in range(0, len(statements), _BATCH):
            _run(self.aws, self.endpoint, statements[start : start + _BATCH])

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


def _run(aws: Aws, endpoint: Endpoint, statements: list[str]) -> None:
    """Runs the statements in one transaction. Raises `ProvisioningFailed` with what Redshift said."""
    batch = aws.call(
        "redshift-data:BatchExecuteStatement",
        Sqls=statements,
        Database=endpoint.database,
        SecretArn=endpoint.secret_arn,
        StatementName="musician-warehouse",
        **endpoint.warehouse,
    )["Id"]
    last: dict[str, Any] = {}

    def status() -> str:
        last.update(aws.call("redshift-data:DescribeStatement", Id=batch))
        return str(last["Status"])

    try:
        aws.wait("SQL", status, "FINISHED", never=("FAILED", "ABORTED"), every=1.0)
    except ProvisioningFailed:
        if "Error" not in last:
            raise
        raise ProvisioningFailed(
            f"Redshift refused the statements that create the tables: {last['Error']}. "
            "Nothing of them was done; run the same command again when it is corrected."
        ) from None
