"""The sandbox's Redshift behaves like the real one where PostgreSQL would not."""

import datetime
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector
import sqlalchemy as sa

from include.lake.parquet import FORM
from include.quality.literals import with_values
from sandbox.redshift.dialect import translate
from sandbox.redshift.rejections import Rejected
from sandbox.services import Services

ROLE = "arn:aws:iam::123456789012:role/musician-warehouse-copy"
ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "name": pa.array(["Björk", "", None], pa.string()),
        "seen": pa.array([datetime.datetime(2026, 11, 22, 6, 0, 0, 5), None, None], pa.timestamp("us")),
        "born": pa.array([datetime.date(1965, 11, 21), None, None], pa.date32()),
        "alive": pa.array([True, False, None]),
        "score": pa.array([1.5, -2.25e300, None], pa.float64()),
    }
)
TABLE = """
create table staging.artists (
    id bigint not null, -- the key, as it were
    name varchar(12) encode zstd,
    seen timestamp,
    born date,
    alive boolean,
    score double precision,
    primary key (id)
) diststyle key distkey (id) compound sortkey (id, name)
"""


def rows(connection: Any, sql: str, *arguments: Any) -> list[list[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, *arguments)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []


def failure(connection: Any, sql: str, *arguments: Any) -> str:
    """The message with which the statement fails. Rolls back the transaction, as a client must."""
    with pytest.raises(redshift_connector.ProgrammingError) as raised:
        rows(connection, sql, *arguments)
    connection.rollback()
    return str(raised.value.args[0]["M"])


class Landed:
    """Objects in the bucket, with a manifest."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket, self.entries = s3, bucket, list[dict[str, Any]]()

    def put(self, name: str, table: pa.Table, form: dict[str, Any] | None = None, **entry: Any) -> None:
        file = io.BytesIO()
        pq.write_table(table, file, row_group_size=len(table) // 2 + 1, **(form or FORM))
        content = file.getvalue()
        self.s3.put_object(Bucket=self.bucket, Key=f"parts/{name}", Body=content)
        url = f"s3://{self.bucket}/parts/{name}"
        meta = {"content_length": len(content), "record_count": len(table)}
        self.entries.append({"url": url, "mandatory": True, "meta": meta} | entry)

    def copy(self, table: str = "staging.artists", role: str = f"iam_role '{ROLE}'") -> str:
        """A COPY of a manifest that names all the objects put so far."""
        body = json.dumps({"entries": self.entries}).encode()
        self.s3.put_object(Bucket=self.bucket, Key="manifests/1.json", Body=body)
        return f"copy {table} from 's3://{self.bucket}/manifests/1.json' {role} format as parquet manifest"


@pytest.fixture
def landed(s3: Any, bucket: str) -> Landed:
    return Landed(s3, bucket)


@pytest.fixture
def artists(redshift: Any) -> Any:
    """A connection to a database with the table staging.artists."""
    rows(redshift, "create schema staging")
    rows(redshift, TABLE)
    redshift.commit()
    return redshift


# COPY


def test_copy_loads_the_objects_of_a_manifest_and_distinguishes_null_from_empty(
    artists: Any, landed: Landed
) -> None:
    landed.put("0.parquet", ROWS)
    landed.put("1.parquet", ROWS.slice(0, 1))
    rows(artists, landed.copy())
    assert rows(artists, "select pg_last_copy_count()") == [[4]]
    assert rows(artists, "select * from staging.artists order by id") == [
        *[[1, "Björk", datetime.datetime(2026, 11, 22, 6, 0, 0, 5), datetime.date(1965, 11, 21), True, 1.5]]
        * 2,
        [2, "", None, None, False, -2.25e300],
        [3, None, None, None, None, None],
    ]


def test_copy_is_part_of_the_transaction(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS)
    rows(artists, landed.copy())
    artists.rollback()
    assert rows(artists, "select count(*) from staging.artists") == [[0]]


def test_repeating_a_copy_reads_s3_again(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS)
    rows(artists, landed.copy())
    landed.put("1.parquet", ROWS)
    rows(artists, landed.copy())  # the driver has prepared it already
    assert rows(artists, "select count(*) from staging.artists") == [[9]]


def test_copy_works_in_the_transaction_that_creates_its_table(redshift: Any, landed: Landed) -> None:
    rows(redshift, "create schema staging")
    rows(redshift, TABLE)
    landed.put("0.parquet", ROWS)
    rows(redshift, landed.copy())
    assert rows(redshift, "select count(*) from staging.artists") == [[3]]


def test_copy_matches_the_named_columns_by_position(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", pa.table({"any": [1.5], "thing": [7]}))
    rows(artists, landed.copy("staging.artists (score, id)"))
    assert rows(artists, "select id, name, score from staging.artists") == [[7, None, 1.5]]


def test_copy_without_manifest_loads_the_objects_of_a_prefix(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS)
    landed.put("1.parquet", ROWS)
    prefix = f"s3://{landed.bucket}/parts/"
    rows(artists, f"copy staging.artists from '{prefix}' iam_role '{ROLE}' format parquet")
    assert rows(artists, "select count(*) from staging.artists") == [[6]]
    assert "does not exist" in failure(
        artists, f"copy staging.artists from '{prefix}x' iam_role '{ROLE}' format parquet"
    )


def test_copy_fails_for_a_missing_object_unless_it_is_not_mandatory(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS)
    landed.put("1.parquet", ROWS, mandatory=False)
    landed.s3.delete_object(Bucket=landed.bucket, Key="parts/1.parquet")
    rows(artists, landed.copy())
    assert rows(artists, "select count(*) from staging.artists") == [[3]]
    landed.s3.delete_object(Bucket=landed.bucket, Key="parts/0.parquet")
    assert "parts/0.parquet" in failure(artists, landed.copy())
    assert rows(artists, "select count(*) from staging.artists") == [[0]]


def test_copy_fails_for_an_altered_object(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS)
    landed.s3.put_object(Bucket=landed.bucket, Key="parts/0.parquet", Body=b"PAR1")
    assert "it has changed" in failure(artists, landed.copy())


def test_copy_requires_the_sizes_of_parquet_objects(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS, meta={})
    assert "content_length" in failure(artists, landed.copy())


def test_copy_fails_for_an_object_that_is_not_a_manifest(artists: Any, landed: Landed) -> None:
    statement = landed.copy()
    landed.s3.put_object(Bucket=landed.bucket, Key="manifests/1.json", Body=b"[]")
    assert "Error reading the manifest file" in failure(artists, statement)
    landed.s3.delete_object(Bucket=landed.bucket, Key="manifests/1.json")
    assert "NoSuchKey" in failure(artists, statement)


def test_copy_converts_no_types(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS.set_column(0, "id", pa.array([1, 2, 3], pa.int32())))
    message = failure(artists, landed.copy())
    assert "incompatible Parquet schema for column staging.artists.id" in message
    assert "BIGINT" in message and "int32" in message


def test_copy_fails_for_another_number_of_columns(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS.drop_columns(["score"]))
    assert "has 5 columns, but 6 columns" in failure(artists, landed.copy())


def test_copy_counts_the_bytes_of_text(artists: Any, landed: Landed) -> None:
    landed.put("0.parquet", ROWS.slice(0, 1).set_column(1, "name", pa.array(["äöüäöüä"])))
    assert "longer than the length defined in the table. Table: 12, Data: 14" in failure(
        artists, landed.copy()
    )


@pytest.mark.parametrize(
    "credentials",
    [
        "access_key_id 'AKIA' secret_access_key 'x'",
        "credentials 'aws_access_key_id=AKIA;aws_secret_access_key=x'",
    ],
)
def test_copy_with_access_keys_is_rejected(artists: Any, landed: Landed, credentials: str) -> None:
    assert "use IAM_ROLE" in failure(artists, landed.copy(role=credentials))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("copy staging.artists from '/tmp/file' iam_role '{role}' format parquet", "s3://"),
        ("copy staging.artists from stdin", "s3://"),
        ("copy staging.artists from 's3://b/k' format parquet", "IAM_ROLE"),
        ("copy staging.artists from 's3://b/k' iam_role '{role}' csv", "csv"),
        ("copy staging.artists from 's3://b/k' iam_role '{role}' format parquet maxerror 5", "maxerror"),
    ],
)
def test_copy_of_what_redshift_cannot_load_is_rejected(artists: Any, statement: str, said: str) -> None:
    assert said in failure(artists, statement.format(role=ROLE))


def test_copies_run_concurrently(artists: Any, landed: Landed, services: Services) -> None:
    landed.put("0.parquet", pa.concat_tables([ROWS] * 20_000))
    statement = landed.copy()

    def load() -> None:
        with redshift_connector.connect(**services.redshift, ssl=False) as connection:
            rows(connection, statement)
            connection.commit()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(artists, "select count(*) from staging.artists") == [[240_000]]


# Tables


def test_keys_are_information_only(artists: Any) -> None:
    rows(
        artists, "create table staging.songs (artist bigint references staging.artists (id), rank int unique)"
    )
    for _ in range(2):
        rows(artists, "insert into staging.artists (id) values (1)")
        rows(artists, "insert into staging.songs values (99, 1)")
    assert rows(artists, "select count(*) from staging.artists") == [[2]]
    assert "null value" in failure(artists, "insert into staging.artists (name) values ('no id')")


def test_a_table_is_created_from_a_query_with_its_keys(artists: Any) -> None:
    rows(
        artists, "create table staging.copy distkey (id) sortkey (id) as select 1::bigint as id, 'as' as word"
    )
    assert rows(artists, "select * from staging.copy") == [[1, "as"]]


def test_a_sort_key_avoids_reading_the_whole_table(artists: Any) -> None:
    rows(
        artists,
        "create table staging.songs (song varchar(8), plays bigint) distkey (song) sortkey (song, plays)",
    )
    rows(artists, "create table staging.many as select 1::bigint as id union all select 2")
    for _ in range(9):
        rows(artists, "insert into staging.many select id from staging.many")
    for letter in "abcdefgh":
        rows(artists, f"insert into staging.songs select '{letter}', id from staging.many")
    rows(artists, "analyze staging.songs")
    plan = rows(artists, "explain select sum(plays) from staging.songs where song = 'b'")
    assert "songs_song_idx" in str(plan)


def test_a_key_must_name_a_column(redshift: Any) -> None:
    assert '"missing"' in failure(redshift, "create table t (id bigint) distkey (missing)")


def test_text_is_measured_in_bytes_and_has_256_by_default(artists: Any) -> None:
    rows(artists, 'create table staging.texts (short varchar(4) not null, long varchar, "Wide" varchar(max))')
    rows(artists, "insert into staging.texts values (%s, %s, %s)", ("äö", "x" * 256, "x" * 65_535))
    artists.commit()
    assert "short exceeds 4 bytes" in failure(artists, "insert into staging.texts (short) values ('äöü')")
    assert "256" in failure(artists, "insert into staging.texts values ('a', %s, '')", ("x" * 257,))
    assert rows(artists, "select length(cast(%s as varchar))", ("x" * 300,)) == [[256]]


# Statements


@pytest.mark.parametrize(
    "statement",
    [
        "insert into staging.artists (id) values (1) on conflict do nothing",
        "insert into staging.artists (id) values (1) returning id",
        "with one as (select 1 as id) insert into staging.artists (id) select id from one",
        "truncate staging.artists",
        "savepoint here",
        "create index i on staging.artists (id)",
        "create table t (id serial)",
        "create table t (id uuid not null)",
        "create table t (id int check (id > 0))",
        "create table if not exists t as select 1 as one",
        "create unlogged table t (id int)",
        "select '{}'::jsonb",
        "select '{a}'::text[]",
        "select array[1]",
        "select distinct on (id) * from staging.artists",
        "select * from staging.artists, lateral (select 1) as one",
        "select count(*) filter (where id > 1) from staging.artists",
        "select * from staging.artists where name is distinct from 'x'",
        "select string_agg(name, ',') from staging.artists",
        "select * from generate_series(1, 2)",
        "select * from (values (1)) as one",
        "select now() from staging.artists",
        "merge into staging.artists using s on artists.id = s.id when matched then delete",
        "merge into staging.artists a using s on a.id = s.id when matched then delete "
        "when not matched then insert values (s.id)",
        "merge into staging.artists using s on artists.id = s.id when matched and true then delete "
        "when not matched then insert values (s.id)",
    ],
)
def test_what_redshift_does_not_support_is_rejected(artists: Any, statement: str) -> None:
    assert failure(artists, statement).startswith("Redshift ")
    assert rows(artists, "select 1") == [[1]]


# Each by the page of the Database Developer Guide, https://docs.aws.amazon.com/redshift/latest/dg/<page>.html,
# that says so.
DOCUMENTED = [
    ("r_Window_function_synopsis", "select sum(id) over (order by name) from staging.artists", "needs a frame"),
    ("r_Window_function_synopsis", "select count(*) over (order by name) from staging.artists", "frame"),
    ("r_Window_function_synopsis", "select sum(id) over (order by id range between 1 preceding and current row) "
     "from staging.artists", "frame"),
    ("r_WF_first_value", "select first_value(id) over (order by name) from staging.artists", "needs a frame"),
    ("c_sql-functions-leader-node", "select age(seen, seen) from staging.artists", "leader node"),
    ("c_sql-functions-leader-node", "select current_schema(), id from staging.artists", "leader node"),
    ("c_sql-functions-leader-node", "select has_table_privilege(name, 'select') from staging.artists", "leader node"),
    ("c_join_PG", "select a.id from staging.artists a join pg_class c on c.relname = a.name", "leader node"),
    ("r_Boolean_type", "select cast(alive as varchar(5)) from staging.artists", "cannot cast type boolean"),
    ("r_Boolean_type", "select alive::varchar(5) from staging.artists", "cannot cast type boolean"),
    ("r_UPDATE", "update staging.artists set name = b.name from staging.artists b left join staging.artists c "
     "on b.id = c.id where artists.id = b.id", "outer join"),
    ("r_pg_keywords", "create table staging.t (id bigint, tag varchar(8))", "reserves the word TAG"),
    ("r_pg_keywords", "select id as open from staging.artists", "reserves the word OPEN"),
    ("r_pg_keywords", "create table staging.snapshot (id bigint)", "reserves the word SNAPSHOT"),
    ("r_pg_keywords", "create table if not exists staging.snapshot (id bigint)", "reserves the word SNAPSHOT"),
    ("r_pg_keywords", "create temporary table tag (id bigint)", "reserves the word TAG"),
    ("r_pg_keywords", "create table staging.t (timestamp timestamp)", "reserves the word TIMESTAMP"),
    ("r_pg_keywords", "create table staging.t (interval bigint)", "reserves the word INTERVAL"),
    ("r_pg_keywords", "create table staging.t (between bigint)", "reserves the word BETWEEN"),
    ("r_pg_keywords", "select seen as timestamp from staging.artists", "reserves the word TIMESTAMP"),
    ("r_pg_keywords", "with tag as (select 1 as id) select id from staging.artists", "reserves the word TAG"),
    ("r_pg_keywords", "with delta as (select 1 as id) select id from delta", "reserves the word DELTA"),
    ("r_pg_keywords", "select id tag from staging.artists", "reserves the word TAG"),
    ("r_pg_keywords", "select snapshot.id from staging.artists snapshot", "reserves the word SNAPSHOT"),
    ("r_pg_keywords", "alter table staging.artists add column tag bigint", "reserves the word TAG"),
    ("r_pg_keywords", "alter table staging.artists add raw bigint", "reserves the word RAW"),
    ("r_pg_keywords", "alter table staging.artists rename to raw", "reserves the word RAW"),
    ("r_pg_keywords", "alter table staging.artists rename column id to raw", "reserves the word RAW"),
    ("c_sql-functions-leader-node", "select localtime, id from staging.artists", "with tables"),
    ("c_sql-functions-leader-node", "select current_schema, id from staging.artists", "leader node"),
    ("c_join_PG", "select a.id from pg_class c, staging.artists a where c.relname = a.name", "leader node"),
    ("c_join_PG", "select a.id from staging.artists a, pg_class c where c.relname = a.name", "leader node"),
    ("c_join_PG", "select a.id from staging.artists a join information_schema.tables t on t.table_name = a.name",
     "leader node"),
    ("c_join_PG", "select a.id from staging.artists a join pg_user u on u.usename = a.name", "leader node"),
    ("r_Window_function_synopsis", "select sum(id) over w from staging.artists window w as (order by name)",
     "after OVER"),
    ("r_UPDATE", "with b as (select id, name from staging.artists) update staging.artists set name = b.name from b "
     "left join staging.artists c on b.id = c.id where artists.id = b.id", "outer join"),
    ("r_UPDATE", "update staging.artists set name = b.name from (staging.artists b left join staging.artists c "
     "on b.id = c.id) where artists.id = b.id", "outer join"),
    ("r_Boolean_type", "select cast(alive as varchar(5)) from staging.artists where id > 9",
     "cannot cast type boolean"),
    ("r_Boolean_type", "select cast(cast(null as boolean) as varchar(5)) from staging.artists",
     "cannot cast type boolean"),
    ("r_Boolean_type", "create view staging.seen as select alive::varchar(5) as alive from staging.artists",
     "cannot cast type boolean"),
    ("r_LISTAGG", "select listagg(repeat('x', 40000), ',') from staging.artists", "LISTAGG limit"),
    ("r_LISTAGG", "select left(listagg(repeat('x', 40000), ','), 10) from staging.artists", "LISTAGG limit"),
    ("r_WF_LISTAGG", "select listagg(repeat('x', 40000), ',') over () from staging.artists", "LISTAGG limit"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "statement", "said"), DOCUMENTED)
def test_what_a_page_says_is_rejected(artists: Any, page: str, statement: str, said: str) -> None:
    rows(artists, "insert into staging.artists (id, name, alive) values (1, 'a', true), (2, 'b', false)")
    assert said in failure(artists, statement), page


@pytest.mark.parametrize(
    "statement",
    [
        "select sum(id) over (order by name rows unbounded preceding) from staging.artists",
        "select sum(id) over (partition by name) from staging.artists",
        "select row_number() over (order by name), lag(id) over (order by name) from staging.artists",
        "select current_schema()",
        "select current_schema",
        "select cast(seen as timestamp), cast(seen as timestamp without time zone) as at from staging.artists",
        "select id from staging.artists where id between 1 and 2",
        "select artists.id from staging.artists, staging.artists as others where artists.id = others.id",
        "select relname from pg_class c, pg_namespace n where c.relnamespace = n.oid",
        "with b as (select a.id, a.name from staging.artists a left join staging.artists c on a.id = c.id) "
        "update staging.artists set name = b.name from b where artists.id = b.id",
        'select tag.id from staging.artists as "tag"',
        "select listagg(name, ',') over (partition by id) from staging.artists",
        "select case when alive then 'yes' else 'no' end from staging.artists",
        "update staging.artists set name = b.name from (select a.id, a.name from staging.artists a "
        "left join staging.artists c on a.id = c.id) b where artists.id = b.id",
    ],
)
def test_their_neighbours_run(artists: Any, statement: str) -> None:
    rows(artists, statement.replace("tag.id", '"tag".id'))


def test_a_view_is_replaced_by_the_same_columns_only(artists: Any) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html: "the new query must generate the identical
    set of columns"."""
    rows(artists, "create view staging.seen as select id from staging.artists")
    rows(artists, "create or replace view staging.seen as select id from staging.artists where id > 1")
    artists.commit()
    wider = "create or replace view staging.seen as select id, name from staging.artists"
    assert "drop it first" in failure(artists, wider)
    rows(artists, "drop view staging.seen")
    rows(artists, wider)


def test_an_untyped_parameter_in_a_select_list_is_rejected(artists: Any) -> None:
    """https://github.com/aws/amazon-redshift-python-driver/issues/59; why: untyped literals,
    https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html."""
    insert = "insert into staging.artists (id, name) select id, {} from staging.artists"
    assert "705" in failure(artists, insert.format("%s"), ("x",))
    assert "705" in failure(artists, "select %s as name, id from staging.artists", ("x",))
    for expression in ("(%s)", "coalesce(%s, name)", "%s || name", "case when id > 1 then %s end"):
        assert "705" in failure(artists, insert.format(expression), ("x",)), expression
    assert "705" in failure(artists, "insert into staging.artists (id, name) select 1, %s", ("x",))
    rows(artists, insert.format("cast(%s as varchar(12))"), ("x",))
    rows(artists, insert.format("coalesce(cast(%s as varchar(12)), name)"), ("x",))
    rows(artists, insert.format("case when name = %s then 'y' end"), ("x",))
    rows(artists, "select id from staging.artists where name = %s", ("x",))
    rows(artists, "select (select max(id) from staging.artists where name = %s) from staging.artists", ("x",))


@pytest.mark.parametrize("clause", ["limit %s", "offset %s", "group by id + %s"])
def test_a_parameter_where_redshift_takes_none_is_rejected(artists: Any, clause: str) -> None:
    """https://github.com/aws/amazon-redshift-python-driver/issues/24 and 104"""
    assert "write the value" in failure(artists, f"select max(id) from staging.artists {clause}", (1,))


@pytest.mark.parametrize("form", [{"compression": "zstd"}, {"compression": "brotli"}])
def test_copy_rejects_codecs_that_no_page_names(artists: Any, landed: Landed, form: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html"""
    landed.put("0.parquet", ROWS, form=form)
    assert "is compressed with" in failure(artists, landed.copy())


def test_copy_rejects_nanoseconds(artists: Any, landed: Landed) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c-spectrum-data-files.html"""
    nanoseconds = ROWS.set_column(2, "seen", ROWS["seen"].cast(pa.timestamp("ns")))
    landed.put("0.parquet", nanoseconds, form={"version": "2.6"})
    assert "nanoseconds in seen" in failure(artists, landed.copy())
    landed.entries.clear()
    landed.put("0.parquet", ROWS, form={"coerce_timestamps": "us"})
    rows(artists, landed.copy())


def test_a_rejected_statement_still_takes_its_parameters(artists: Any) -> None:
    statement = "insert into staging.artists (id, name) values (%s, %s) on conflict do nothing"
    assert "ON CONFLICT" in failure(artists, statement, (1, "x"))


@pytest.mark.parametrize(
    "harmless",
    [
        "select 'on conflict', 'it''s returning', \"returning\" from t -- truncate; savepoint",
        "/* create index */ select $$now() from t$$, E'\\' on conflict' from t",
        "select created_at, updated_by, json, uuid from t",
        "insert into t with one as (select 1 as id) select id from one",
        "create view v as select a from b where c = 'copy x from s3'",
    ],
)
def test_strings_names_and_comments_are_never_matched(harmless: str) -> None:
    assert translate(harmless) == harmless


def test_a_name_is_not_mistaken_for_a_keyword() -> None:
    with pytest.raises(Rejected):
        translate("select * from t for update")
    assert translate("select for_update, distinct_on from t") == "select for_update, distinct_on from t"


def test_merge_runs(artists: Any) -> None:
    rows(artists, "insert into staging.artists (id, name) values (1, 'old'), (2, 'kept')")
    rows(
        artists,
        "create temp table fresh as select 1::bigint as id, 'new' as name union all select 3, 'added'",
    )
    rows(
        artists,
        "merge into staging.artists using fresh on artists.id = fresh.id "
        "when matched then update set name = fresh.name "
        "when not matched then insert (id, name) values (fresh.id, fresh.name)",
    )
    assert rows(artists, "select id, name from staging.artists order by id") == [
        [1, "new"],
        [2, "kept"],
        [3, "added"],
    ]


def test_merge_takes_a_subquery(artists: Any) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html, since patch 183."""
    rows(
        artists,
        "merge into staging.artists using (select 1::bigint as id, 'new' as name) as fresh "
        "on artists.id = fresh.id when matched then update set name = fresh.name "
        "when not matched then insert (id, name) values (fresh.id, fresh.name)",
    )
    assert rows(artists, "select id, name from staging.artists") == [[1, "new"]]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("datediff(day, '2026-01-31'::date, '2026-03-01 00:00')", 29),
        ("datediff('hour', '2026-01-01 00:59', '2026-01-01 01:01')", 1),
        ("dateadd(month, 1, '2026-01-31'::date)", datetime.datetime(2026, 2, 28)),
        ("convert_timezone('America/New_York', '2026-07-01 12:00')", datetime.datetime(2026, 7, 1, 8)),
        ("date_part(year, '2026-07-01'::date)", 2026),
        ("getdate() between dateadd(minute, -1, sysdate) and dateadd(minute, 1, sysdate)", True),
        ("nvl(null, 2)", 2),
        ("nvl2('x', 1, 2)", 1),
        ("len('äö')", 2),
        ("round(2.346::double precision, 2)", 2.35),
        ("listagg(distinct word, ', ') within group (order by word)", "a, b"),
        ("listagg(word) within group (order by number)", "baa"),
        ("median(number)", 2.0),
    ],
)
def test_redshifts_own_functions(redshift: Any, expression: str, value: Any) -> None:
    words = "select 'b' as word, 1 as number union all select 'a', 2 union all select 'a', 30"
    assert rows(redshift, f"select {expression} from ({words}) as words limit 1") == [[value]]


# Clients


def test_a_wrong_password_is_rejected(services: Services) -> None:
    with pytest.raises(redshift_connector.Error):
        redshift_connector.connect(**services.redshift | {"password": "wrong"}, ssl=False)


def test_the_user_is_not_a_superuser(redshift: Any) -> None:
    assert "permission denied" in failure(redshift, "select pg_read_file('/etc/passwd')")


def test_the_connection_survives_errors_and_large_results(redshift: Any) -> None:
    assert "syntax error" in failure(redshift, "selct 1")
    rows(redshift, "create temp table digits as select 1 as d" + " union all select 2" * 3)
    many = "select repeat('x', 1000) from " + ", ".join(f"digits d{place}" for place in range(7))
    assert len(rows(redshift, many)) == 4**7


def test_a_client_that_disappears_leaves_no_session(redshift: Any, services: Services) -> None:
    vanishing = redshift_connector.connect(**services.redshift, ssl=False, application_name="vanishing")
    rows(vanishing, "select 1")
    vanishing._usock.close()
    vanishing._sock.close()
    for _ in range(200):
        redshift.rollback()
        if rows(redshift, "select count(*) from pg_stat_activity where application_name = 'vanishing'") == [
            [0]
        ]:
            return
        threading.Event().wait(0.05)
    pytest.fail("the session is still there")


@pytest.fixture
def engine(services: Services) -> Iterator[sa.Engine]:
    address = services.redshift
    url = sa.URL.create(
        "redshift+redshift_connector",
        username=address["user"],
        **{name: address[name] for name in ("password", "host", "port", "database")},
    )
    engine = sa.create_engine(url, connect_args={"ssl": False})
    yield engine
    engine.dispose()


def test_columns_are_reflected_through_the_redshift_dialect(artists: Any, engine: sa.Engine) -> None:
    """Fails with SQLAlchemy 2.1: sqlalchemy-redshift 1.0.0, and so Great Expectations, cannot reflect with it."""
    inspector = sa.inspect(engine)
    columns = {column["name"]: column for column in inspector.get_columns("artists", schema="staging")}
    assert list(columns) == ["id", "name", "seen", "born", "alive", "score"]
    assert isinstance(columns["id"]["type"], sa.BIGINT)
    assert columns["name"]["type"].length == 12
    assert (columns["id"]["nullable"], columns["name"]["nullable"]) == (False, True)
    assert inspector.get_table_names("staging") == ["artists"]
    assert inspector.has_table("artists", schema="staging")
    assert not inspector.has_table("missing", schema="staging")
    assert engine.dialect.server_version_info == (8, 0, 2)
    table = sa.Table("artists", sa.MetaData(), schema="staging", autoload_with=engine)
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0


def test_great_expectations_validates_tables_through_the_redshift_dialect(
    artists: Any, engine: sa.Engine, request: pytest.FixtureRequest
) -> None:
    written = (
        sa.Engine,
        "before_cursor_execute",
        with_values,
    )  # it passes parameters where Redshift takes none
    sa.event.listen(*written, retval=True)
    request.addfinalizer(lambda: sa.event.remove(*written))
    rows(
        artists,
        "insert into staging.artists (id, name, score) values (1, 'a', 1), (1, 'b', 2), (2, null, 300)",
    )
    artists.commit()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_sql(
        "redshift",
        connection_string=engine.url.render_as_string(hide_password=False),
        kwargs={"connect_args": {"ssl": False}},
    )
    asset = source.add_table_asset("artists", table_name="artists", schema_name="staging")
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    judged = [
        (gxe.ExpectColumnValuesToNotBeNull(column="id"), True),
        (gxe.ExpectColumnValuesToNotBeNull(column="name"), False),
        (gxe.ExpectColumnValuesToBeUnique(column="id"), False),
        (gxe.ExpectColumnValuesToBeBetween(column="score", min_value=0, max_value=100), False),
        (gxe.ExpectColumnValuesToBeInSet(column="name", value_set=["a", "b"]), True),
        (gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "name"]), True),
        (gxe.ExpectTableRowCountToBeBetween(min_value=1), True),
        (
            gxe.UnexpectedRowsExpectation(unexpected_rows_query="select * from {batch} where score > 100"),
            False,
        ),
    ]
    for expectation, success in judged:
        result = batch.validate(expectation)
        assert result.success is success, (expectation, result)
        assert result.exception_info["raised_exception"] is False
