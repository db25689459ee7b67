"""Replays a history in the warehouse and in the model, and finds where the two differ."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import cache
from typing import IO, Any

import msgspec

from include.errors import ContextInvalid, DataRejected, ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.certificate import Certificate, Scope
from include.lake.lake import Lake
from include.lake.parts import put_parts
from include.lake.rejected import RejectedRecord, rejecting
from include.lake.runs import run_instant
from include.sources.lastfm.rows import SongRow
from include.sources.ticketmaster.rows import EventRow
from include.warehouse import ledger, next_load, parking
from include.warehouse import load as warehouse
from include.warehouse.pairing import Load
from include.warehouse.rebuild import rebuild
from include.warehouse.tables import BUILT, DATASETS, STAR
from include.warehouse.transactions import Joined, transaction
from tests.support.histories import Accept, Land, LoseLedger, Rebuild, Retry, Step, Work
from tests.support.model import Landed, Model, RebuildFails
from tests.support.snapshots import ROLE

Tables = Mapping[str, Mapping[tuple[Any, ...], Mapping[str, Any]]]
"""Rows by column, by table and key."""

KEYS = {
    "dim_songs": ("song_key",),
    "fact_songs": ("song_key", "snapshot_date"),
    "dim_concerts": ("concert_id", "valid_from"),
    "bridge_concert_artists": ("concert_id", "artist_key"),
    "fact_artists": ("artist_key", "snapshot_date"),
    "load_ledger": ("dataset", "run"),
}
_NEW_COLUMNS = {"local_end_date", "name_key", "asked_key"}
"""Columns that release de190e1 did not write."""
_UNCOMPARED = ("judged_at", "reason", "changes", "digest", "dag_run")
"""Columns of the ledger: a clock, text, figures that are checked in the `changes` of the load, and a hash."""
_RUNS = {"events_run", "songs_run"}


class RememberingBucket(Bucket):
    """A bucket that caches what was written through it: only COPY needs the stand-in, which is slow."""

    def __init__(self, s3: Any, name: str) -> None:
        super().__init__(s3, name)
        self.kept: dict[str, bytes] = {}

    def put(self, key: str, body: bytes | IO[bytes]) -> None:
        self.kept[key] = body if isinstance(body, bytes) else body.read()
        super().put(key, self.kept[key])

    def get(self, key: str) -> bytes:
        return self.kept[key] if key in self.kept else super().get(key)

    def get_json(self, key: str, kind: type[Any], remedy: str) -> Any:
        return super().get_json(key, kind, remedy) if key in self.kept else None

    def tail(self, key: str, length: int) -> tuple[int, bytes] | None:
        return (len(self.kept[key]), self.kept[key][-length:]) if key in self.kept else None

    def size(self, key: str) -> int | None:
        return len(self.kept[key]) if key in self.kept else None

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        return ((key, len(body)) for key, body in sorted(self.kept.items()) if key.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.kept.pop(key, None)
            super().delete([key])


class Differs(AssertionError):
    """The warehouse differs from what the documents say."""


class Replay:
    """One history, as it unfolds in a warehouse with tables, in a lake that begins empty, and in the model."""

    def __init__(self, connection: Any, lake: Lake) -> None:
        self.connection, self.lake = connection, lake
        self.model = Model()
        self.landed: dict[tuple[str, str], Landed] = {}
        self.publishes = 0
        self.is_settled = True
        """Whether the star results from the manifests as they are now, in order."""
        with transaction(connection) as cursor:
            for table in KEYS:
                cursor.execute(f"delete from dwh.{table}")
        self.held = self._held()

    def tell(self, steps: Sequence[Step]) -> int:
        """Takes every step and compares; returns the number of publishes. Raises `Differs`."""
        for number, step in enumerate(steps):
            self._take(step)
            if isinstance(step, Rebuild):  # work compares after every load
                self._compare(f"after step {number}, {step}")
        return self.publishes

    def _take(self, step: Step) -> None:
        match step:
            case Land(landed, by_older_release):
                self.is_settled &= (landed.dataset, landed.run) not in self.landed
                self.landed[landed.dataset, landed.run] = landed
                land(self.lake, landed, by_older_release)
            case Work():
                self._work()
            case Retry(dataset, run):
                ledger.retry(self.connection, dataset, run)
                self.model.retry(dataset, run)
            case Accept(dataset, run):
                ledger.accept(self.connection, dataset, run)
                self.model.accept(dataset, run)
            case LoseLedger():
                with transaction(self.connection) as cursor:
                    cursor.execute("delete from dwh.load_ledger")
                self.model.lose_ledger()
                self.is_settled = False
            case Rebuild(until):
                self._rebuild(until)

    def _work(self) -> None:
        """Loads what is pending as the DAG does, and compares after every load."""
        while True:
            load = None
            with suppress(ContextInvalid):  # it waits until a rebuild
                load = next_load.begin_next(self.connection, self.lake, self._now(), next_load.Found())
            is_done = not self.model.work_once(self.landed)
            if load is None:
                if not is_done:
                    raise Differs(f"the warehouse waits, but {self.model.loads[-1:]} was due")
                self.held = self._held()
                self._compare("when nothing more is to be loaded")
                return
            if not self._load(load):
                self.held = self._held()
            self._compare(f"after {load}, pending {load.pending}")

    def _load(self, load: Load) -> bool:
        """Publishes or parks the load; whether it was published."""
        try:
            try:
                joined = Joined(self.connection)  # one transaction for all is faster
                for dataset in DATASETS:
                    warehouse.stage(joined, self.lake, load, dataset, ROLE)
                for table in BUILT:
                    warehouse.build(joined, load, table)
            finally:
                self.connection.commit()
        except ManifestInvalid:
            return False
        verdict = self._judge(self.connection, load)
        if verdict.failures:
            parking.park(self.connection, load, verdict.reason, verdict.failed_rows, verdict.at_fault)
            return False
        changes = warehouse.publish(self.connection, load)
        self.publishes += 1
        before, self.held = self.held, self._held()
        self._compare_changes(load, changes, before, self.held)
        return True

    def _rebuild(self, until: date | None) -> None:
        """Rebuilds both; nothing may differ from before if no run was late, pending or landed again."""
        before = self.held
        states = {self.model.state(*key) for key in self.landed}
        must_not_differ = self.is_settled and until is None and states <= {"published", "parked"}
        try:
            self.model.rebuild(self.landed, until)
            expected = None
        except RebuildFails as fails:
            expected = fails
        try:
            rebuilt = rebuild(
                self.connection,
                self.lake,
                now=self._now(),
                copy_role_arn=ROLE,
                judge=self._judge,
                until=until,
                allow_missing=True,
            )
        except DataRejected as rejected:
            if expected is None:
                raise Differs(f"the rebuild failed: {rejected}") from rejected
            return
        self.publishes += rebuilt.loads
        if expected is not None:
            raise Differs(f"the rebuild should have failed: {expected}")
        if rebuilt.loads != len(self.model.loads):
            raise Differs(f"the rebuild made {rebuilt.loads} loads instead of {len(self.model.loads)}")
        self.held = after = self._held()
        if set(rebuilt.differences) != {table for table in STAR if before[table] != after[table]}:
            raise Differs(f"the rebuild says that it changed {rebuilt.differences}")
        if must_not_differ and rebuilt.differences:
            raise Differs(f"a rebuild without late or pending runs changed {rebuilt.differences}")
        self.is_settled = True

    def _judge(self, connection: Any, load: Load) -> parking.Verdict:
        with transaction(connection) as cursor:
            known = ledger.read_ledger(cursor)
        at_fault = []
        for dataset in load.pending:
            run = load.run(dataset)
            fault, judged = self.landed[dataset, run].fault, known.get((dataset, run))
            if fault == "broken" or (fault == "differs" and not (judged and judged.is_accepted)):
                at_fault.append(dataset)
        return parking.Verdict(tuple(f"{dataset} fails" for dataset in at_fault), (), tuple(at_fault))

    def _now(self) -> datetime:
        newest = max((run for _, run in self.landed), default="2026-11-10T000000Z")
        return run_instant(newest) + timedelta(hours=1)

    # -- comparing

    def _compare(self, when: str) -> None:
        found, expected = self.held, self._expected()
        differences = [
            line for table in KEYS for line in _table_differences(table, found[table], expected[table])
        ]
        if differences:
            raise Differs("\n".join([when, *differences[:12]]))

    def _held(self) -> Tables:
        """The rows of the warehouse; hashes of versions as in the model."""
        held = {}
        with transaction(self.connection) as cursor:
            for table, key in KEYS.items():
                cursor.execute(f"select * from dwh.{table}")
                names = [column[0] for column in cursor.description]
                rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
                held[table] = {tuple(row[column] for column in key): row for row in rows}
                if len(held[table]) != len(rows):
                    raise Differs(f"a key of {table} is there twice")
        _check_delisted_hashes(held["dim_concerts"].values())
        _number_versions(held["dim_concerts"].values())
        for row in held["load_ledger"].values():
            if (row["reason"] is None) != (row["state"] in ("published", "pending")):
                raise Differs(f"{row['state']} for the reason {row['reason']}")
            if (row["changes"] is None) != (row["state"] != "published"):
                raise Differs(f"{row['state']} with the changes {row['changes']}")
            for column in _UNCOMPARED:
                del row[column]
        return held

    def _expected(self) -> Tables:
        model = self.model
        versions = [
            {("version_hash" if column == "version" else column): value for column, value in version.items()}
            for chain in model.versions.values()
            for version in chain
        ]
        _number_versions(versions)
        tables = {
            "dim_songs": model.songs.values(),
            "fact_songs": model.song_facts.values(),
            "dim_concerts": versions,
            "bridge_concert_artists": [row for rows in model.billings.values() for row in rows.values()],
            "fact_artists": [row for rows in model.artists.values() for row in rows.values()],
            "load_ledger": [self._ledger_row(*key) for key in model.ledger],
        }
        return {
            table: {tuple(row[column] for column in KEYS[table]): row for row in rows}
            for table, rows in tables.items()
        }

    def _ledger_row(self, dataset: str, run: str) -> dict[str, Any]:
        entry = self.model.ledger[dataset, run]
        return {
            "dataset": dataset,
            "run": run,
            "loaded_with": entry.loaded_with,
            "load_number": entry.load_number,
            "state": entry.state,
            "scope": _scope(self.landed[dataset, run]).text,
            "is_complete": entry.is_complete,
            "is_addition": entry.is_addition,
            "is_accepted": entry.is_accepted,
            "manifest_url": self.lake.manifest_url(dataset, run),
            "record_count": entry.record_count,
            "snapshot_date": entry.snapshot_date,
        }

    def _compare_changes(
        self, load: Load, changes: Mapping[str, Mapping[str, int]], before: Tables, after: Tables
    ) -> None:
        """Checks that publishing reports as added and removed exactly what is new and what is gone."""
        for table in STAR:
            keys_before, keys_after = (set(held[table]) for held in (before, after))
            added, removed = len(keys_after - keys_before), len(keys_before - keys_after)
            told = changes[table]
            if table == "dim_concerts":
                added = len({key[0] for key in keys_after} - {key[0] for key in keys_before})
                new = [after[table][key] for key in keys_after - keys_before]
                removed = sum(not row["is_listed"] for row in new)
                if told["changed"] != len(new) - added - removed:
                    raise Differs(f"{load} changed {len(new) - added - removed} concerts, but says {told}")
            elif table != "dim_songs":  # where new dates alone are not a change
                common = keys_before & keys_after
                changed = sum(_differ(before[table][key], after[table][key]) for key in common)
                if told["changed"] != changed:
                    raise Differs(f"{load} changed {changed} rows of {table}, but says {told}")
            if (told["added"], told["removed"]) != (added, removed):
                raise Differs(f"{load}: {table} +{added} -{removed}, but it says {told}")
        with transaction(self.connection) as cursor:
            for dataset in load.pending:
                if ledger.published_changes(cursor, dataset, load.run(dataset)) != json.loads(
                    json.dumps(changes)
                ):
                    raise Differs(f"the ledger tells other changes of {dataset} {load.run(dataset)}")


def _differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row has other content; which run it is from is none."""
    return any(before[column] != after[column] for column in before.keys() - _RUNS)


def land(lake: Lake, landed: Landed, by_older_release: bool = False) -> None:
    """Writes what an ingestion run leaves in the lake."""
    dataset, run, row_type = landed.dataset, landed.run, _row_type(landed.dataset, by_older_release)
    names = [field.name for field in msgspec.structs.fields(row_type)]
    if landed.rejected:
        with rejecting() as rejected:
            for concert_id in sorted(landed.rejected):
                rejected.add(RejectedRecord("unknown_status", "sold", concert_id, 0, "s3://bucket/raw"))
            rejected.put(lake, dataset, run)
    rows = [row_type(**{name: row.get(name) for name in names}) for row in landed.rows]
    parts = put_parts(lake, dataset, run, row_type, rows)
    lake.put_certificate(
        Certificate(
            dataset=dataset,
            run=run,
            scope=_scope(landed),
            complete=landed.complete,
            horizon_date=landed.horizon_date,
        )
    )
    lake.put_manifest(dataset, run, row_type, parts)
    if not landed.readable:
        lake.bucket.delete([f"lake/{dataset}/{run}/part-00000.parquet"])


@cache
def _row_type(dataset: str, by_older_release: bool) -> type[msgspec.Struct]:
    """The type of the rows that a release writes."""
    current: type[msgspec.Struct] = {"events": EventRow, "songs": SongRow}[dataset]
    if not by_older_release:
        return current
    columns = [(field.name, field.type) for field in msgspec.structs.fields(current)]
    return msgspec.defstruct("OlderRow", [column for column in columns if column[0] not in _NEW_COLUMNS])


def _scope(landed: Landed) -> Scope:
    countries = tuple(sorted(landed.countries))
    return (
        Scope(countries, *landed.numbers)
        if landed.dataset == "events"
        else Scope(countries, None, *landed.numbers)
    )


def _check_delisted_hashes(versions: Any) -> None:
    rows = sorted(versions, key=lambda row: (row["concert_id"], row["valid_from"]))
    for before, row in zip([{}, *rows], rows, strict=False):
        if not row["is_listed"]:
            expected = hashlib.md5(f"{before.get('version_hash')}|delisted".encode()).hexdigest()
            if row["version_hash"] != expected:
                raise Differs(
                    f"the hash of the delisted {row['concert_id']} does not follow from the one before"
                )


def _number_versions(versions: Any) -> None:
    """Replaces each hash with the number of the concert's first version that has it."""
    seen: dict[tuple[str, Any], int] = {}
    for row in sorted(versions, key=lambda row: (row["concert_id"], row["valid_from"])):
        row["version_hash"] = seen.setdefault((row["concert_id"], row["version_hash"]), len(seen))
        # All concerts are numbered in one order, so the numbers are equal only if the hashes agree.


def _table_differences(table: str, found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[str]:
    lines = [f"{table} lacks {key}: {expected[key]}" for key in expected.keys() - found.keys()]
    lines += [f"{table} has {key}: {found[key]}" for key in found.keys() - expected.keys()]
    for key in found.keys() & expected.keys():
        names = sorted(found[key].keys() | expected[key].keys())
        for name in names:
            ours, theirs = expected[key].get(name, "no column"), found[key].get(name, "no column")
            if ours != theirs:
                lines.append(f"{table} {key}: {name} is {theirs!r} instead of {ours!r}")
    return lines
