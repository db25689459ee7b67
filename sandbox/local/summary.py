"""What a finished run built, read where an analyst would read it: in the warehouse and the data docs."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STAR = ("fact_artists", "fact_songs", "dim_songs", "dim_concerts", "bridge_concert_artists")

CHANGED = ("added", "changed", "removed", "unchanged")
CHANGES = "select changes from dwh.load_ledger where state = 'published' order by judged_at desc limit 1"

# Artists known to both sources, busiest first.
INTERESTING = """
select artist_name, chart_rank, listeners, top_song, upcoming_concerts, next_concert_date, next_concert_city
from analytics.artist_events_songs
where chart_rank is not null and upcoming_concerts > 0
order by upcoming_concerts desc, chart_rank
limit 3
"""


def warehouse(environment: Mapping[str, str]) -> str:
    """Rows per table and three interesting artists, from the Redshift that `AIRFLOW_CONN_REDSHIFT` names."""
    import redshift_connector

    given = _connection(environment, "REDSHIFT")
    with (
        contextlib.closing(
            redshift_connector.connect(
                host=given["host"],
                port=int(given["port"]),
                user=given["login"],
                password=given["password"],
                database=given["schema"],
                **given["extra"],
            )
        ) as redshift,
        redshift.cursor() as cursor,
    ):
        cursor.execute(CHANGES)
        changes = json.loads(cursor.fetchall()[0][0])
        lines = [f"{'Rows':<30}" + "".join(f"{head:>11}" for head in ("in all", *CHANGED))]
        for table in STAR:
            cursor.execute(f"select count(*) from dwh.{table}")
            counts = [cursor.fetchall()[0][0], *(changes[table][kind] for kind in CHANGED)]
            lines.append(f"  dwh.{table:<24}" + "".join(f"{count:>11,}" for count in counts))
        cursor.execute(INTERESTING)
        names = [str(column[0]) for column in cursor.description]
        rows = [[_text(value) for value in row] for row in cursor.fetchall()]
    lines.append("\nThree artists in analytics.artist_events_songs, charting and on tour")
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    for row in [names, *rows]:
        lines.append(
            "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return "\n".join(lines)


def fetch_data_docs(environment: Mapping[str, str], home: Path) -> Path | None:
    """Copies the data docs from the bucket to `home`/data-docs; returns their index page, or None if there are
    none."""
    import boto3
    from botocore.config import Config

    from include.settings import Settings

    given = _connection(environment, "AWS_DEFAULT")
    s3 = boto3.client(
        "s3",
        endpoint_url=given["extra"].get("endpoint_url"),
        region_name=given["extra"].get("region_name"),
        aws_access_key_id=given["login"],
        aws_secret_access_key=given["password"],
        config=Config(proxies={}) if given["extra"].get("endpoint_url") else None,
    )
    bucket, prefix = Settings.from_environment(environment).bucket, "data-docs/"
    with contextlib.suppress(s3.exceptions.NoSuchBucket):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                path = home / "data-docs" / entry["Key"].removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file(bucket, entry["Key"], str(path))
    index = home / "data-docs" / "index.html"
    return index if index.exists() else None


def _connection(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(environment[f"AIRFLOW_CONN_{name}"])
    extra = given.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    return {"login": None, "password": None, "schema": "dev", "port": 5439, **given, "extra": extra}


def _text(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
