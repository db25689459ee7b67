-- Grain      one row per version of a concert (Ticketmaster event): concert_id and valid_from.
-- Load rule  include/sql/publish/dim_concerts.sql: a concert whose version_hash changed gets a new
--            version, and so does one that two complete crawls in a row did not list. Other columns keep the
--            values they had when the version was first seen.
-- Keys       distributed by concert, so that concerts meet their billings on one node; sorted by concert,
--            which suits queries for one concert; a merge by key reads the whole key column.
create table if not exists dwh.dim_concerts (
    concert_id varchar(64) not null,
    concert_name varchar(1020) not null,
    concert_url varchar(2048),
    status varchar(16),
    segment varchar(1020),
    genre varchar(1020),
    sub_genre varchar(1020),
    billing varchar(16384),
    billed_artists bigint not null,
    promoter_name varchar(1020),
    local_date date,
    local_time varchar(8),
    starts_at timestamp,
    local_end_date date,
    timezone varchar(64),
    initial_date date,
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
    is_listed boolean not null,
    missing_since timestamp,
    version_hash varchar(32) not null,
    valid_from timestamp not null,
    valid_to timestamp,
    is_current boolean not null,
    events_run varchar(32) not null,
    primary key (concert_id, valid_from)
)
distkey (concert_id)
sortkey (concert_id, valid_from);

comment on table dwh.dim_concerts is
'Concerts and their history: one row per version of a concert (Ticketmaster event).';
comment on column dwh.dim_concerts.concert_id is
'Ticketmaster''s id of the event.';
comment on column dwh.dim_concerts.concert_name is
'Title of the event.';
comment on column dwh.dim_concerts.concert_url is
'The event''s page on Ticketmaster; null when not given.';
comment on column dwh.dim_concerts.status is
'onsale, offsale, cancelled, postponed or rescheduled; null when not given.';
comment on column dwh.dim_concerts.segment is
'Ticketmaster''s broadest class, such as Music; null when undefined.';
comment on column dwh.dim_concerts.genre is
'Class within the segment, such as Rock; null when undefined.';
comment on column dwh.dim_concerts.sub_genre is
'Class within the genre, such as Pop; null when undefined.';
comment on column dwh.dim_concerts.billing is
'Names of the billed artists in order, separated by slashes, at most 4,096 characters; null when there are none.';
comment on column dwh.dim_concerts.billed_artists is
'How many artists are billed.';
comment on column dwh.dim_concerts.promoter_name is
'Who promotes the concert; null when not given.';
comment on column dwh.dim_concerts.local_date is
'Date at the venue; null while no date is announced.';
comment on column dwh.dim_concerts.local_time is
'Time at the venue, HH:MM:SS; null while none is announced.';
comment on column dwh.dim_concerts.starts_at is
'The instant it starts, UTC; null while the date or time is not announced.';
comment on column dwh.dim_concerts.local_end_date is
'Last date at the venue, of a festival for example; null when not given.';
comment on column dwh.dim_concerts.timezone is
'The venue''s time zone, such as America/New_York; null when not given.';
comment on column dwh.dim_concerts.initial_date is
'Date at the venue that was announced first, before it was postponed or rescheduled; else null.';
comment on column dwh.dim_concerts.date_tba is
'True: the date is to be announced.';
comment on column dwh.dim_concerts.date_tbd is
'True: the date is to be determined; it is not settled, even where one is given.';
comment on column dwh.dim_concerts.time_tba is
'True: the time is to be announced.';
comment on column dwh.dim_concerts.no_specific_time is
'True: it has no specific time.';
comment on column dwh.dim_concerts.spans_multiple_days is
'True: it lasts several days.';
comment on column dwh.dim_concerts.venue_id is
'Ticketmaster''s id of the venue; null when only a place is given.';
comment on column dwh.dim_concerts.venue_name is
'Name of the venue; null when not given.';
comment on column dwh.dim_concerts.venue_city is
'City of the venue; null when not given.';
comment on column dwh.dim_concerts.venue_state_code is
'State or province, such as NY; null where there are none.';
comment on column dwh.dim_concerts.country_code is
'ISO 3166-1 alpha-2 code of the venue''s country or, if not given, of the country whose crawl found the concert.';
comment on column dwh.dim_concerts.venue_postal_code is
'Postal code of the venue; null when not given.';
comment on column dwh.dim_concerts.venue_latitude is
'Degrees north; null when not known.';
comment on column dwh.dim_concerts.venue_longitude is
'Degrees east; null when not known.';
comment on column dwh.dim_concerts.price_currency is
'ISO 4217 code of the prices, such as USD; null when no prices are given, which is frequent.';
comment on column dwh.dim_concerts.price_min is
'Lowest price of a standard ticket, in price_currency; null when not given.';
comment on column dwh.dim_concerts.price_max is
'Highest price of a standard ticket, in price_currency; null when not given.';
comment on column dwh.dim_concerts.public_sale_starts_at is
'When the public sale starts, UTC; null when not given.';
comment on column dwh.dim_concerts.public_sale_ends_at is
'When the public sale ends, UTC; null when not given.';
comment on column dwh.dim_concerts.is_listed is
'False: delisted; two complete crawls in a row that covered its country and date did not list it.';
comment on column dwh.dim_concerts.missing_since is
'The instant, UTC, of the first complete crawl in a row that did not list it; null while listed and in ended versions.';
comment on column dwh.dim_concerts.version_hash is
'Hash of what makes a version: name, status, dates, time, venue, prices and billing.';
comment on column dwh.dim_concerts.valid_from is
'The instant, UTC, of the events run that first saw this version.';
comment on column dwh.dim_concerts.valid_to is
'The instant, UTC, of the run that first saw the next version, when this one ends; null for the newest.';
comment on column dwh.dim_concerts.is_current is
'True for the newest version of the concert, even if it is delisted.';
comment on column dwh.dim_concerts.events_run is
'The events run that first saw this version or, if it is not listed, delisted it, as in load_ledger.';
