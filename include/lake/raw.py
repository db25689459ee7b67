"""What a fetch keeps under raw/<dataset>/<run>/: what landing reads, and what a later try goes on from.

<request>.jsonl.gz   an answer as received, one JSON document a line
plan.json            how the fetch begins, written before the first request
crawl.json           what was asked for what, written when the fetch is over
"""

import gzip
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from include.lake.bucket import Bucket

_ANSWER = ".jsonl.gz"


class RawAnswer(msgspec.Struct, frozen=True):
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
        """Keeps an answer. Its line holds the body byte for byte, unless that spans several lines."""
        if b"\n" in body:
            body = msgspec.json.encode(msgspec.json.decode(body))
        answer = RawAnswer(dict(request), status, received_at, msgspec.Raw(body), requests)
        line = msgspec.json.encode(answer) + b"\n"
        self._bucket.put(f"{self._prefix}{name}{_ANSWER}", gzip.compress(line, 1, mtime=0))

    def get(self, name: str) -> RawAnswer:
        """An answer kept before."""
        line = gzip.decompress(self._bucket.get(f"{self._prefix}{name}{_ANSWER}"))
        return msgspec.json.decode(line, type=RawAnswer)

    def names(self) -> set[str]:
        """The requests whose answers are kept."""
        return {
            key.removeprefix(self._prefix).removesuffix(_ANSWER)
            for key, _ in self._bucket.sizes(self._prefix)
            if key.endswith(_ANSWER)
        }

    def url(self, name: str) -> str:
        """Where the answer to a request lies."""
        return self._bucket.url(f"{self._prefix}{name}{_ANSWER}")

    def put_plan(self, plan: dict[str, Any]) -> None:
        """Says how the fetch begins."""
        self._bucket.put_json(f"{self._prefix}plan.json", plan)

    def plan(self) -> dict[str, Any] | None:
        """What `put_plan` said; None when the fetch did not begin."""
        return self._bucket.get_json(f"{self._prefix}plan.json")

    def put_crawl(self, crawl: dict[str, Any]) -> None:
        """Says that the fetch is over, and what was asked for what."""
        self._bucket.put_json(f"{self._prefix}crawl.json", crawl)

    def crawl(self) -> dict[str, Any] | None:
        """What `put_crawl` said; None when the fetch is not over."""
        return self._bucket.get_json(f"{self._prefix}crawl.json")

    def forget(self) -> None:
        """Deletes all of it. crawl.json goes last: dying before that, the next try deletes the rest."""
        keys = [key for key, _ in self._bucket.sizes(self._prefix)]
        self._bucket.delete(sorted(keys, key=lambda key: key.endswith("/crawl.json")))
