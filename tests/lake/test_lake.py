"""The lake: what is written where, and what makes it count. Against S3 over HTTP."""

import gzip
import io
import json
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from include.errors import ManifestInvalid
from include.lake.bucket import Bucket
from include.lake.certificate import Certificate, Crawl, Scope, Window
from include.lake.lake import Lake
from include.lake.newest import newest_complete_events
from include.lake.parts import put_parts, verify
from include.lake.rejected import RejectedRecord, rejected_ids, rejecting
from include.lake.runs import run_id, run_instant

RUN = "2026-11-22T060000Z"
CRAWL = Crawl(
    Scope(("US",), horizon_days=365),
    complete=True,
    horizon_date=date(2027, 11, 21),
    windows=(Window(name="US", country="US", start=datetime(2026, 11, 22, 6, tzinfo=UTC), reported=3),),
)
BODY = b'{"page": {"totalElements": 1},  "name": "caf\xc3\xa9"}'


class Row(msgspec.Struct, frozen=True):
    """One column of each type."""

    name: str
    count: int | None
    share: float | None
    sold: bool
    day: date | None
    at: datetime | None


def rows(number: int) -> list[Row]:
    day = date(2026, 11, 22)
    return [
        Row(f"é {n}", n if n % 2 else None, n / 2, n % 3 == 0, day + timedelta(n % 30), datetime(2026, 1, 1))
        for n in range(number)
    ]


def put_raw(lake: Lake, name: str, body: bytes = BODY) -> None:
    lake.raw("events", RUN).put(name, {"page": "0"}, 200, datetime(2026, 11, 22, 6, 1, tzinfo=UTC), body)


def landed(lake: Lake, number: int = 3, run: str = RUN) -> None:
    lake.put_manifest("events", run, Row, put_parts(lake, "events", run, Row, rows(number)))


def read(lake: Lake, url: str) -> bytes:
    body: bytes = lake.bucket.get(url.removeprefix(f"s3://{lake.bucket.name}/"))
    return body


def test_a_run_is_named_by_its_instant_in_utc() -> None:
    instant = datetime.fromisoformat("2026-11-22T07:00:00+01:00")
    assert run_id(instant) == RUN
    assert run_instant(RUN) == instant


def test_a_response_is_kept_byte_for_byte_in_one_line(lake: Lake) -> None:
    put_raw(lake, "US-0")
    line = gzip.decompress(read(lake, lake.bucket.url(f"raw/events/{RUN}/US-0.jsonl.gz")))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert BODY in line
    kept = lake.raw("events", RUN).get("US-0")
    assert (kept.request, kept.status, bytes(kept.body)) == ({"page": "0"}, 200, BODY)


def test_a_response_of_several_lines_becomes_one(lake: Lake) -> None:
    put_raw(lake, "US-0", b'{\n "a": 1\n}')
    assert gzip.decompress(read(lake, lake.bucket.url(f"raw/events/{RUN}/US-0.jsonl.gz"))).count(b"\n") == 1
    assert bytes(lake.raw("events", RUN).get("US-0").body) == b'{  "a": 1 }'


def test_all_kept_responses_of_a_run_are_listed_however_many(lake: Lake) -> None:
    names = {f"US-{n}" for n in range(1_005)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: put_raw(lake, name), names))
    lake.raw("events", RUN).put_crawl(CRAWL)
    assert lake.raw("events", RUN).names() == names
    assert lake.raw("events", "2026-11-23T060000Z").names() == set()


def test_a_fetch_is_finished_once_its_crawl_is_written(lake: Lake) -> None:
    assert lake.raw("events", RUN).crawl() is None
    lake.raw("events", RUN).put_crawl(CRAWL)
    assert lake.raw("events", RUN).crawl() == CRAWL


def test_rows_survive_parquet_in_order_and_with_types_that_redshift_reads(lake: Lake) -> None:
    [part] = put_parts(lake, "events", RUN, Row, rows(50_000))
    url, size, count = part.url, part.content_length, part.record_count
    body = read(lake, url)
    table = pq.read_table(io.BytesIO(body), coerce_int96_timestamp_unit="us")
    assert (len(body), table.num_rows) == (size, count) == (size, 50_000)
    assert [str(kind) for kind in table.schema.types] == [
        "string", "int64", "double", "bool", "date32[day]", "timestamp[us]",
    ]  # fmt: skip
    assert [Row(**row) for row in table.slice(30_000, 5).to_pylist()] == rows(30_005)[30_000:]
    group = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    assert {column.compression for column in columns} == {"SNAPPY"}
    assert [column.physical_type for column in columns] == [
        "BYTE_ARRAY", "INT64", "DOUBLE", "BOOLEAN", "INT32", "INT96",
    ]  # fmt: skip


def test_no_rows_become_one_empty_part(lake: Lake) -> None:
    [part] = put_parts(lake, "events", RUN, Row, [])
    assert part.record_count == pq.read_table(io.BytesIO(read(lake, part.url))).num_rows == 0


def test_large_parts_are_split(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.lake.parquet._FILE_BYTES", 100_000)
    parts = put_parts(lake, "events", RUN, Row, rows(60_000))
    assert [part.url.rpartition("/")[2] for part in parts] == [
        f"part-{n:05}.parquet" for n in range(len(parts))
    ]
    assert len(parts) == 3
    assert sum(part.record_count for part in parts) == 60_000


def test_the_same_rows_become_the_same_bytes(lake: Lake) -> None:
    [part] = put_parts(lake, "events", RUN, Row, rows(500))
    first = read(lake, part.url)
    put_parts(lake, "events", RUN, Row, rows(500))
    assert read(lake, part.url) == first


def test_a_manifest_has_the_form_that_copy_reads(lake: Lake) -> None:
    landed(lake)
    manifest = lake.manifest("events", RUN)
    [part] = manifest.parts
    assert manifest.columns == ("name", "count", "share", "sold", "day", "at")
    assert manifest.url == f"s3://{lake.bucket.name}/manifests/events/{RUN}.json"
    document = json.loads(read(lake, manifest.url))
    meta = {"content_length": part.content_length, "record_count": part.record_count}
    assert document["entries"] == [{"url": part.url, "mandatory": True, "meta": meta}]
    assert document["meta"] == meta
    assert document["schema"]["elements"][:2] == [
        {"name": "name", "type": {"base": "character varying"}},
        {"name": "count", "type": {"base": "bigint"}},
    ]
    assert manifest.record_count == part.record_count == 3


def test_manifests_are_listed_oldest_first_and_other_objects_are_ignored(lake: Lake) -> None:
    for run in ("2026-11-23T060000Z", RUN):
        landed(lake, run=run)
    lake.bucket.s3.put_object(Bucket=lake.bucket.name, Key="manifests/events/notes.json", Body=b"")
    assert lake.manifests("events") == [RUN, "2026-11-23T060000Z"]
    assert lake.manifests("songs") == []


def test_a_missing_bucket_has_no_manifests(s3: Any) -> None:
    assert Lake(Bucket(s3, f"test-{uuid.uuid4()}")).manifests("events") == []


def test_a_run_has_a_manifest_or_not(lake: Lake) -> None:
    assert not lake.has_manifest("events", RUN)
    landed(lake)
    assert lake.has_manifest("events", RUN)


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"meta": {"record_count": 1}, "entries": [{}]}'])
def test_a_malformed_manifest_says_what_to_do(lake: Lake, body: bytes) -> None:
    lake.bucket.s3.put_object(Bucket=lake.bucket.name, Key=f"manifests/events/{RUN}.json", Body=body)
    with pytest.raises(ManifestInvalid, match=r"manifests/events/.* Land the run"):
        lake.manifest("events", RUN)


def test_a_missing_manifest_and_certificate_are_named(lake: Lake) -> None:
    with pytest.raises(ManifestInvalid, match=f"no manifest .*{RUN}"):
        lake.manifest("events", RUN)
    with pytest.raises(ManifestInvalid, match=f"{RUN} of events has no certificate"):
        lake.certificate("events", RUN)


def test_an_intact_manifest_passes_and_a_missing_or_altered_object_does_not(lake: Lake) -> None:
    landed(lake)
    manifest = lake.manifest("events", RUN)
    verify(lake, manifest)
    key = manifest.parts[0].url.removeprefix(lake.bucket.url(""))
    lake.bucket.s3.put_object(Bucket=lake.bucket.name, Key=key, Body=b"other")
    with pytest.raises(ManifestInvalid, match="5 bytes long instead of"):
        verify(lake, manifest)
    lake.bucket.s3.delete_object(Bucket=lake.bucket.name, Key=key)
    with pytest.raises(ManifestInvalid, match=r"part-00000.parquet, which is missing"):
        verify(lake, manifest)


@pytest.mark.parametrize("column", ["name", "count", "share", "sold", "day"])
def test_two_values_swapped_in_a_large_part_are_another_digest(lake: Lake, column: str) -> None:
    """The part is larger than what is read of it, as large as before, and has the same values."""
    landed_rows, digests = rows(40_000), []
    one, other = (getattr(landed_rows[n], column) for n in (5_001, 5_003))
    assert one != other
    for values in ((one, other), (one, other), (other, one)):
        for n, value in zip((5_001, 5_003), values, strict=True):
            landed_rows[n] = msgspec.structs.replace(landed_rows[n], **{column: value})
        lake.put_manifest("events", RUN, Row, put_parts(lake, "events", RUN, Row, landed_rows))
        digests.append(verify(lake, lake.manifest("events", RUN)))
    assert digests[0] == digests[1] != digests[2]


def test_rejected_records_are_lines_of_json(lake: Lake) -> None:
    with rejecting() as rejected:
        for reason, record_id in (("too_long", "e1"), ("missing_id", None)):
            rejected.add(RejectedRecord(reason, "some detail", record_id, 0, "s3://bucket/raw"))
        rejected.put(lake, "events", RUN)
    lines = gzip.decompress(
        read(lake, lake.bucket.url(f"rejected/events/{RUN}/rejected.jsonl.gz"))
    ).splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["too_long", "missing_id"]
    assert rejected_ids(lake, "events", RUN) == {"e1"}
    assert rejected_ids(lake, "songs", RUN) == set()


def test_a_certificate_can_be_read_back(lake: Lake) -> None:
    certificate = Certificate(
        dataset="events", run=RUN, scope=CRAWL.scope, complete=False, windows=CRAWL.windows
    )
    lake.put_certificate(certificate)
    assert lake.certificate("events", RUN) == certificate


@pytest.mark.parametrize("asked", [range(30), [0, 1, 20, 21, 29], [0, 0, 5, 5], [29, 3, 4]])
def test_responses_are_read_ahead_and_come_as_asked(lake: Lake, asked: Sequence[int]) -> None:
    raw = lake.raw("events", RUN)
    for number in range(30):
        raw.put(f"r{number}", {}, 200, datetime(2026, 11, 22, tzinfo=UTC), b"%d" % number)
    with raw.reading_ahead(f"r{number}" for number in range(30)) as read:
        assert [bytes(read(f"r{number}").body) for number in asked] == [b"%d" % number for number in asked]


def test_eight_responses_are_requested_at_the_same_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, names = lake.raw("events", RUN), [f"r{number}" for number in range(24)]
    for name in names:
        put_raw(lake, name)
    get, all_eight = lake.bucket.get, Barrier(8, timeout=120)

    def together(key: str) -> bytes:
        all_eight.wait()  # an error unless seven others come
        return get(key)

    monkeypatch.setattr(lake.bucket, "get", together)
    with raw.reading_ahead(names) as read:
        assert [read(name).status for name in names] == [200] * 24


def test_a_response_that_is_gone_is_named(lake: Lake) -> None:
    raw = lake.raw("events", RUN)
    with raw.reading_ahead(["there is none"]) as read, pytest.raises(ManifestInvalid, match="there is none"):
        read("there is none")


def events_run(lake: Lake, day: int, complete: bool, after: int | None = None, horizon: int = 365) -> str:
    """A landed run of a day in November."""
    run = f"2026-11-{day:02}T060000Z"
    crawl = msgspec.structs.asdict(CRAWL) | {
        "complete": complete,
        "scope": Scope(("US",), horizon_days=horizon),
        "planned_after": f"2026-11-{after:02}T060000Z" if after else None,
    }
    landed(lake, run=run)
    lake.put_certificate(Certificate(dataset="events", run=run, **crawl))
    return run


@pytest.mark.parametrize("older", [None, 10])
def test_a_run_that_a_later_one_could_not_find_complete_is_found_once_it_is(
    lake: Lake, older: int | None
) -> None:
    if older:
        events_run(lake, older, complete=True)
    events_run(lake, 19, complete=False, after=older)
    landed_late = events_run(lake, 18, complete=True, after=older)
    for scope in ((), (("US",),), (("US",), 365)):
        found = newest_complete_events(lake, datetime(2026, 11, 20, tzinfo=UTC), *scope)
        assert found is not None and found[0].run == landed_late


def test_a_run_planned_with_another_horizon_hides_no_complete_one(lake: Lake) -> None:
    first = events_run(lake, 10, complete=True)
    for day in range(11, 19):
        events_run(lake, day, complete=True, after=day - 1, horizon=30)
    events_run(lake, 19, complete=False, after=10)
    now = datetime(2026, 11, 20, tzinfo=UTC)
    for scope, run in (
        ((), "2026-11-18T060000Z"),
        ((("US",),), "2026-11-18T060000Z"),
        ((("US",), 365), first),
    ):
        found = newest_complete_events(lake, now, *scope)
        assert found is not None and found[0].run == run


def test_the_newest_complete_run_is_looked_for_among_the_thirty_newest_with_bounded_requests(
    lake: Lake, s3: Any
) -> None:
    complete, *incomplete = (run_id(run_instant(RUN) + timedelta(days=day)) for day in range(31))
    crawl = msgspec.structs.asdict(CRAWL)
    for run in (complete, *incomplete):
        landed(lake, run=run)
        about = crawl | {"complete": run == complete}
        lake.put_certificate(Certificate(dataset="events", run=run, **about))
    asked: list[str] = []
    s3.meta.events.register("before-call.s3", note := lambda model, **_: asked.append(model.name))
    try:
        found = newest_complete_events(lake, run_instant(incomplete[-1]))
        assert found is not None and found[0].run == complete
        assert len(asked) == 33  # a list, thirty certificates, a manifest and the end of a part
        asked.clear()
        assert newest_complete_events(lake, run_instant(incomplete[-1]) + timedelta(days=1)) is None
        assert len(asked) == 31
    finally:
        s3.meta.events.unregister("before-call.s3", note)
    assert newest_complete_events(lake, run_instant(complete)) is None
