"""Lineage: which objects and tables a warehouse task has read, and which tables it has written.

It is reported to Airflow's hook lineage collector; the provider `openlineage` sends it on if a transport is
configured, for example by AIRFLOW__OPENLINEAGE__TRANSPORT. Without one, nothing is reported. The tables are found
in the text of the SQL files that were run.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from include.lake.lake import Lake
from include.warehouse.tables import DATASETS, STAR

_SQL = Path(__file__).parent.parent / "sql"
_TABLES = {f"staging.{dataset}" for dataset in DATASETS} | {
    f"{schema}.{table}" for schema in ("audit", "dwh") for table in STAR
}
_COMMENT = re.compile(r"--.*")
_WRITTEN = re.compile(r"\b(?:into|update|delete\s+from|create\s+table)\s+(\w+\.\w+)", re.IGNORECASE)
_READ = re.compile(r"(?<!delete )\b(?:from|join|using)\s+(\w+\.\w+)", re.IGNORECASE)


def report_copy(lake: Lake, dataset: str, run: str) -> None:
    """Reports that the objects in the run's manifest were loaded into `staging.<dataset>`."""
    if _is_wanted():
        manifest = lake.manifest(dataset, run)
        objects = [lake.bucket.url(f"lake/{dataset}"), *(part.url for part in manifest.parts)]
        _report(objects, _table_uris([f"staging.{dataset}"]))


def report_sql(*files: str) -> None:
    """Reports the tables that SQL files, such as `audit/dim_songs`, read and write."""
    if _is_wanted():
        read = {table for file in files for table in tables(file)[0]}
        written = {table for file in files for table in tables(file)[1]}
        _report(_table_uris(sorted(read)), _table_uris(sorted(written)))


@cache
def tables(file: str) -> tuple[frozenset[str], frozenset[str]]:
    """The tables of staging and the star that a SQL file reads, and those it writes, without auxiliary ones."""
    text = _COMMENT.sub("", (_SQL / f"{file}.sql").read_text())
    written = _TABLES.intersection(_WRITTEN.findall(text))
    return frozenset(_TABLES.intersection(_READ.findall(text)) - written), frozenset(written)


def _is_wanted() -> bool:
    from airflow.sdk.lineage import NoOpCollector, get_hook_lineage_collector

    return not isinstance(get_hook_lineage_collector(), NoOpCollector)


def _table_uris(names: Iterable[str]) -> list[str]:
    from airflow.sdk.bases.hook import BaseHook

    redshift = BaseHook.get_connection("redshift")
    database = f"redshift://{redshift.host}:{redshift.port or 5439}/{redshift.schema}"
    return [f"{database}/{name.replace('.', '/')}" for name in names]


def _report(read: Iterable[str], written: Iterable[str]) -> None:
    from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook
    from airflow.sdk.lineage import get_hook_lineage_collector

    collector, hook = get_hook_lineage_collector(), RedshiftSQLHook("redshift")
    for uri in read:
        collector.add_input_asset(hook, uri=uri)
    for uri in written:
        collector.add_output_asset(hook, uri=uri)
