-- Grain      one row per event and billed artist; an event without billed artists has one row without an artist.
-- Load rule  emptied, then COPY of the objects of exactly one manifest, which names its columns:
--            those of include.sources.ticketmaster.rows.EventRow, in that order; an older release's may be fewer.
-- Keys       distributed by event, because every query groups or joins by event_id; not sorted, because every query
--            reads the whole table: sorting in COPY would be wasted.
drop table if exists staging.events;

create table staging.events (
    snapshot_at timestamp,
    country_code varchar(2),
    event_id varchar(64),
    event_name varchar(1020),
    event_url varchar(2048),
    status varchar(16),
    local_date date,
    local_time varchar(8),
    starts_at timestamp,
    local_end_date date,
    initial_date date,
    timezone varchar(64),
    date_tba boolean,
    date_tbd boolean,
    time_tba boolean,
    no_specific_time boolean,
    spans_multiple_days boolean,
    public_sale_starts_at timestamp,
    public_sale_ends_at timestamp,
    segment varchar(1020),
    genre varchar(1020),
    sub_genre varchar(1020),
    price_currency varchar(3),
    price_min double precision,
    price_max double precision,
    promoter_name varchar(1020),
    venue_id varchar(64),
    venue_name varchar(1020),
    venue_city varchar(1020),
    venue_state_code varchar(16),
    venue_country_code varchar(2),
    venue_postal_code varchar(32),
    venue_latitude double precision,
    venue_longitude double precision,
    artist_position bigint,
    attraction_id varchar(64),
    artist_name varchar(1020),
    artist_mbid varchar(36),
    artist_key varchar(32),
    name_key varchar(32),
    namesake_key varchar(32)
)
distkey (event_id);
