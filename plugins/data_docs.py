"""The data docs in the Airflow UI: a navigation entry that shows the site, which is read from S3.

The site is served to users whose role may view plugins. The audit task writes it to the bucket, because a worker and
the API server do not share a disk.
"""

import mimetypes
import posixpath
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.configuration import conf
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from include.quality.site import POLICY, PREFIX, UI_ROUTE, URL_PREFIX
from include.settings import Settings

# The pages contain values from outside, so nothing in them may run. In a sandbox without scripts,
# `allow-same-origin` lets a page do one thing: fetch our style sheet with the reader's session.
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'self'; sandbox allow-same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
}
NOT_YET = (
    "There are no data docs yet. The audit of musician_warehouse writes them: run ingest_events and "
    "ingest_songs, and open this page again when the audit has finished."
)
NO_SUCH_PAGE = (
    "The data docs have no such page. The pages of old audits are removed (MUSICIAN_DATA_DOCS_RUNS)."
)

site = FastAPI(
    title="Data docs",
    dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
    openapi_url=None,
    docs_url=None,
    redoc_url=None,
)


@site.get("/")
def index() -> Response:
    return RedirectResponse("index.html", headers=HEADERS)


@site.get("/{path:path}")
def page(path: str) -> Response:
    """The object with that name under data-docs/ in the bucket."""
    if posixpath.normpath(f"/{path}") != f"/{path}" or "\\" in path or "\0" in path:
        return PlainTextResponse(NO_SUCH_PAGE, 404, HEADERS)
    # Imported here because the API server loads plugins when it starts, and boto3 takes a second.
    from botocore.exceptions import ClientError

    from include.orchestration import connections

    bucket = connections.lake(Settings.from_environment()).bucket
    try:
        stored = bucket.s3.get_object(**bucket.of_bucket, Key=PREFIX + path)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
            raise
        return PlainTextResponse(NOT_YET if path == "index.html" else NO_SUCH_PAGE, 404, HEADERS)
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Response(stored["Body"].read(), media_type=kind, headers=HEADERS)


def _below_base_url(path: str) -> str:
    base_url = conf.get("api", "base_url", fallback="") or ""
    return urlsplit(base_url).path.rstrip("/") + path


def _icon(colour: str) -> str:
    """A clipboard with a tick, in the style of the other navigation entries."""
    return "data:image/svg+xml," + quote(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24" fill="none" '
        f'stroke="{colour}" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">'
        '<path d="M9 4H6a1 1 0 0 0-1 1v15a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1V5a1 1 0 0 0-1-1h-3"/>'
        '<rect x="9" y="2.5" width="6" height="3.5" rx="1"/><path d="m8.5 13.5 2.5 2.5 4.5-5"/></svg>'
    )


class DataDocs(AirflowPlugin):
    name = "data_docs"
    fastapi_apps: list[Any] = [{"app": site, "url_prefix": URL_PREFIX, "name": "Data docs"}]
    external_views: list[Any] = [
        {
            "name": "Data docs",
            "href": _below_base_url(f"{URL_PREFIX}/index.html"),
            "destination": "nav",
            "nav_top_level": True,
            "icon": _icon("#1a202c"),
            "icon_dark_mode": _icon("#e2e8f0"),
            "url_route": UI_ROUTE,
        }
    ]
