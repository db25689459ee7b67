"""What a fetch keeps under raw/<dataset>/<run>/: what landing reads, and what a later try goes on from.

<request>.jsonl.gz   a response as received, one JSON document a line
plan.json            what the fetch decided to ask, written before the first request
crawl.json           what was asked and which responses tell what came, written when the fetch is over
"""

import gzip
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from include.errors import ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.certificate import Crawl

_RESPONSE = ".jsonl.gz"
_Document = TypeVar("_Document", bound=msgspec.Struct)


class RawResponse(msgspec.Struct, frozen=True):
    """One line of a raw object: what was asked, without the key, and what came."""

    request: dict[str, str]
    status: int
    received_at: datetime
    body: msgspec.Raw
    requests: int = 1
    """How many it took: failed ones, and the one that was answered so."""


class RawRun:
    """The raw objects of one run of a dataset."""

    def __init__(self, bucket: Bucket, dataset: str, run: str) -> None:
        self.dataset = dataset
        self.run = run
        self._bucket = bucket
        self._prefix = f"raw/{dataset}/{run}/"

    def put(
        self,
        name: str,
        request: Mapping[str, str],
        status: int,
        received_at: datetime,
        body: bytes,
        requests: int = 1,
    ) -> None:
        """Keeps a response. Its line holds the body byte for byte, unless that spans several lines."""
        if b"\n" in body:
            body = body.replace(b"\r", b" ").replace(b"\n", b" ")  # white space between its tokens
        response = RawResponse(dict(request), status, received_at, msgspec.Raw(body), requests)
        line = msgspec.json.encode(response) + b"\n"
        self._bucket.put(f"{self._prefix}{name}{_RESPONSE}", gzip.compress(line, 1, mtime=0))

    def get(self, name: str) -> RawResponse:
        """A response kept before. Raises `ManifestInvalid` when it is gone or cannot be read."""
        content = self._bucket.get(f"{self._prefix}{name}{_RESPONSE}")
        try:
            return msgspec.json.decode(gzip.decompress(content), type=RawResponse)
        except (ValueError, RecursionError, OSError, EOFError, zlib.error) as error:
            raise ManifestInvalid(f"{self.url(name)} is malformed ({error}). Trigger a new run.") from None

    def names(self) -> set[str]:
        """The requests whose responses are kept."""
        return {
            key.removeprefix(self._prefix).removesuffix(_RESPONSE)
            for key, _ in self._bucket.sizes(self._prefix)
            if key.endswith(_RESPONSE)
        }

    def url(self, name: str) -> str:
        """Where the response to a request lies."""
        return self._bucket.url(f"{self._prefix}{name}{_RESPONSE}")

    def begin(self, plan: msgspec.Struct) -> bool:
        """Says what the fetch is going to ask, unless this run was begun before; whether it was not."""
        return self._bucket.put_new(f"{self._prefix}plan.json", msgspec.json.encode(plan) + b"\n")

    def plan(self, kind: type[_Document]) -> _Document | None:
        """What `begin` was told; None when the fetch did not begin. Raises `ManifestInvalid`."""
        return self._document("plan.json", kind)

    def put_crawl(self, crawl: Crawl) -> None:
        """Says that the fetch is over, and what came of it."""
        self._bucket.put_json(f"{self._prefix}crawl.json", msgspec.to_builtins(crawl))

    def crawl(self) -> Crawl | None:
        """What `put_crawl` said; None when the fetch is not over. Raises `ManifestInvalid`."""
        return self._document("crawl.json", Crawl)

    def forget(self) -> None:
        """Deletes all of it. crawl.json goes last: dying before that, the next try deletes the rest."""
        keys = [key for key, _ in self._bucket.sizes(self._prefix)]
        self._bucket.delete(sorted(keys, key=lambda key: key.endswith("/crawl.json")))

    def _document(self, name: str, kind: type[_Document]) -> _Document | None:
        return self._bucket.get_json(f"{self._prefix}{name}", kind, "Trigger a new run.")
