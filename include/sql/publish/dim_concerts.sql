-- Merges audit.dim_concerts, what the load's events run saw, and audit.missing_concerts, what it did not see, into the
-- versions of dwh.dim_concerts. Loads come in order, so only current versions matter. Per concert, `change` is
--   added       it is new
--   changed     its version_hash differs from the current version's: that ends, and the version the run saw begins
--   unchanged   it does not differ
--   seen again  nor does it, and the run before did not list it
--   missed      the run is the first that covers it and does not list it
--   delisted    the run is the second in a row: the current version ends, and one that is not listed begins
drop table if exists audit.concert_changes, audit.delisted_versions;

create table audit.concert_changes
distkey (concert_id)
sortkey (concert_id)
as
select
    fresh.concert_id,
    current_load.events_at as seen_at,
    case
        when known.concert_id is null then 'added'
        when known.version_hash <> fresh.version_hash then 'changed'
        when known.missing_since is not null then 'seen again'
        else 'unchanged'
    end as change
from audit.dim_concerts as fresh
cross join audit.current_load
left join dwh.dim_concerts as known on fresh.concert_id = known.concert_id and known.is_current is true

union all

select
    missing.concert_id,
    current_load.events_at as seen_at,
    case when missing.is_delisted is true then 'delisted' else 'missed' end as change
from audit.missing_concerts as missing
cross join audit.current_load;

insert into audit.changes (star_table, added, changed, removed, unchanged)
select
    'dim_concerts' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.change = 'changed' then 1 end) as changed,
    count(case when changes.change = 'delisted' then 1 end) as removed,
    count(case when changes.change in ('unchanged', 'seen again', 'missed') then 1 end) as unchanged
from audit.concert_changes as changes;

create table audit.delisted_versions
distkey (concert_id)
sortkey (concert_id)
as
select dim.* -- noqa: AM04
from dwh.dim_concerts as dim
inner join audit.concert_changes as changes on dim.concert_id = changes.concert_id
where dim.is_current is true and changes.change = 'delisted';

update audit.delisted_versions
set
    is_listed = false,
    version_hash = md5(delisted_versions.version_hash || '|delisted'),
    valid_from = changes.seen_at,
    events_run = current_load.events_run
from audit.concert_changes as changes
cross join audit.current_load
where delisted_versions.concert_id = changes.concert_id;

update dwh.dim_concerts
set
    valid_to = case when changes.change in ('changed', 'delisted') then changes.seen_at end,
    is_current = changes.change in ('missed', 'seen again'),
    missing_since = case when changes.change = 'missed' then changes.seen_at end
from audit.concert_changes as changes
where
    dim_concerts.concert_id = changes.concert_id
    and dim_concerts.is_current is true
    and changes.change in ('changed', 'delisted', 'missed', 'seen again');

-- A concert whose record was rejected was listed, too.
update dwh.dim_concerts
set missing_since = null
from audit.rejected_concerts as rejected
where
    dim_concerts.concert_id = rejected.concert_id
    and dim_concerts.is_current is true
    and dim_concerts.is_listed is true
    and dim_concerts.missing_since is not null;

-- The tables in audit have the columns of dwh.dim_concerts, in their order.
insert into dwh.dim_concerts
select fresh.* -- noqa: AM04
from audit.dim_concerts as fresh
inner join audit.concert_changes as changes on fresh.concert_id = changes.concert_id
where changes.change in ('added', 'changed')

union all

select delisted.* -- noqa: AM04
from audit.delisted_versions as delisted;
