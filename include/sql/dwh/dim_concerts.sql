-- Grain      one row per version of a concert (Ticketmaster event): concert_id and valid_from.
-- Load rule  include/sql/publish/dim_concerts.sql: a concert whose version_hash changed gets a new
--            version, and so does one that a complete crawl no longer lists.
-- Keys       distributed by concert, so that concerts meet their billings on one node; sorted by concert,
--            because a load is merged by concert_id.
create table if not exists dwh.dim_concerts (
    concert_id varchar(64) not null,
    concert_name varchar(1020) not null,
    concert_url varchar(2048),
    status varchar(16), -- onsale, offsale, cancelled, postponed, rescheduled
    segment varchar(1020),
    genre varchar(1020),
    sub_genre varchar(1020),
    billing varchar(16384), -- the billed artists' names in their order
    billed_artists bigint not null,
    promoter_name varchar(1020),
    local_date date, -- at the venue; null while no date is announced
    local_time varchar(8), -- at the venue, HH:MM:SS
    starts_at timestamp, -- UTC
    timezone varchar(64),
    initial_date date, -- the date before it was postponed or rescheduled
    date_tba boolean not null,
    date_tbd boolean not null,
    time_tba boolean not null,
    no_specific_time boolean not null,
    spans_multiple_days boolean not null,
    venue_id varchar(64),
    venue_name varchar(1020),
    venue_city varchar(1020),
    venue_state_code varchar(16),
    country_code varchar(2),
    venue_postal_code varchar(32),
    venue_latitude double precision,
    venue_longitude double precision,
    price_currency varchar(3),
    price_min double precision,
    price_max double precision,
    public_sale_starts_at timestamp,
    public_sale_ends_at timestamp,
    is_listed boolean not null, -- false: a complete crawl no longer lists it
    version_hash varchar(32) not null, -- of what makes a version: see include/sql/audit/dim_concerts.sql
    valid_from timestamp not null, -- the instant of the run that first saw this version
    valid_to timestamp, -- the instant of the run that first saw the next; null for the current version
    is_current boolean not null,
    primary key (concert_id, valid_from)
)
distkey (concert_id)
sortkey (concert_id, valid_from);
