"""The tables that lineage reads off the SQL files. What is sent of them: tests/browser/test_ui.py."""

import pytest

from include.orchestration.lineage import tables
from include.warehouse.tables import STAR


# audit.fact_songs is a view of audit.dim_songs.
@pytest.mark.parametrize("table", [table for table in STAR if table != "fact_songs"])
def test_a_table_of_the_audit_is_built_from_staging(table: str) -> None:
    read, written = tables(f"audit/{table}")
    assert written == {f"audit.{table}"}
    assert any(name.startswith("staging.") for name in read)
    under_way = {"dwh.dim_concerts", "dwh.bridge_concert_artists"} if table == "fact_artists" else set()
    assert {name for name in read if name.startswith("dwh.")} == under_way


@pytest.mark.parametrize("table", STAR)
def test_a_table_of_the_star_is_published_from_its_audited_one(table: str) -> None:
    read, written = tables(f"publish/{table}")
    assert written == {f"dwh.{table}"}
    assert f"audit.{table}" in read
