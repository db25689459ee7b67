"""Checks where failures are reported: whether that server can be reached. Nothing is sent."""

import socket
from urllib.parse import urlsplit

from include.orchestration.doctor import Finding, bad, good
from include.settings import Settings

_PORTS = {"smtp": 465, "https": 443, "http": 80}


def examine(settings: Settings) -> Finding:
    """The finding about the notifier."""
    if not settings.notify:
        return good("notifier", "none: failures are shown in Airflow only (MUSICIAN_NOTIFY)")
    from airflow.sdk.bases.hook import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(settings.notify)
    except AirflowNotFoundException:
        return bad(
            "notifier",
            f"the connection `{settings.notify}` is not defined",
            "define it, or correct MUSICIAN_NOTIFY",
        )
    if connection.conn_type not in ("smtp", "http"):
        return bad(
            "notifier",
            f"`{settings.notify}` is of the type {connection.conn_type}",
            "use a connection of type smtp or http",
        )
    extra = connection.extra_dejson
    if connection.conn_type == "smtp" and not (extra.get("to") and extra.get("from_email")):
        return bad("notifier", f"`{settings.notify}` lacks `to` or `from_email`", "set both in its extra")
    given = connection.host or ""
    address = urlsplit(given if "://" in given else f"{connection.schema or connection.conn_type}://{given}")
    try:
        port = connection.port or address.port or _PORTS.get(address.scheme, 80)
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    except (OSError, ValueError) as error:
        return bad(
            "notifier",
            f"the server of `{settings.notify}` cannot be reached ({type(error).__name__})",
            "correct its host and port, or allow this machine to connect to it",
        )
    return good("notifier", f"the server of `{settings.notify}` accepts connections; nothing was sent")
