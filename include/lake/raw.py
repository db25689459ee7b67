"""What a fetch keeps under raw/<dataset>/<run>/, for landing and for later tries of the fetch.

<request>.jsonl.gz   a response as received, in one line of JSON
plan.json            what the fetch decided to request, written before the first request
rejected.json        only that: the source rejected a request of the fetch
crawl.json           what was requested and which responses were received, written when the fetch is finished
"""

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import islice, takewhile
from typing import TypeVar

import msgspec

from include.errors import ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.certificate import Crawl

_RESPONSE = ".jsonl.gz"
_READ_AHEAD = 8
"""How many responses are read at once: at 40 ms each, faster than they are parsed."""
_Document = TypeVar("_Document", bound=msgspec.Struct)


class RawResponse(msgspec.Struct, frozen=True):
    """One line of a raw object: a request, without the key, and the response to it."""

    request: dict[str, str]
    status: int
    received_at: datetime
    body: msgspec.Raw
    requests: int = 1
    """How many requests it took, failed ones included."""


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
        """Keeps a response. The body is kept byte for byte, except that line breaks become spaces."""
        if b"\n" in body:
            body = body.replace(b"\r", b" ").replace(
                b"\n", b" "
            )  # between JSON tokens any white space will do
        response = RawResponse(dict(request), status, received_at, msgspec.Raw(body), requests)
        line = msgspec.json.encode(response) + b"\n"
        self._bucket.put(f"{self._prefix}{name}{_RESPONSE}", gzip.compress(line, 1, mtime=0))

    def get(self, name: str) -> RawResponse:
        """A response that was kept. Raises `ManifestInvalid` if it is gone or cannot be read."""
        content = self._bucket.get(f"{self._prefix}{name}{_RESPONSE}")
        try:
            return msgspec.json.decode(gzip.decompress(content), type=RawResponse)
        except (ValueError, RecursionError, OSError, EOFError, zlib.error) as error:
            raise ManifestInvalid(f"{self.url(name)} is malformed ({error}). Trigger a new run.") from None

    @contextmanager
    def reading_ahead(self, names: Iterable[str]) -> Iterator[Callable[[str], RawResponse]]:
        """A `get` for reading responses in this order, possibly skipping some; several are requested ahead."""
        waiting, coming = iter(names), dict[str, Future[RawResponse]]()

        def read(name: str) -> RawResponse:
            if name not in coming:  # the first one, or the ones before it were skipped
                coming.clear()
                deque(takewhile(lambda each: each != name, waiting), maxlen=0)
                coming[name] = readers.submit(self.get, name)
            while (first := next(iter(coming))) != name:
                coming.pop(first).cancel()
            for following in islice(waiting, _READ_AHEAD + 1 - len(coming)):
                coming[following] = readers.submit(self.get, following)
            return coming.pop(name).result()

        with ThreadPoolExecutor(_READ_AHEAD, thread_name_prefix="read-ahead") as readers:
            try:
                yield read
            finally:
                for future in coming.values():
                    future.cancel()

    def names(self) -> set[str]:
        """The names of the requests whose responses are kept."""
        return {
            key.removeprefix(self._prefix).removesuffix(_RESPONSE)
            for key, _ in self._bucket.sizes(self._prefix)
            if key.endswith(_RESPONSE)
        }

    def url(self, name: str) -> str:
        """The URL of the response to a request."""
        return self._bucket.url(f"{self._prefix}{name}{_RESPONSE}")

    def begin(self, plan: msgspec.Struct) -> bool:
        """Writes the plan unless this run has already begun; returns whether it did."""
        return self._bucket.put_new(f"{self._prefix}plan.json", msgspec.json.encode(plan) + b"\n")

    def plan(self, kind: type[_Document]) -> _Document | None:
        """The plan; None if the fetch has not begun. Raises `ManifestInvalid`."""
        return self._document("plan.json", kind)

    def note_rejection(self) -> None:
        """Records that the source rejected a request, so that corrected settings may begin a new run."""
        self._bucket.put_json(f"{self._prefix}rejected.json", {})

    def has_rejection(self) -> bool:
        """Whether the source has rejected a request."""
        return self._bucket.size(f"{self._prefix}rejected.json") is not None

    def put_crawl(self, crawl: Crawl) -> None:
        """Records that the fetch is finished, with its crawl."""
        self._bucket.put_json(f"{self._prefix}crawl.json", crawl)

    def crawl(self) -> Crawl | None:
        """The crawl; None if the fetch is not finished. Raises `ManifestInvalid`."""
        return self._document("crawl.json", Crawl)

    def forget(self) -> None:
        """Deletes everything, crawl.json last: if the process dies before that, the next try deletes the rest."""
        keys = [key for key, _ in self._bucket.sizes(self._prefix)]
        self._bucket.delete(sorted(keys, key=lambda key: key.endswith("/crawl.json")))

    def _document(self, name: str, kind: type[_Document]) -> _Document | None:
        return self._bucket.get_json(f"{self._prefix}{name}", kind, "Trigger a new run.")
