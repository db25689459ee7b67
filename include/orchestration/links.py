"""Links in Airflow's UI from a task to its results."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from include.quality.index_page import audit_page
from include.quality.site import UI_ROUTE, URL_PREFIX
from include.warehouse.pairing import Load


def data_docs_link() -> Any:
    """An extra link of the audit task, to the data docs: to the load that it audits, if it has one."""
    from airflow.sdk import BaseOperatorLink
    from airflow.sdk.configuration import conf

    class DataDocsLink(BaseOperatorLink):
        @property
        def name(self) -> str:
            return "Data docs"

        def get_link(self, operator: Any, *, ti_key: Any) -> str:
            found = operator.op_args[0]
            page = (
                audit_page(Load.from_json(found["load"]), datetime.fromisoformat(found["judged_at"]))
                if found["load"]
                else "index.html"
            )
            # Without host and port, because those that the reader's browser uses may be unknown to Airflow.
            prefix = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
            return f"{prefix}/plugin/{UI_ROUTE}{prefix}{URL_PREFIX}/{page}"

    return DataDocsLink()
