-- Merges audit.dim_concerts into dwh.dim_concerts: where a concert's version_hash changed, the current
-- version is closed and the load's becomes the current one. A load older than the current version adds nothing.
update dwh.dim_concerts
set
    valid_to = fresh.valid_from,
    is_current = false
from audit.dim_concerts as fresh
where
    dim_concerts.concert_id = fresh.concert_id
    and dim_concerts.is_current
    and dim_concerts.version_hash <> fresh.version_hash
    and dim_concerts.valid_from < fresh.valid_from;

insert into dwh.dim_concerts (
    concert_id, concert_name, concert_url, status, segment, genre, sub_genre, billing, billed_artists,
    promoter_name, local_date, local_time, starts_at, timezone, initial_date, date_tba, date_tbd, time_tba,
    no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city, venue_state_code, country_code,
    venue_postal_code, venue_latitude, venue_longitude, price_currency, price_min, price_max,
    public_sale_starts_at, public_sale_ends_at, version_hash, valid_from, valid_to, is_current
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
    fresh.version_hash,
    fresh.valid_from,
    fresh.valid_to,
    fresh.is_current
from audit.dim_concerts as fresh
left join dwh.dim_concerts as known on fresh.concert_id = known.concert_id and known.is_current
where known.concert_id is null;
