-- What Redshift's catalogue has and PostgreSQL's does not. Run once, by the superuser, in a new database.
set allow_system_table_mods = on;
set check_function_bodies = off;

-- Functions

create function pg_catalog.redshift_version() returns text immutable language sql as $$
    select 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.99999'
$$;
create function pg_catalog.getdate() returns timestamp stable language sql as $$
    select date_trunc('second', statement_timestamp() at time zone 'UTC')
$$;
create function pg_catalog.sysdate() returns timestamp stable language sql as $$ select now() at time zone 'UTC' $$;
create function pg_catalog.trunc(timestamp) returns date immutable language sql as $$ select $1::date $$;
create function pg_catalog.len(text) returns integer immutable language sql as $$ select length($1) $$;
create function pg_catalog.charindex(text, text) returns integer immutable language sql as $$ select strpos($2, $1) $$;
create function pg_catalog.sha2(text, integer) returns text immutable language sql as $$
    select encode(case $2 when 224 then sha224($1::bytea) when 384 then sha384($1::bytea)
                          when 512 then sha512($1::bytea) else sha256($1::bytea) end, 'hex')
$$;
create function pg_catalog.round(double precision, integer) returns double precision immutable language sql as $$
    select round($1::numeric, $2)::double precision
$$;
create function pg_catalog.last_day(timestamp) returns date immutable language sql as $$
    select (date_trunc('month', $1) + interval '1 month - 1 day')::date
$$;
create function pg_catalog.add_months(timestamp, bigint) returns timestamp immutable language sql as $$
    select case when $1::date = last_day($1) then last_day($1 + $2 * interval '1 month') + ($1 - $1::date)
                else $1 + $2 * interval '1 month' end
$$;
create function pg_catalog.convert_timezone(source text, target text, moment timestamp) returns timestamp stable language sql as $$
    select moment at time zone source at time zone target
$$;
create function pg_catalog.convert_timezone(target text, moment timestamp) returns timestamp stable language sql as $$
    select moment at time zone 'UTC' at time zone target
$$;
create function pg_catalog.dateadd(part text, quantity bigint, moment timestamp) returns timestamp immutable language sql as $$
    select moment + quantity * (case when lower(part) in ('quarter', 'quarters', 'qtr') then '3 months' else '1 ' || part end)::interval
$$;
-- Redshift counts the boundaries between the two moments, not the elapsed time.
create function pg_catalog.datediff(part text, start timestamp, finish timestamp) returns bigint immutable language sql as $$
    select case rtrim(lower(part), 's')
        when 'year' then extract(year from finish) - extract(year from start)
        when 'quarter' then (extract(year from finish) - extract(year from start)) * 4
                            + extract(quarter from finish) - extract(quarter from start)
        when 'month' then (extract(year from finish) - extract(year from start)) * 12
                          + extract(month from finish) - extract(month from start)
        when 'week' then (date_trunc('week', finish)::date - date_trunc('week', start)::date) / 7
        when 'day' then finish::date - start::date
        when 'hour' then extract(epoch from date_trunc('hour', finish) - date_trunc('hour', start)) / 3600
        when 'minute' then extract(epoch from date_trunc('minute', finish) - date_trunc('minute', start)) / 60
        when 'second' then extract(epoch from date_trunc('second', finish) - date_trunc('second', start))
        when 'millisecond' then extract(epoch from date_trunc('milliseconds', finish) - date_trunc('milliseconds', start)) * 1000
        when 'microsecond' then extract(epoch from finish - start) * 1000000
    end::bigint
$$;

-- Views

create view pg_catalog.pg_table_def as
select n.nspname as schemaname, c.relname as tablename, a.attname as "column", format_type(a.atttypid, a.atttypmod) as type,
       'none'::text as encoding, false as distkey, 0 as sortkey, a.attnotnull as "notnull"
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'v') and n.nspname = any (current_schemas(false));
create view pg_catalog.svv_roles as
    select rolname::text as role_name from pg_catalog.pg_roles where not rolcanlogin;
create view pg_catalog.svv_tables as
select table_catalog, table_schema, table_name, table_type, null::text as remarks from information_schema.tables;
create view pg_catalog.svv_columns as
select table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
       character_maximum_length, numeric_precision, numeric_scale, null::text as remarks
from information_schema.columns;
create view pg_catalog.svv_table_info as
select current_database() as database, n.nspname as schema, c.oid as table_id, c.relname as "table", 'AUTO(EVEN)'::text as diststyle,
       ceil(pg_total_relation_size(c.oid) / 1048576.0)::bigint as size, greatest(c.reltuples, 0)::numeric as tbl_rows
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast');
grant select on pg_catalog.svv_roles, pg_catalog.pg_table_def, pg_catalog.svv_tables, pg_catalog.svv_columns, pg_catalog.svv_table_info to public;

-- Sort keys and statistics

-- A sort key lets Redshift skip blocks that a query does not need, above all by its first column; here an index on
-- that column does the same. A table created by a query gets no index, because it is read whole. Its statistics are
-- gathered at once, as in Redshift.
create function pg_catalog.redshift_sort() returns event_trigger language plpgsql set default_statistics_target = 20 as $$
declare
    sort_keys text[] := array(select match[1] from regexp_matches(current_query(), '/\* sortkey (.*?) \*/', 'g') as match);
    created record;
begin
    for created in select command_tag, objid::regclass as name from pg_event_trigger_ddl_commands() where object_type = 'table' loop
        if created.command_tag = 'CREATE TABLE AS' then
            execute format('analyze %s', created.name);
        elsif cardinality(sort_keys) = 1 then -- with several statements sent at once, the key's table is unknown
            execute format('create index on %s (%s)', created.name, split_part(sort_keys[1], ',', 1));
        end if;
    end loop;
end
$$;
create event trigger redshift_sort on ddl_command_end when tag in ('CREATE TABLE', 'CREATE TABLE AS')
execute function pg_catalog.redshift_sort();

-- Rejections and COPY

create function pg_catalog.redshift_rejects(reason text) returns text volatile language plpgsql as $$
begin
    raise exception using message = reason, errcode = '0A000';
end
$$;

-- LISTAGG: "If the result set is larger than the maximum VARCHAR size, 65,535 bytes, it returns an error."
create function pg_catalog.redshift_listed(list text) returns text immutable language plpgsql as $$
begin
    if octet_length(list) > 65535 then
        raise exception 'Result size exceeds LISTAGG limit' using errcode = '54000';
    end if;
    return list;
end
$$;

-- "Cast a Boolean to a character string": Redshift has no such cast. The planner replaces the cast by its body and
-- evaluates that, so that a statement is rejected even if it reads no row.
create function pg_catalog.redshift_no_text() returns text immutable language plpgsql as $$
begin
    raise exception 'cannot cast type boolean to character varying' using errcode = '42846';
end
$$;
create function pg_catalog.redshift_no_text(boolean) returns text immutable language sql as
'select pg_catalog.redshift_no_text()';
update pg_catalog.pg_cast set castfunc = 'pg_catalog.redshift_no_text(boolean)'::regprocedure
where castsource = 'boolean'::regtype and casttarget in ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype);

-- CREATE OR REPLACE VIEW needs the very columns that the view has; PostgreSQL lets some be added. A view is planned when
-- it is created, so that what the planner rejects is found.
create function pg_catalog.redshift_view_columns() returns event_trigger language plpgsql as $$
declare
    replaced text := (regexp_match(current_query(), '\mcreate\s+or\s+replace\s+view\s+([\w."]+)', 'i'))[1];
    columns text;
    created text;
begin
    if tg_event = 'ddl_command_end' then
        for created in select object_identity from pg_event_trigger_ddl_commands() where object_type = 'view' loop
            execute 'explain select * from ' || created;
        end loop;
    end if;
    if replaced is null then
        return;
    end if;
    select count(*)::text into columns from pg_attribute
    where attrelid = to_regclass(replaced) and attnum > 0 and not attisdropped;
    if tg_event = 'ddl_command_start' then
        perform set_config('redshift.view_columns', columns, false);
    elsif current_setting('redshift.view_columns') not in ('0', columns) then
        raise exception 'cannot change the number of columns in view %: drop it first', replaced using errcode = '42P16';
    end if;
end
$$;
create event trigger redshift_view_start on ddl_command_start when tag in ('CREATE VIEW')
execute function pg_catalog.redshift_view_columns();
create event trigger redshift_view_end on ddl_command_end when tag in ('CREATE VIEW')
execute function pg_catalog.redshift_view_columns();

-- The columns that a COPY fills, in order, checked against `report`, which describes the content of the objects.
create function pg_catalog.redshift_fit(report json, target regclass) returns text[] stable language plpgsql as $$
declare
    there json;
    here record;
    names text[];
    place integer := 0;
begin
    for here in
        select attname, format_type(atttypid, atttypmod) as full_type, format_type(atttypid, null) as type,
               case when atttypid in ('varchar'::regtype, 'bpchar'::regtype) and atttypmod > 4 then atttypmod - 4 end as bytes
        from pg_attribute
        left join json_array_elements_text(report -> 'names') with ordinality as wanted (name, number) on name = attname
        where attrelid = target and attnum > 0 and not attisdropped
          and (name is not null or json_array_length(report -> 'names') = 0)
        order by number, attnum
    loop
        there := report -> 'columns' -> place;
        place := place + 1;
        names := names || quote_ident(here.attname);
        if there is not null
           and not (there -> 'accepts')::jsonb ?| array[here.type, here.full_type] then
            raise exception 'Spectrum Scan Error: % has an incompatible Parquet schema for column %.%. Column type: %, Parquet schema: % %',
                report ->> 'url', target, quote_ident(here.attname), upper(here.full_type), there ->> 'parquet', there ->> 'name'
                using errcode = 'XX000';
        end if;
        if (there ->> 'bytes')::bigint > here.bytes then
            raise exception 'Spectrum Scan Error: the length of the data column % is longer than the length defined in the table. Table: %, Data: %',
                here.attname, here.bytes, there ->> 'bytes' using errcode = 'XX000';
        end if;
    end loop;
    if json_array_length(report -> 'names') > place then
        raise exception 'COPY names a column that % does not have: %', target, report ->> 'names' using errcode = '42703';
    end if;
    if place <> json_array_length(report -> 'columns') then
        raise exception 'Spectrum Scan Error: % has % columns, but % columns of % are to be loaded: they are matched by position',
            report ->> 'url', json_array_length(report -> 'columns'), place, target using errcode = 'XX000';
    end if;
    return names;
end
$$;

-- Loads what sandbox/redshift/copy_delivery.py delivers: `path`.json describes the rows, `path`.csv contains them. Runs
-- as its owner, the superuser, because on Redshift COPY needs no permission to read files; so it checks the caller's
-- permission to insert.
create function pg_catalog.redshift_load(path text) returns void volatile security definer language plpgsql
set default_statistics_target = 20 as $$
declare
    report json := pg_read_file(path || '.json')::json;
    target regclass;
    names text[];
    loaded bigint;
begin
    if report ->> 'error' is not null then
        raise exception using message = report ->> 'error', errcode = 'XX000';
    end if;
    target := (report ->> 'table')::regclass;
    if not has_table_privilege(session_user, target, 'insert') then
        raise exception 'permission denied for relation %', target using errcode = '42501';
    end if;
    names := pg_catalog.redshift_fit(report, target);
    begin
        execute format('copy %s (%s) from %L with (format csv)', target, array_to_string(names, ', '), path || '.csv');
        get diagnostics loaded = row_count;
    exception when string_data_right_truncation or check_violation then
        perform pg_catalog.redshift_fit(pg_read_file(path || '.json')::json, target); -- the report now has the texts' lengths
        raise;
    end;
    -- STATUPDATE; without it, Redshift analyzes a table that was empty.
    if coalesce((report ->> 'statistics')::bool, (select reltuples <= 0 from pg_class where oid = target)) then
        execute format('analyze %s', target);
    end if;
    perform set_config('redshift.last_copy_count', loaded::text, false);
    raise info 'Load into table ''%'' completed, % record(s) loaded successfully.', target, loaded;
end
$$;
create function pg_catalog.pg_last_copy_count() returns bigint stable language sql as $$
    select coalesce(nullif(current_setting('redshift.last_copy_count', true), ''), '0')::bigint
$$;
