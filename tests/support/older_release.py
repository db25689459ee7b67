"""The warehouse and the lake of two days as release de190e1 left them, written by that release itself.

Made with its own fetches, landing and publishing, against its stand-ins: 30 concerts in the US and three charting
artists, and requests for who tours. Addresses in the manifests name the bucket `{bucket}`. Only the compression of the
Parquet objects differs: that release wrote ZSTD, which the sandbox's COPY rejects because AWS does not say that
Redshift reads it.
"""

from pathlib import Path
from typing import Any

import sqlparse

from include.lake.lake import Lake
from include.lake.runs import run_instant
from include.warehouse.tables import DATASETS
from include.warehouse.transactions import transaction

FOLDER = Path(__file__).parents[1] / "warehouse" / "release_de190e1"
CONCERTS, BILLINGS, SONGS, DAYS = 30, 56, 12, 2
"""What that release's star held: concerts, billings, songs, and snapshot dates."""


def put_lake(lake: Lake) -> None:
    """Puts the runs into the bucket."""
    for path in sorted(FOLDER.rglob("*/*.*")):
        key, body = path.relative_to(FOLDER).as_posix(), path.read_bytes()
        if path.suffix == ".json":
            body = body.replace(b"{bucket}", lake.bucket.name.encode())
        lake.bucket.put(key, body)


def create_star(redshift: Any, lake: Lake) -> None:
    """Creates the tables and views of that release, with the ledger in which both days are published."""
    with transaction(redshift) as cursor:
        for statement in sqlparse.split((FOLDER / "definitions.sql").read_text()):
            cursor.execute(statement.rstrip(";"))
        cursor.execute("insert into audit.definitions values ('a1b00b5e169add7f873aa3462bc7b4da')")
        for dataset in DATASETS:
            for run in lake.manifests(dataset):
                instant = run_instant(run).replace(tzinfo=None)
                cursor.execute(
                    "insert into dwh.load_ledger (dataset, run, state, manifest_url, record_count, changes, "
                    "snapshot_date, judged_at) values (%s, %s, 'published', %s, 1, '{}', %s, %s)",
                    (dataset, run, lake.manifest_url(dataset, run), instant.date(), instant),
                )
