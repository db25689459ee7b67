"""The objects that a COPY names, in a manifest or by a prefix: fetched from S3, and delivered to PostgreSQL.

Sources: the Database Developer Guide, "Using a manifest to specify data files".
"""

import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox.redshift.copy_columns import Unloadable, columns_of
from sandbox.redshift.copy_delivery import Delivery
from sandbox.redshift.copy_statement import Copy

log = logging.getLogger(__name__)


class Loader:
    """Fetches the objects of COPY statements, with one S3 client, into a folder that PostgreSQL can read."""

    def __init__(self, s3: Any, folder: Path) -> None:
        self._s3 = s3
        self.folder = folder

    def deliver(self, copy: Copy, path: Path) -> Delivery:
        """Creates `path`.json and `path`.csv. Never raises: errors are reported in `path`.json."""
        report: dict[str, Any] = {
            "table": copy.table,
            "names": copy.names,
            "statistics": copy.statistics,
            "error": None,
            "columns": [],
        }
        delivery = Delivery(path)
        try:
            for url, size in self._manifest(copy) if copy.manifest else self._listed(copy):
                delivery.objects.append((url, self._fetch(url, size, path, len(delivery.objects))))
            report |= {"columns": columns_of(delivery.objects), "url": delivery.objects[0][0]}
        except Unloadable as error:
            report["error"] = str(error)
        except Exception as error:
            log.exception("cannot fetch %s", copy)
            report["error"] = f"The sandbox failed to fetch s3://{copy.bucket}/{copy.key}: {error!r}"
        delivery.start(report)
        return delivery

    def _manifest(self, copy: Copy) -> Iterator[tuple[str, int | None]]:
        """URL and size of the objects in a manifest. For columnar data the sizes are mandatory."""
        url = f"s3://{copy.bucket}/{copy.key}"
        try:
            entries = [dict(entry) for entry in json.loads(self._get(url).read())["entries"]]
        except (ValueError, KeyError, TypeError):
            raise Unloadable(f"Error reading the manifest file {url}: it has no list of entries.") from None
        found = False
        for entry in entries:
            size = entry.get("meta", {}).get("content_length")
            if not isinstance(size, int):
                raise Unloadable(
                    f"The manifest {url} has no meta.content_length for {entry.get('url')}; Parquet requires it."
                )
            if not entry.get("mandatory", False):
                try:
                    self._get(str(entry.get("url"))).close()
                except Unloadable:
                    continue
            found = True
            yield str(entry.get("url")), size
        if not found:
            raise Unloadable(f"No object of the manifest {url} was found.")

    def _listed(self, copy: Copy) -> Iterator[tuple[str, int | None]]:
        """URLs of the objects under the COPY's prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=copy.bucket, Prefix=copy.key)
        try:
            keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        except ClientError as error:
            raise Unloadable(f"S3ServiceException: {error}: s3://{copy.bucket}/{copy.key}") from None
        if not keys:
            raise Unloadable(f"The specified S3 prefix '{copy.key}' does not exist in bucket {copy.bucket}.")
        for key in keys:
            yield f"s3://{copy.bucket}/{key}", None

    def _fetch(self, url: str, size: int | None, path: Path, number: int) -> Path:
        target = path.with_name(f"{path.name}-{number}.parquet")
        with target.open("wb") as file:
            shutil.copyfileobj(self._get(url), file, 1 << 20)
        if size is not None and target.stat().st_size != size:
            actual = target.stat().st_size
            target.unlink()
            raise Unloadable(f"{url} has {actual} bytes, but its manifest says {size}: it has changed.")
        return target

    def _get(self, url: str) -> Any:
        address = re.fullmatch(r"s3://([^/]+)/(.+)", url)
        if address is None:
            raise Unloadable(f"{url!r} is not the URL of an S3 object.")
        try:
            return self._s3.get_object(Bucket=address[1], Key=address[2])["Body"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise Unloadable(
                f"S3ServiceException: {code}: cannot read {url}. Does the object exist?"
            ) from None
