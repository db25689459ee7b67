"""Checks the login to Redshift: TLS, the user's privileges, the schemas and the tables."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from include.errors import PipelineError
from include.orchestration import connections
from include.orchestration.doctor import Finding, bad, examined, good
from include.warehouse.tables import Differences, differences
from include.warehouse.transactions import transaction

_SCHEMAS = ("staging", "audit", "dwh", "analytics")
_REASONS = (
    ("certificate", "the server's certificate is not trusted, or belongs to another server",
     "give the host by the name in its certificate; a private link may need `sslmode` verify-ca in the extra"),
    ("refuses ssl", "the server does not speak TLS", "correct host and port; only a sandbox sets \"ssl\": false"),
    ("authentication failed", "the user or the password is wrong", "correct login and password, or the secret"),
    ("does not exist", "there is no such user or database", "correct login and schema (the database)"),
    ("timed out", "it does not respond", "check the security group, and whether the workgroup is public"),
    ("refused", "nothing listens there", "correct host and port; is the cluster paused?"),
    ("name or service not known", "its host has no address", "correct the host"),
)  # fmt: skip


def examine() -> Iterator[Finding]:
    """The findings about the warehouse."""
    findings: list[Finding] = []
    with examined(findings, "redshift"):
        try:
            connection = connections.redshift(patient=False)
        except PipelineError:
            raise
        except Exception as error:
            findings.append(_login_failure(error))
        else:
            with closing(connection), transaction(connection) as cursor:
                findings.append(_tls())
                findings += _rights(cursor)
    yield from findings


def _login_failure(error: Exception) -> Finding:
    """Recognizes the driver's error, and shows none of its text: it may contain what was sent."""
    words = f"{type(error).__name__} {error}".lower()
    for found, said, advice in _REASONS:
        if found in words:
            return bad("redshift: login", said, advice)
    return bad("redshift: login", f"failed with {type(error).__name__}", "check the fields of `redshift`")


def _tls() -> Finding:
    mode = connections.redshift_tls()
    if mode == "verify-full":
        return good("redshift: TLS", "the server's certificate and its name are verified")
    if mode is None:
        return good("redshift: TLS", "none, on this machine itself")
    return bad("redshift: TLS", mode, 'remove "ssl" and "sslmode" from the extra of `redshift`')


def _rights(cursor: Any) -> Iterator[Finding]:
    cursor.execute("select current_user, current_database()")
    user, database = cursor.fetchone()
    yield good("redshift: login", f"as {user} to {database}")
    cursor.execute("select usesuper from pg_user where usename = current_user")
    if cursor.fetchone()[0]:
        yield bad(
            "redshift: user",
            f"{user} is a superuser",
            "let the pipeline log in as a user that owns its schemas",
        )
    cursor.execute("select nspname, usename from pg_namespace join pg_user on nspowner = usesysid")
    owners = {name: owner for name, owner in cursor.fetchall() if name in _SCHEMAS}
    if others := [name for name, owner in sorted(owners.items()) if owner != user]:
        yield bad(
            "redshift: schemas",
            f"{', '.join(others)} belong to another user",
            f"alter schema {others[0]} owner to {user}; and its tables",
        )
    elif missing := [name for name in _SCHEMAS if name not in owners]:
        cursor.execute("select has_database_privilege(current_database(), 'create')")
        if cursor.fetchone()[0]:
            yield good(
                "redshift: schemas", f"{', '.join(missing)} do not exist yet: the first run creates them"
            )
        else:
            yield bad(
                "redshift: schemas",
                f"{', '.join(missing)} are missing, and {user} may not create them",
                f"grant create on database {database} to {user}",
            )
    else:
        yield good("redshift: schemas", f"{', '.join(_SCHEMAS)} belong to {user}")
        yield _tables(differences(cursor))


def _tables(found: Differences) -> Finding:
    if wrong := (*found.in_star, *found.elsewhere):
        return bad(
            "redshift: tables", "; ".join(wrong), "trigger musician_warehouse: it creates or rebuilds them"
        )
    return good("redshift: tables", "as this release defines them")
