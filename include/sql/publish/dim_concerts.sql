-- Merges audit.dim_concerts, what the load's events run saw, and audit.missing_concerts, what it did not see, into the
-- versions of dwh.dim_concerts. Loads come in order, so only current versions matter. Per concert, `change` is
--   added       it is new
--   changed     its version_hash differs from the current version's: that ends, and the version the run saw begins
--   unchanged   it does not differ
--   missed      the run is the first that covers it and does not list it
--   delisted    the run is the second in a row: the current version ends, and one that is not listed begins
drop table if exists audit.concert_changes;

create table audit.concert_changes
distkey (concert_id)
sortkey (concert_id)
as
select
    fresh.concert_id,
    current_load.events_at as seen_at,
    case
        when known.concert_id is null then 'added'
        when known.version_hash = fresh.version_hash then 'unchanged'
        else 'changed'
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
    count(case when changes.change in ('unchanged', 'missed') then 1 end) as unchanged
from audit.concert_changes as changes;

insert into dwh.dim_concerts (
    concert_id, concert_name, concert_url, status, segment, genre, sub_genre, billing, billed_artists,
    promoter_name, local_date, local_time, starts_at, local_end_date, timezone, initial_date, date_tba, date_tbd,
    time_tba, no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city, venue_state_code,
    country_code, venue_postal_code, venue_latitude, venue_longitude, price_currency, price_min, price_max,
    public_sale_starts_at, public_sale_ends_at, is_listed, missing_since, version_hash, valid_from, valid_to,
    is_current
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
    dim.local_end_date,
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
    false as is_listed,
    dim.missing_since,
    md5(dim.version_hash || '|delisted') as version_hash,
    changes.seen_at as valid_from,
    cast(null as timestamp) as valid_to,
    true as is_current
from dwh.dim_concerts as dim
inner join audit.concert_changes as changes on dim.concert_id = changes.concert_id
where dim.is_current is true and changes.change = 'delisted';

update dwh.dim_concerts
set
    valid_to = changes.seen_at,
    is_current = false,
    missing_since = null
from audit.concert_changes as changes
where
    dim_concerts.concert_id = changes.concert_id
    and dim_concerts.is_current is true
    and dim_concerts.valid_from < changes.seen_at
    and changes.change in ('changed', 'delisted');

update dwh.dim_concerts
set missing_since = case when changes.change = 'missed' then changes.seen_at end
from audit.concert_changes as changes
where
    dim_concerts.concert_id = changes.concert_id
    and dim_concerts.is_current is true
    and (changes.change = 'missed' or (changes.change = 'unchanged' and dim_concerts.missing_since is not null));

-- A concert whose record was rejected was listed, too.
update dwh.dim_concerts
set missing_since = null
from audit.rejected_concerts as rejected
where
    dim_concerts.concert_id = rejected.concert_id
    and dim_concerts.is_current is true
    and dim_concerts.is_listed is true
    and dim_concerts.missing_since is not null;

insert into dwh.dim_concerts (
    concert_id, concert_name, concert_url, status, segment, genre, sub_genre, billing, billed_artists,
    promoter_name, local_date, local_time, starts_at, local_end_date, timezone, initial_date, date_tba, date_tbd,
    time_tba, no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city, venue_state_code,
    country_code, venue_postal_code, venue_latitude, venue_longitude, price_currency, price_min, price_max,
    public_sale_starts_at, public_sale_ends_at, is_listed, missing_since, version_hash, valid_from, valid_to,
    is_current
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
    fresh.local_end_date,
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
    fresh.missing_since,
    fresh.version_hash,
    fresh.valid_from,
    fresh.valid_to,
    fresh.is_current
from audit.dim_concerts as fresh
inner join audit.concert_changes as changes on fresh.concert_id = changes.concert_id
where changes.change in ('added', 'changed');
