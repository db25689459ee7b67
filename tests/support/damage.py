"""Ways in which a run in the lake can be damaged: each takes a run that was landed soundly."""

import gzip
import io
import json
from collections.abc import Callable, Mapping
from string import ascii_uppercase
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.lake.lake import Lake
from include.lake.parquet import FORM

Damage = Callable[[Lake, str, str], None]
_DEEP = b'{"entries": ' + b"[" * 100_000
_BYTES = {
    "is empty": lambda body: b"",
    "is cut off": lambda body: body[: len(body) // 2],
    "is null": lambda body: b"null",
    "is a list": lambda body: b"[]",
    "is an empty object": lambda body: b"{}",
    "is no text": lambda body: b"\xff\xfe" + body,
    "is compressed": gzip.compress,
    "is nested deep": lambda body: _DEEP,
    "is in UTF-16": lambda body: body.decode().encode("utf-16"),
}


def _manifest(dataset: str, run: str) -> str:
    return f"manifests/{dataset}/{run}.json"


def _certificate(dataset: str, run: str) -> str:
    return f"certificates/{dataset}/{run}.json"


def _rejected(dataset: str, run: str) -> str:
    return f"rejected/{dataset}/{run}/rejected.jsonl.gz"


def _part(dataset: str, run: str) -> str:
    return f"lake/{dataset}/{run}/part-00000.parquet"


_WINDOW = {
    "window": "US", "country": "US", "start": "2026-11-22T06:00:00Z", "end": "2027-11-22T06:00:00Z", "reported": 9
}  # fmt: skip
Key = Callable[[str, str], str]


def _bytes(key: Key, change: Callable[[bytes], bytes]) -> Damage:
    def damage(lake: Lake, dataset: str, run: str) -> None:
        name = key(dataset, run)
        body = lake.bucket.get(name) if lake.bucket.size(name) is not None else b""
        lake.bucket.put(name, change(body))

    return damage


def _json(key: Key, path: str, value: Any) -> Damage:
    """Sets the value at a path such as `entries.0.url`; a function is given what was there."""

    def change(body: bytes) -> bytes:
        document = json.loads(body)
        *steps, last = (int(step) if step.isdecimal() else step for step in path.split("."))
        at = document
        for step in steps:
            at = at[step]
        at[last] = value(at.get(last) if isinstance(at, dict) else at[last]) if callable(value) else value
        return json.dumps(document).encode()

    return _bytes(key, change)


def _without(key: Key, field: str) -> Damage:
    def change(body: bytes) -> bytes:
        document = json.loads(body)
        del document[field]
        return json.dumps(document).encode()

    return _bytes(key, change)


def _table(
    change: Callable[[Any], Any], columns_told: bool = False, form: Mapping[str, Any] = FORM
) -> Damage:
    """Writes another Parquet object, of which the manifest tells size and rows, and maybe the columns."""

    def damage(lake: Lake, dataset: str, run: str) -> None:
        file = io.BytesIO()
        body = io.BytesIO(lake.bucket.get(_part(dataset, run)))
        table = change(pq.read_table(body, coerce_int96_timestamp_unit="us"))
        pq.write_table(table, file, **form)
        lake.bucket.put(_part(dataset, run), file.getvalue())
        document = json.loads(lake.bucket.get(_manifest(dataset, run)))
        for meta in (document["meta"], document["entries"][0]["meta"]):
            meta |= {"content_length": len(file.getvalue()), "record_count": table.num_rows}
        if columns_told:
            document["schema"]["elements"] = [{"name": name} for name in table.column_names]
        lake.bucket.put_json(_manifest(dataset, run), document)

    return damage


def _column(name: str, values: Callable[[int], Any], kind: Any = None) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        place = table.column_names.index(name)
        column = [values(number) for number in range(table.num_rows)]
        return table.set_column(place, name, pa.array(column, kind or table.schema.field(name).type))

    return change


def _cast(name: str, kind: Any) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        place = table.column_names.index(name)
        return table.set_column(place, name, pc.cast(table.column(name), kind))

    return change


def _first(table: Any) -> str:
    """A column of text that both datasets have under another name."""
    return "event_name" if "event_name" in table.column_names else "artist_name"


def _bad_text(body: bytes, column: str | None = None) -> Callable[[Any], Any]:
    """A column of texts with bytes that are no UTF-8, which pyarrow writes unchecked."""

    def change(table: Any) -> Any:
        name = column or _first(table)
        array = pa.array([body] * table.num_rows, pa.binary()).view(pa.string())
        return table.set_column(table.column_names.index(name), name, array)

    return change


def _swapped(table: Any) -> Any:
    """Columns in another order: COPY takes them by position."""
    names = list(table.column_names)
    one, other = [number for number, field in enumerate(table.schema) if pa.types.is_string(field.type)][:2]
    names[one], names[other] = names[other], names[one]
    return table.select(names)


def _of_the_other(key: Key) -> Damage:
    def damage(lake: Lake, dataset: str, run: str) -> None:
        other = "songs" if dataset == "events" else "events"
        lake.bucket.put(key(dataset, run), lake.bucket.get(key(other, lake.manifests(other)[0])))

    return damage


def _foreign_part(lake: Lake, dataset: str, run: str) -> None:
    """A manifest that names the sound part of an earlier run."""
    lake.bucket.put(_manifest(dataset, run), lake.bucket.get(_manifest(dataset, lake.manifests(dataset)[0])))


def _twice(entries: list[Any]) -> list[Any]:
    return [*entries, *entries]


ANY: Mapping[str, Damage] = {
    **{f"the manifest {name}": _bytes(_manifest, change) for name, change in _BYTES.items()},
    **{f"the certificate {name}": _bytes(_certificate, change) for name, change in _BYTES.items()},
    "the manifest has no entries": _json(_manifest, "entries", []),
    "the manifest's entries are an object": _json(_manifest, "entries", {}),
    "the manifest has no schema": _without(_manifest, "schema"),
    "the manifest has no columns": _json(_manifest, "schema.elements", []),
    "the manifest names a column twice": _json(_manifest, "schema.elements", _twice),
    "the manifest names a part twice": _json(_manifest, "entries", _twice),
    "the manifest names columns nobody knows": _json(
        _manifest, "schema.elements", lambda known: [*known, {"name": "x) from 's3://theirs'--"}]
    ),
    "the manifest names a column with a NUL": _json(_manifest, "schema.elements.1.name", "a\0b"),
    "the manifest names an address with a NUL": _json(_manifest, "entries.0.url", "s3://a\0b"),
    "the manifest's size is a text": _json(_manifest, "entries.0.meta.content_length", "many"),
    "the manifest's size is huge": _json(_manifest, "entries.0.meta.content_length", 10**40),
    "the manifest counts fewer than no rows": _json(_manifest, "entries.0.meta.record_count", -1),
    "the manifest counts true rows": _json(_manifest, "meta.record_count", True),
    "the manifest counts other rows than its parts": _json(_manifest, "meta.record_count", 10**15),
    "the manifest names a part in another bucket": _json(_manifest, "entries.0.url", "s3://theirs/part"),
    "the manifest names an address too long": _json(
        _manifest, "entries.0.url", lambda url: url.replace("part-00000", "x" * 1_024)
    ),
    "the manifest names no address": _json(_manifest, "entries.0.url", "../../etc/passwd"),
    "the manifest names a number": _json(_manifest, "entries.0.url", 5),
    "the manifest is that of an earlier run": _foreign_part,
    "the manifest is that of the other dataset": _of_the_other(_manifest),
    "the certificate is missing": lambda lake, dataset, run: lake.bucket.delete([_certificate(dataset, run)]),
    "the certificate is that of the other dataset": _of_the_other(_certificate),
    "the certificate is of a run with a NUL": _json(_certificate, "run", "\0"),
    "the certificate is of a dataset with a NUL": _json(_certificate, "dataset", "events\0\x1b[31m"),
    "the certificate's countries are a text": _json(_certificate, "scope.countries", "US"),
    "the certificate has no country": _json(_certificate, "scope.countries", []),
    "the certificate has an impossible country": _json(_certificate, "scope.countries", ["U\0"]),
    "the certificate has half a character": _json(_certificate, "scope.countries", ["\ud83d"]),
    "the certificate has more countries than there are": _json(
        _certificate,
        "scope.countries",
        [f"{first}{last}" for first in "ABCDEFGHIJKLM" for last in ascii_uppercase],
    ),
    "the certificate has too many countries": _json(_certificate, "scope.countries", ["US"] * 5_000),
    "the certificate's completeness is a text": _json(_certificate, "complete", "yes"),
    "the certificate's numbers are huge": _json(_certificate, "scope.tracks_per_artist", 10**40),
    "the certificate's date is none": _json(_certificate, "horizon_date", "9999-99-99"),
    "the part is empty": _bytes(_part, lambda body: b""),
    "the part is cut off": _bytes(_part, lambda body: body[: len(body) // 2]),
    "the part is something else of its length": _bytes(_part, lambda body: b"\0" * len(body)),
    "the part's footer is damaged": _bytes(_part, lambda body: body[:-60] + b"\xff" * 52 + body[-8:]),
    "the part's content is damaged": _bytes(_part, lambda body: b"PAR1" + b"\xff" * 800 + body[804:]),
    "the part has no rows": _table(lambda table: table.slice(0, 0)),
    "the part has no columns": _table(lambda table: table.select([]), columns_told=True),
    "the part lacks a column": _table(lambda table: table.drop_columns([_first(table)])),
    "the part and its manifest lack columns": _table(
        lambda table: table.drop_columns(["snapshot_at", _first(table)]), columns_told=True
    ),
    "the part has a column too many": _table(lambda table: table.append_column("x", table.column(0))),
    "the part has a column whose name has a NUL": _table(
        lambda table: table.rename_columns(["a\0b", *table.column_names[1:]])
    ),
    "the part and its manifest have a column whose name has a NUL": _table(
        lambda table: table.rename_columns(["a\0b", *table.column_names[1:]]), columns_told=True
    ),
    "the part has its columns in another order": _table(_swapped),
    "a text is too long for its column": _table(
        lambda table: _column(_first(table), lambda n: "x" * 5_000)(table)
    ),
    "a text has a NUL": _table(lambda table: _column(_first(table), lambda n: "a\0b")(table)),
    "a text is no UTF-8": _table(_bad_text(b"\xff\xfe")),
    "a text is a number": _table(lambda table: _column(_first(table), int, pa.int64())(table)),
    "a text is a list": _table(
        lambda table: _column(_first(table), lambda n: ["a"], pa.list_(pa.string()))(table)
    ),
    "instants have nanoseconds": _table(
        _cast("snapshot_at", pa.timestamp("ns")), form={"compression": "snappy"}
    ),
    "instants are texts": _table(_cast("snapshot_at", pa.string())),
}
"""Of either dataset."""
EVENTS: Mapping[str, Damage] = {
    "a window is naive": _json(_certificate, "windows", [{**_WINDOW, "start": "2026-11-22T06:00:00"}]),
    "a window's number is huge": _json(_certificate, "windows", [{**_WINDOW, "reported": 10**400}]),
    "the part and its manifest lack the dates": _table(
        lambda table: table.drop_columns(["local_date"]), columns_told=True
    ),
    "an artist's name is no UTF-8": _table(_bad_text(b"\xff\xfe", "artist_name")),
    "an artist's name is missing": _table(_column("artist_name", lambda n: None)),
    "event ids are endless": _table(_column("event_id", lambda n: "x" * 100_000)),
    "the rejected records are not compressed": _bytes(_rejected, gzip.decompress),
    "the rejected records are cut off": _bytes(_rejected, lambda body: body[:-12]),
    "the rejected records are empty": _bytes(_rejected, lambda body: b""),
    "the rejected records are lists": _bytes(_rejected, lambda body: gzip.compress(b"[1]\n")),
    "a rejected record's id is a number": _bytes(
        _rejected, lambda body: gzip.compress(b'{"record_id": 5}\n')
    ),
    "a rejected record is endless": _bytes(_rejected, lambda body: gzip.compress(b" " * (3 << 20))),
    "a rejected record is nested deep": _bytes(_rejected, lambda body: gzip.compress(_DEEP)),
    "dates are texts": _table(_cast("local_date", pa.string())),
    "an event has no id": _table(_column("event_id", lambda n: None)),
    "positions are huge": _table(_column("artist_position", lambda n: 2**63 - 1 - n)),
}
SONGS: Mapping[str, Damage] = {
    "play counts are huge": _table(_column("play_count", lambda n: 2**63 - 1)),
    "songs have no key": _table(_column("song_key", lambda n: None)),
    "an artist has no key": _table(_column("artist_key", lambda n: None)),
    "a song is there twice": _table(lambda table: pa.concat_tables([table, table])),
}
ALL: Mapping[str, Damage] = {**ANY, **EVENTS, **SONGS}
FOUND_BY_THE_SUITES = {
    "the part and its manifest lack columns",
    "the part and its manifest lack the dates",
    "an artist's name is missing",
    "an event has no id",
    "positions are huge",
    "songs have no key",
    "an artist has no key",
    "a song is there twice",
}
"""The kinds that can be staged and built; all others are found on the way."""
NAMES = (
    "2026-13-45T000000Z",
    "2026-11-22T250000Z",
    "2026-11-22",
    "０２０２６-11-22T060000Z",
    "2026-11-2２T060000Z",
    "٢٠٢٦-١١-٢٢T060000Z",
    "0001-01-01T000000Z",
    "2026-11-22T060000Z.json",
    "2026-11-22T060000z",
    " 2026-11-22T060000Z",
    "deeper/2026-11-22T060000Z",
    "",
)
"""Of manifests, which no run can have."""
FUTURE = ("2026-12-22T060000Z", "2106-02-07T062816Z", "9999-12-31T235959Z")
