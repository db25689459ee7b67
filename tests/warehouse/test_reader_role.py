"""What a user may do who has only the role `musician_reader`."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redshift_connector

from include.warehouse.reader_role import create_reader
from include.warehouse.tables import STAR, VIEWS, create_tables
from sandbox.services import Services
from tests.support.snapshots import rows

PASSWORD = "Musician-1"


@pytest.fixture
def reader(redshift: Any, services: Services) -> Iterator[Any]:
    """The connection of a user who was granted only the role."""
    create_tables(redshift)
    create_reader(redshift)
    user = f"reader_{uuid.uuid4().hex[:8]}"
    with redshift.cursor() as cursor:
        cursor.execute(f"create user {user} password '{PASSWORD}'")
        cursor.execute(f"grant role musician_reader to {user}")
        redshift.commit()
        given = services.redshift | {"user": user, "password": PASSWORD}
        with redshift_connector.connect(**given, ssl=False) as connection:
            yield connection
            connection.rollback()
        cursor.execute(f"drop user {user}")
    redshift.commit()


READABLE = (*(f"dwh.{table}" for table in (*STAR, "load_ledger")), *(f"analytics.{view}" for view in VIEWS))
REJECTED = (
    "select count(*) from staging.events",
    "select count(*) from audit.current_load",
    "insert into dwh.load_ledger (dataset) values ('events')",
    "update dwh.dim_songs set play_count = 0",
    "delete from dwh.fact_artists",
    "drop table dwh.fact_artists",
    "drop view analytics.upcoming_concerts",
    "create table dwh.mine (number integer)",
    "create view analytics.mine as select * from dwh.fact_artists",
    "create table public.mine (number integer)",
    "create schema mine",
    "create user somebody password 'Somebody-1'",
)


def test_a_reader_reads_the_star_and_the_views(reader: Any) -> None:
    assert [rows(reader, f"select count(*) from {table}") for table in READABLE] == [[(0,)]] * len(READABLE)


def test_a_reader_does_nothing_else(reader: Any) -> None:
    for statement in REJECTED:
        with pytest.raises(redshift_connector.ProgrammingError, match=r"permission denied|must be owner"):
            rows(reader, statement)


def test_what_is_added_later_is_readable_too(reader: Any, redshift: Any) -> None:
    with redshift.cursor() as cursor:
        cursor.execute("create table dwh.later (number integer)")
    redshift.commit()
    assert rows(reader, "select count(*) from dwh.later") == [(0,)]


def test_creating_the_role_again_changes_nothing(reader: Any, redshift: Any) -> None:
    create_reader(redshift)
    assert rows(reader, "select count(*) from dwh.fact_artists") == [(0,)]
