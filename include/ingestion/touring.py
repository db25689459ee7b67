"""Who tours: the artists billed in the newest complete events run, the busiest first."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date

import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.lake.runs import Lake, Manifest

_COLUMNS = ("artist_key", "artist_name", "local_date", "status")
_BATCH_ROWS = 20_000


def touring_artists(lake: Lake, at_most: int, on: date) -> tuple[str | None, list[str]]:
    """The events run, and the names of the artists with the most concerts from that day on.

    Cancelled concerts don't count. Without a complete events run: None, and nobody.
    """
    found = lake.newest_complete("events") if at_most else None
    if found is None:
        return None, []
    manifest, _ = found
    concerts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for key, name in _billings(lake, manifest, on):
        concerts[key] += 1
        names[key] = min(name, names.get(key, name))
    busiest = sorted(concerts, key=lambda key: (-concerts[key], key))
    return manifest.run, [names[key] for key in busiest[:at_most]]


def _billings(lake: Lake, manifest: Manifest, on: date) -> Iterator[tuple[str, str]]:
    """Key and name of every billing in an upcoming concert."""
    for url, _, _ in manifest.entries:
        with tempfile.TemporaryFile() as part:
            lake.s3.download_fileobj(lake.bucket, url.removeprefix(lake.url("")), part)
            for batch in pq.ParquetFile(part).iter_batches(_BATCH_ROWS, columns=list(_COLUMNS)):
                upcoming = pc.greater_equal(batch["local_date"], on)
                cancelled = pc.fill_null(pc.equal(batch["status"], "cancelled"), False)
                chosen = batch.filter(pc.and_not(pc.fill_null(upcoming, False), cancelled))
                for key, name in zip(
                    chosen["artist_key"].to_pylist(), chosen["artist_name"].to_pylist(), strict=True
                ):
                    if key is not None:
                        yield key, name
