-- Grain      one row per concert (Ticketmaster event) in the load: the version the load saw.
-- Inputs     staging.events, audit.current_load
-- Load rule  rebuilt for every load; published by include/sql/publish/dim_concerts.sql.
delete from audit.dim_concerts;

insert into audit.dim_concerts (
    concert_id, valid_from, concert_name, concert_url, status, segment, genre, sub_genre, billing,
    billed_artists, promoter_name, local_date, local_time, starts_at, local_end_date, timezone, initial_date, date_tba,
    date_tbd, time_tba, no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city,
    venue_state_code, country_code, venue_postal_code, venue_latitude, venue_longitude, price_currency,
    price_min, price_max, public_sale_starts_at, public_sale_ends_at, is_listed, missing_since, version_hash,
    valid_to, is_current, events_run
)
with ranked_events as (
    select
        events.*,
        row_number() over (
            partition by events.event_id order by events.artist_position, events.attraction_id
        ) as occurrence
    from staging.events as events
),

-- How many bytes of the bill each billing ends at. What begins beyond column and limit is not aggregated: Redshift
-- raises an error for a LISTAGG of more than 65,535 bytes, and does so before an outer LEFT cuts it.
measured_billings as (
    select
        events.event_id,
        events.artist_name,
        events.artist_position,
        events.attraction_id,
        sum(octet_length(events.artist_name) + 3) over (
            partition by events.event_id
            order by events.artist_position, events.attraction_id
            rows between unbounded preceding and current row
        ) as bytes_so_far
    from staging.events as events
),

billings as (
    select
        events.event_id,
        count(events.artist_name) as billed_artists,
        nullif(
            left(
                listagg(case when events.bytes_so_far <= 32768 then events.artist_name end, ' / ')
                within group (order by events.artist_position, events.attraction_id), 4096
            ), ''
        ) as billing
    from measured_billings as events
    group by events.event_id
),

concerts as (
    select
        ---------- key
        events.event_id as concert_id,
        events.snapshot_at as valid_from,

        ---------- what
        events.event_name as concert_name,
        events.event_url as concert_url,
        events.status,
        events.segment,
        events.genre,
        events.sub_genre,
        billings.billing,
        billings.billed_artists,
        events.promoter_name,

        ---------- when
        events.local_date,
        events.local_time,
        events.starts_at,
        events.local_end_date,
        events.timezone,
        events.initial_date,
        events.date_tba,
        events.date_tbd,
        events.time_tba,
        events.no_specific_time,
        events.spans_multiple_days,

        ---------- where
        events.venue_id,
        events.venue_name,
        events.venue_city,
        events.venue_state_code,
        coalesce(events.venue_country_code, events.country_code) as country_code,
        events.venue_postal_code,
        events.venue_latitude,
        events.venue_longitude,

        ---------- tickets
        events.price_currency,
        events.price_min,
        events.price_max,
        events.public_sale_starts_at,
        events.public_sale_ends_at
    from ranked_events as events
    inner join billings on events.event_id = billings.event_id
    where events.occurrence = 1
)

select
    concerts.*,
    true as is_listed,
    cast(null as timestamp) as missing_since,
    -- What makes a new version: name, status, dates, venue, prices and billing.
    md5(
        coalesce(concerts.concert_name, '')
        || '|' || coalesce(concerts.status, '')
        || '|' || coalesce(cast(concerts.local_date as varchar(10)), '')
        || '|' || coalesce(concerts.local_time, '')
        || '|' || coalesce(cast(concerts.starts_at as varchar(26)), '')
        || '|' || coalesce(cast(concerts.local_end_date as varchar(10)), '')
        || case when concerts.date_tba is true then '|date tba' else '|' end
        || case when concerts.date_tbd is true then '|date tbd' else '|' end
        || case when concerts.time_tba is true then '|time tba' else '|' end
        || case when concerts.no_specific_time is true then '|no time' else '|' end
        || '|' || coalesce(concerts.venue_id, '')
        || '|' || coalesce(concerts.venue_name, '')
        || '|' || coalesce(concerts.venue_city, '')
        || '|' || concerts.country_code
        || '|' || coalesce(concerts.price_currency, '')
        || '|' || coalesce(cast(concerts.price_min as varchar(32)), '')
        || '|' || coalesce(cast(concerts.price_max as varchar(32)), '')
        || '|' || coalesce(concerts.billing, '')
    ) as version_hash,
    cast(null as timestamp) as valid_to,
    true as is_current,
    current_load.events_run
from concerts
cross join audit.current_load;
