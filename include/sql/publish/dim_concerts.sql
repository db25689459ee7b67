-- Merges audit.dim_concerts, what the load's events run saw, into the versions of dwh.dim_concerts.
--
-- A concert's versions follow each other without gaps. Per concert, `known` is the version that holds at the
-- instant of the run, `following` the next one, and `until_at` the instant at which another published run saw the
-- concert again. So a run that arrives late splits or extends what is there, and never touches newer state:
--   unchanged   known has the version_hash that the run saw
--   added       the concert is new
--   changed     known ends at the run, and the version it saw holds until then; where known held beyond, it is
--               restored from there on
--   extended    the same, but following has the hash that the run saw: it began earlier
--   delisted    this newest run is complete, asked for the concert, and does not list it
--
-- The versions of the load's concerts are taken out of dwh.dim_concerts once, by its sort key; all that follows,
-- but the search for what is no longer listed, is as large as the load, or as what changed.
drop table if exists audit.known_concerts;

create table audit.known_concerts
distkey (concert_id)
sortkey (concert_id, valid_from)
as
select
    dim.concert_id,
    dim.valid_from,
    dim.version_hash
from audit.dim_concerts as fresh
inner join dwh.dim_concerts as dim on fresh.concert_id = dim.concert_id;

drop table if exists audit.concert_changes;

create table audit.concert_changes
distkey (concert_id)
sortkey (concert_id)
as
with neighbours as (
    select
        fresh.concert_id,
        fresh.version_hash,
        fresh.valid_from as seen_at,
        max(case when dim.valid_from <= fresh.valid_from then dim.valid_from end) as known_from,
        min(case when dim.valid_from > fresh.valid_from then dim.valid_from end) as following_from
    from audit.dim_concerts as fresh
    left join audit.known_concerts as dim on fresh.concert_id = dim.concert_id
    group by fresh.concert_id, fresh.version_hash, fresh.valid_from
),

seen_concerts as (
    select
        neighbours.concert_id,
        neighbours.version_hash,
        neighbours.seen_at,
        neighbours.known_from,
        known_version.version_hash as known_hash,
        neighbours.following_from,
        following_version.version_hash as following_hash,
        case
            when neighbours.known_from is null then neighbours.following_from
            else least(neighbours.following_from, current_load.next_events_at)
        end as until_at
    from neighbours
    cross join audit.current_load
    left join audit.known_concerts as known_version
        on neighbours.concert_id = known_version.concert_id and neighbours.known_from = known_version.valid_from
    left join audit.known_concerts as following_version
        on
            neighbours.concert_id = following_version.concert_id
            and neighbours.following_from = following_version.valid_from
)

select
    seen.concert_id,
    case
        when seen.known_hash = seen.version_hash then 'unchanged'
        when seen.following_hash = seen.version_hash and seen.until_at = seen.following_from then 'extended'
        when seen.known_from is null then 'added'
        else 'changed'
    end as change,
    seen.seen_at,
    seen.known_from,
    seen.following_from,
    seen.until_at,
    coalesce(
        seen.known_hash <> seen.version_hash
        and seen.until_at <> coalesce(seen.following_from, cast('9999-12-31' as timestamp)), false
    ) as is_known_restored
from seen_concerts as seen

union all

select
    dim.concert_id,
    'delisted' as change,
    current_load.events_at as seen_at,
    dim.valid_from as known_from,
    cast(null as timestamp) as following_from,
    cast(null as timestamp) as until_at,
    false as is_known_restored
from dwh.dim_concerts as dim
cross join audit.current_load
left join audit.dim_concerts as fresh on dim.concert_id = fresh.concert_id
where
    fresh.concert_id is null
    and dim.is_current
    and dim.is_listed
    and dim.valid_from < current_load.events_at
    and current_load.is_complete
    and current_load.next_events_at is null
    and position(',' || dim.country_code || ',' in current_load.countries) > 0
    and (
        dim.local_date is null
        or (dim.local_date > cast(current_load.events_at as date) and dim.local_date < current_load.horizon_date)
    );

insert into audit.changes (star_table, added, changed, closed, unchanged)
select
    'dim_concerts' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.change in ('changed', 'extended') then 1 end) as changed,
    count(case when changes.change = 'delisted' then 1 end) as closed,
    count(case when changes.change = 'unchanged' then 1 end) as unchanged
from audit.concert_changes as changes;

-- What goes on after the version the run saw: known again, or known as no longer listed.
insert into dwh.dim_concerts (
    concert_id, concert_name, concert_url, status, segment, genre, sub_genre, billing, billed_artists,
    promoter_name, local_date, local_time, starts_at, timezone, initial_date, date_tba, date_tbd, time_tba,
    no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city, venue_state_code, country_code,
    venue_postal_code, venue_latitude, venue_longitude, price_currency, price_min, price_max,
    public_sale_starts_at, public_sale_ends_at, is_listed, version_hash, valid_from, valid_to, is_current
)
select
    dim.concert_id,
    dim.concert_name,
    dim.concert_url,
    dim.status,
    dim.segment,
    dim.genre,
    dim.sub_genre,
    dim.billing,
    dim.billed_artists,
    dim.promoter_name,
    dim.local_date,
    dim.local_time,
    dim.starts_at,
    dim.timezone,
    dim.initial_date,
    dim.date_tba,
    dim.date_tbd,
    dim.time_tba,
    dim.no_specific_time,
    dim.spans_multiple_days,
    dim.venue_id,
    dim.venue_name,
    dim.venue_city,
    dim.venue_state_code,
    dim.country_code,
    dim.venue_postal_code,
    dim.venue_latitude,
    dim.venue_longitude,
    dim.price_currency,
    dim.price_min,
    dim.price_max,
    dim.public_sale_starts_at,
    dim.public_sale_ends_at,
    dim.is_listed and changes.change <> 'delisted' as is_listed,
    case
        when changes.change = 'delisted' then md5(dim.version_hash || '|delisted') else dim.version_hash
    end as version_hash,
    coalesce(changes.until_at, changes.seen_at) as valid_from,
    dim.valid_to,
    dim.is_current
from dwh.dim_concerts as dim
inner join audit.concert_changes as changes
    on dim.concert_id = changes.concert_id and dim.valid_from = changes.known_from
where changes.is_known_restored or changes.change = 'delisted';

-- The same run, read anew by a corrected parser, replaces what it saw before.
delete from dwh.dim_concerts
using audit.concert_changes
where
    dim_concerts.concert_id = concert_changes.concert_id
    and dim_concerts.valid_from = concert_changes.seen_at
    and concert_changes.change in ('changed', 'extended');

update dwh.dim_concerts
set
    valid_to = changes.seen_at,
    is_current = false
from audit.concert_changes as changes
where
    dim_concerts.concert_id = changes.concert_id
    and dim_concerts.valid_from = changes.known_from
    and changes.change in ('changed', 'extended', 'delisted');

update dwh.dim_concerts
set valid_from = changes.seen_at
from audit.concert_changes as changes
where
    dim_concerts.concert_id = changes.concert_id
    and dim_concerts.valid_from = changes.following_from
    and changes.change = 'extended';

insert into dwh.dim_concerts (
    concert_id, concert_name, concert_url, status, segment, genre, sub_genre, billing, billed_artists,
    promoter_name, local_date, local_time, starts_at, timezone, initial_date, date_tba, date_tbd, time_tba,
    no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city, venue_state_code, country_code,
    venue_postal_code, venue_latitude, venue_longitude, price_currency, price_min, price_max,
    public_sale_starts_at, public_sale_ends_at, is_listed, version_hash, valid_from, valid_to, is_current
)
select
    fresh.concert_id,
    fresh.concert_name,
    fresh.concert_url,
    fresh.status,
    fresh.segment,
    fresh.genre,
    fresh.sub_genre,
    fresh.billing,
    fresh.billed_artists,
    fresh.promoter_name,
    fresh.local_date,
    fresh.local_time,
    fresh.starts_at,
    fresh.timezone,
    fresh.initial_date,
    fresh.date_tba,
    fresh.date_tbd,
    fresh.time_tba,
    fresh.no_specific_time,
    fresh.spans_multiple_days,
    fresh.venue_id,
    fresh.venue_name,
    fresh.venue_city,
    fresh.venue_state_code,
    fresh.country_code,
    fresh.venue_postal_code,
    fresh.venue_latitude,
    fresh.venue_longitude,
    fresh.price_currency,
    fresh.price_min,
    fresh.price_max,
    fresh.public_sale_starts_at,
    fresh.public_sale_ends_at,
    fresh.is_listed,
    fresh.version_hash,
    fresh.valid_from,
    changes.until_at as valid_to,
    changes.until_at is null as is_current
from audit.dim_concerts as fresh
inner join audit.concert_changes as changes on fresh.concert_id = changes.concert_id
where changes.change in ('added', 'changed');
