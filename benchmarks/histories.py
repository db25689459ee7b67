"""Two warehouses in one database: one with a short history and one with a long history.

They take turns as the schema `dwh`, so that publishing into both can be compared in one run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.figures import say

HISTORY = 10
"""The size of the long history, in loads."""


class Histories:
    """Both histories, through a connection to PostgreSQL that commits every statement."""

    def __init__(self, postgres: Any) -> None:
        self._postgres = postgres

    @contextmanager
    def in_place(self, which: str) -> Iterator[None]:
        """Makes the chosen history the schema `dwh` until the block ends; otherwise that is the short one."""
        swap = ["alter schema dwh rename to short", "alter schema long rename to dwh"]
        back = ["alter schema dwh rename to long", "alter schema short rename to dwh"]
        for statement in swap if which == "long" else ():
            self.run(statement)
        try:
            yield
        finally:
            for statement in back if which == "long" else ():
                self.run(statement)

    def lengthen(self) -> None:
        """Fills `dwh` with what older loads of other artists and past concerts would have left there.

        It is derived from the load built in `audit`, and becomes the long history; the tables of `dwh` must then
        be created again for the short one.
        """
        other = "md5({} || n)"
        concert = f"left(audit.concert_id, 3) || left({other.format('audit.concert_id')}, 13)"
        replaced = {
            "dim_songs": {
                "song_key": other.format("audit.song_key"),
                "artist_key": other.format("audit.artist_key"),
                "first_seen_date": "audit.first_seen_date - 400 - n",
                "last_seen_date": "audit.last_seen_date - 300 - n",
            },
            "fact_songs": {"snapshot_date": "audit.snapshot_date - 10 - n"},
            "dim_concerts": {
                "concert_id": concert,
                "local_date": "audit.local_date - 400",
                "valid_from": "audit.valid_from - interval '400 days'",
            },
            "bridge_concert_artists": {"concert_id": concert},
            "fact_artists": {"snapshot_date": "audit.snapshot_date - 10 - n"},
        }
        for table, expressions in replaced.items():
            columns = self._columns(table)
            expressions |= {"events_run": "'2025-01-01T060000Z'", "songs_run": "'2025-01-01T070000Z'"}
            values = ", ".join(expressions.get(column, f"audit.{column}") for column in columns)
            for number in range(HISTORY):
                self.run(
                    f"insert into dwh.{table} ({', '.join(columns)}) "  # noqa: S608 - our own names
                    f"select {values} from audit.{table} as audit cross join (select {number} as n) as copies"
                )
                say(f"history of {table}: {number + 1} of {HISTORY}")
        # Otherwise the plans depend on whether autovacuum has come by.
        self.run("analyze")
        self.run("alter schema dwh rename to long")

    def _columns(self, table: str) -> list[str]:
        with self._postgres.cursor() as cursor:
            cursor.execute(
                "select column_name from information_schema.columns "
                "where table_schema = 'dwh' and table_name = %s order by ordinal_position",
                (table,),
            )
            return [name for (name,) in cursor.fetchall()]

    def run(self, statement: str) -> None:
        """Runs a statement directly in PostgreSQL, bypassing the proxy: one that the warehouse itself never runs."""
        with self._postgres.cursor() as cursor:
            cursor.execute(statement)
