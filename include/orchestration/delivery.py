"""Delivers a message by mail or webhook, through an Airflow connection.

smtp   a mail from the extra's `from_email` to the extra's `to` (comma-separated addresses)
http   a POST of the message as JSON to the connection's URL: `text` for people, the rest for programs.
       Anyone who knows a webhook's URL can post to it, so the path is a secret: no error and no log contains it
       (the provider's hook would log it, and errors of `requests` name it), and no redirect is followed.
"""

import html
import json
import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from include.errors import ConnectionMissing, NotificationFailed

log = logging.getLogger(__name__)

_SECONDS = 30
"""How long a webhook may take."""


@dataclass(frozen=True, slots=True)
class Message:
    """A notification."""

    dag: str
    task: str | None
    """None if it is about the whole run."""
    run: str
    reason: str
    counts: dict[str, int] = field(default_factory=dict)
    """What the run's tasks have returned so far, such as `stage_events: 812` or `land_events.rejected: 3`."""
    log_url: str = ""
    happened: str = ""
    """What the message is about, if it is neither a failure nor a missed deadline."""

    @property
    def subject(self) -> str:
        """One line."""
        happened = self.happened or (f"failed in {self.task}" if self.task else "is overdue")
        return f"{self.dag} {happened} ({self.run})"

    @property
    def text(self) -> str:
        """The subject and a line per fact."""
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counts.items()) or "none yet"
        facts = {"Run": self.run, "Reason": self.reason, "Counts": counts, "Log": self.log_url}
        return "\n".join([self.subject, *(f"{name}: {fact}" for name, fact in facts.items() if fact)])


def send(connection_id: str, message: Message) -> None:
    """Sends the message. Raises `ConnectionMissing` if the connection lacks a field or is of another type."""
    from airflow.sdk.bases.hook import BaseHook

    connection = BaseHook.get_connection(connection_id)
    if connection.conn_type == "smtp":
        _mail(connection_id, connection.extra_dejson, message)
    elif connection.conn_type == "http":
        _post(connection_id, connection, message)
    else:
        raise ConnectionMissing(
            f"MUSICIAN_NOTIFY names the Airflow connection `{connection_id}`, whose type is "
            f"{connection.conn_type!r}. Name a connection of type smtp or http."
        )
    log.info("Notified %s: %s", connection_id, message.subject)


def _mail(connection_id: str, extra: Mapping[str, Any], message: Message) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    if not (extra.get("to") and extra.get("from_email")):
        raise ConnectionMissing(
            f"The Airflow connection `{connection_id}` needs `to` and `from_email` in its extra to send mail."
        )
    with SmtpHook(connection_id) as smtp:
        smtp.send_email_smtp(
            to=extra["to"],
            from_email=extra["from_email"],
            subject=message.subject,
            html_content=f"<pre>{html.escape(message.text)}</pre>",
        )


def _post(connection_id: str, connection: Any, message: Message) -> None:
    """Raises `NotificationFailed`, which names the connection and the response, and no part of the URL."""
    from airflow.sdk.log import mask_secret

    host = connection.host or ""
    port = f":{connection.port}" if connection.port else ""
    url = host if "://" in host else f"{connection.schema or 'http'}://{host}{port}"
    mask_secret(urlsplit(url).path.strip("/"))
    headers = {"Content-Type": "application/json", **connection.extra_dejson.get("headers", {})}
    if connection.login:
        login = f"{connection.login}:{connection.password or ''}"
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    body = json.dumps({"text": message.text, **asdict(message)}).encode()
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError
        request = Request(url, body, headers, method="POST")
        with build_opener(_NoRedirect).open(request, timeout=_SECONDS) as response:
            status = response.status
    except HTTPError as error:
        status = error.code
    except (OSError, HTTPException, ValueError) as error:
        raise NotificationFailed(
            f"The webhook of the connection `{connection_id}` was not reached ({type(error).__name__}). Check its "
            "host, and whether this machine can reach it."
        ) from None
    if not 200 <= status < 300:
        raise NotificationFailed(
            f"The webhook of the connection `{connection_id}` responded with HTTP {status}. "
            + ("Redirects are not followed: give the final address." if status < 400 else "Check its host.")
        )


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
