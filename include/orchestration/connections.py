"""The Airflow connections the pipeline uses, found before any work begins.

    ticketmaster   http      password = API key; host = base URL; extra `requests_per_second`, `daily_quota`,
    lastfm                   `allow_http` (only a sandbox sets it); Last.fm has a quota only if one is given
    aws_default    aws       credentials, or none for a role; extra `region_name`, `endpoint_url`
    redshift       redshift  host, port, schema = database, login, password; or IAM or a secret instead of
                             a password, see include/orchestration/login.py

Airflow is imported inside the functions, so that this module can be imported without it.
"""

import logging
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from include.errors import ConnectionMissing
from include.lake.bucket import Bucket
from include.lake.lake import Lake
from include.orchestration.login import logged_in, quieten
from include.settings import Settings
from include.sources.client.connection import SourceConnection
from include.warehouse.failures import of_login

log = logging.getLogger(__name__)

_BASE_URLS = {"ticketmaster": "https://app.ticketmaster.com", "lastfm": "https://ws.audioscrobbler.com"}
_REQUESTS_PER_SECOND = 5.0
_DAILY_QUOTAS = {"ticketmaster": 5_000}
_WAITS = (1, 2, 4, 8)
"""Seconds before the second to the last try to connect to Redshift."""
_SANDBOX_LOGIN = "sandbox-"
"""The prefix of every key and login of the sandbox, by which a mixed-up connection is detected."""
_SANDBOX_NAME = "sandbox"
"""The sandbox's host name among the containers of `astro dev start`."""


async def source_connection(connection_id: str) -> SourceConnection:
    """The connection `ticketmaster` or `lastfm`.

    Raises `ConnectionMissing` if it is not defined, has no password or a malformed extra, or combines a real key
    with a sandbox's address or a sandbox's key with a real one.
    """
    from airflow.sdk.bases.hook import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = await BaseHook.aget_connection(connection_id)
    except AirflowNotFoundException:
        raise _missing(connection_id, "is not defined") from None
    if not found.password:
        raise _missing(connection_id, "has no password, which is where the API key belongs")
    extra = found.extra_dejson
    try:
        rate = float(extra.get("requests_per_second", _REQUESTS_PER_SECOND))
        given = extra.get("daily_quota", _DAILY_QUOTAS.get(connection_id))
        quota = None if given is None else int(given)
        if not (rate > 0 and (quota is None or quota > 0)):
            raise ValueError
    except (TypeError, ValueError):
        raise _missing(
            connection_id, "needs numbers above 0 as `requests_per_second` and `daily_quota` in its extra"
        ) from None
    base_url, allow_http = _base_url(found, connection_id), extra.get("allow_http", False)
    if not isinstance(allow_http, bool):
        raise _missing(connection_id, "needs true or false as `allow_http` in its extra")
    if allow_http and not found.password.startswith(_SANDBOX_LOGIN):
        raise _missing(
            connection_id,
            "mixes up a sandbox and the real service: `allow_http` in its extra is for a sandbox's key, but it has "
            f"another for {base_url}",
        )
    _require_unmixed(connection_id, base_url, found.password)
    return SourceConnection(connection_id, base_url, found.password, rate, quota, allow_http)


def lake(settings: Settings) -> Lake:
    """The settings' bucket, through `aws_default`.

    Raises `ConnectionMissing` if that is not defined, or combines a real access key with a sandbox's address or a
    sandbox's with another.
    """
    _require("aws_default")
    quieten()
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(aws_conn_id="aws_default")
    login, endpoint = hook.conn_config.login or "", hook.conn_config.endpoint_url or ""
    _require_unmixed(
        "aws_default", endpoint or "https://amazonaws.com", login, hook.conn_config.password or ""
    )
    if login.startswith(("AKIA", "ASIA")) and endpoint.startswith("http://"):  # prefixes of real access keys
        raise _missing("aws_default", f"has an AWS access key for {endpoint}, which is not AWS")
    owner = settings.bucket_owner or settings.copy_role_arn.split(":")[4]
    return Lake(Bucket(hook.get_conn(), settings.bucket, owner, settings.bucket_encryption))


def redshift(patient: bool = True) -> Any:
    """A redshift_connector connection to `redshift`.

    A server that cannot be reached is tried five times within a quarter of a minute; with `patient=False`, once, and
    any error is the driver's. Raises `ConnectionMissing` if the connection is not defined, has a real password for the
    sandbox's address or the sandbox's password for a real one, or a login that Redshift rejects.
    """
    from redshift_connector.error import InterfaceError, OperationalError, ProgrammingError

    hook = _redshift_hook()
    connect = hook.get_conn.__wrapped__  # which does not retry: a wrong password would be sent up to 20 times
    if not patient:
        return connect(hook)
    for wait in (*_WAITS, None):
        try:
            return connect(hook)
        except (InterfaceError, OperationalError, ProgrammingError) as error:
            if rejected := of_login(error):
                raise rejected from None
            if wait is None or isinstance(error, ProgrammingError):
                raise
            log.info("Redshift cannot be reached; trying again in %g s", wait)
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def redshift_engine_arguments() -> tuple[str, dict[str, Any]]:
    """The URL, password included, and driver arguments with which SQLAlchemy connects to `redshift`."""
    from sqlalchemy.engine import make_url

    hook = _redshift_hook()
    url = make_url(hook.get_uri()).set(drivername="redshift+redshift_connector")
    extra = hook.conn.extra_dejson
    return url.render_as_string(hide_password=False), {k: extra[k] for k in ("ssl", "sslmode") if k in extra}


def redshift_tls() -> str | None:
    """How TLS to `redshift` is verified, such as `verify-full`; None where there is none, on this machine itself."""
    given = _redshift_hook().conn
    if given.extra_dejson.get("ssl", True) is False:
        is_here = given.host == _SANDBOX_NAME or _is_loopback(given.host or "")
        return None if is_here else "none: everything is sent in clear"
    return str(given.extra_dejson["sslmode"])


def _redshift_hook() -> Any:
    _require("redshift")
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

    hook = RedshiftSQLHook("redshift")
    _require_unmixed("redshift", f"//{hook.conn.host or ''}", hook.conn.password or "")
    return logged_in(hook)


def _require_unmixed(connection_id: str, address: str, *secrets: str) -> None:
    """Raises `ConnectionMissing` if a sandbox's key or password is for another address, or another for a sandbox."""
    host = urlsplit(address).hostname or ""
    is_sandbox_key = any(secret.startswith(_SANDBOX_LOGIN) for secret in secrets)
    if is_sandbox_key and not (host == _SANDBOX_NAME or _is_loopback(host)):
        raise _missing(connection_id, f"has a sandbox's key or password for {host}, which is not a sandbox")
    if host == _SANDBOX_NAME and not is_sandbox_key:
        raise _missing(
            connection_id, f"has another key or password than a sandbox's for {host}, which is one"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _require(connection_id: str) -> None:
    from airflow.sdk.bases.hook import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    look_up: Callable[[str], object] = BaseHook.get_connection
    try:
        look_up(connection_id)
    except AirflowNotFoundException:
        raise _missing(connection_id, "is not defined") from None


def _base_url(connection: Any, connection_id: str) -> str:
    host = (connection.host or "").rstrip("/")
    if "@" in host:
        raise _missing(connection_id, "has a user or an @ in its host: leave only the address there")
    if not host:
        return _BASE_URLS[connection_id]
    if "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{host}{port}"


def _missing(connection_id: str, what: str) -> ConnectionMissing:
    return ConnectionMissing(
        f"The Airflow connection `{connection_id}` {what}. Set it in Admin → Connections, or as the "
        f"environment variable AIRFLOW_CONN_{connection_id.upper()} in JSON."
    )
