-- Question   What is on, where and when, and how popular are the artists who play?
-- Grain      one row per upcoming concert, as the newest load knows it: listed, not cancelled, and not over on
--            the newest snapshot date: a festival is upcoming until its last day. A concert whose date is not
--            announced is not included.
-- Inputs     dwh.dim_concerts, dwh.bridge_concert_artists, dwh.fact_artists
create view analytics.upcoming_concerts as
with newest_snapshot as (
    select max(artists.snapshot_date) as snapshot_date
    from dwh.fact_artists as artists
),

ranked_artists as (
    select
        billed.concert_id,
        billed.artist_key,
        artists.listeners,
        artists.chart_rank,
        billed.artist_position,
        coalesce(artists.artist_name, billed.artist_name) as artist_name,
        row_number() over (
            partition by billed.concert_id
            order by coalesce(artists.listeners, -1) desc, billed.artist_position asc, billed.artist_key asc
        ) as popularity
    from dwh.bridge_concert_artists as billed
    cross join newest_snapshot
    left join dwh.fact_artists as artists
        on billed.artist_key = artists.artist_key and newest_snapshot.snapshot_date = artists.snapshot_date
),

lineups as (
    select
        artists.concert_id,
        max(case when artists.popularity = 1 then artists.artist_key end) as best_known_artist_key,
        max(case when artists.popularity = 1 then artists.artist_name end) as best_known_artist,
        max(case when artists.popularity = 1 then artists.listeners end) as listeners,
        min(artists.chart_rank) as chart_rank,
        count(artists.chart_rank) as charting_artists
    from ranked_artists as artists
    group by artists.concert_id
),

upcoming_concerts as (
    select
        concerts.*,
        newest_snapshot.snapshot_date,
        cast(datediff(day, newest_snapshot.snapshot_date, concerts.local_date) as bigint) as days_ahead
    from dwh.dim_concerts as concerts
    cross join newest_snapshot
    where
        concerts.is_current is true
        and concerts.is_listed is true
        and concerts.local_date is not null
        and coalesce(concerts.local_end_date, concerts.local_date) >= newest_snapshot.snapshot_date
        and coalesce(concerts.status, '') <> 'cancelled'
)

select
    ---------- what
    concerts.concert_id,
    concerts.concert_name,
    concerts.concert_url,
    concerts.status,
    concerts.genre,
    concerts.sub_genre,

    ---------- when
    concerts.local_date,
    concerts.local_time,
    concerts.starts_at,
    concerts.local_end_date,
    concerts.timezone,
    concerts.days_ahead,

    ---------- where
    concerts.venue_id,
    concerts.venue_name,
    concerts.venue_city,
    concerts.venue_state_code,
    concerts.country_code,
    concerts.venue_latitude,
    concerts.venue_longitude,

    ---------- who
    concerts.billing,
    concerts.billed_artists,
    lineups.best_known_artist_key,
    lineups.best_known_artist,
    lineups.listeners,
    lineups.chart_rank,
    lineups.charting_artists,

    ---------- tickets
    concerts.price_currency,
    concerts.price_min,
    concerts.price_max,

    concerts.snapshot_date
from upcoming_concerts as concerts
left join lineups on concerts.concert_id = lineups.concert_id;

comment on view analytics.upcoming_concerts is
'What is on, where and when, and how popular the billed artists are: one row per concert.';
comment on column analytics.upcoming_concerts.concert_id is
'The concert, as in dim_concerts.';
comment on column analytics.upcoming_concerts.concert_name is
'Title of the event.';
comment on column analytics.upcoming_concerts.concert_url is
'The event''s page on Ticketmaster; null when not given.';
comment on column analytics.upcoming_concerts.status is
'onsale, offsale, postponed or rescheduled; null when not given.';
comment on column analytics.upcoming_concerts.genre is
'Such as Rock; null when undefined.';
comment on column analytics.upcoming_concerts.sub_genre is
'Class within the genre, such as Pop; null when undefined.';
comment on column analytics.upcoming_concerts.local_date is
'Date at the venue.';
comment on column analytics.upcoming_concerts.local_time is
'Time at the venue, HH:MM:SS; null while none is announced.';
comment on column analytics.upcoming_concerts.starts_at is
'The instant it starts, UTC; null while the time is not announced.';
comment on column analytics.upcoming_concerts.local_end_date is
'Last date at the venue, of a festival for example; null when not given.';
comment on column analytics.upcoming_concerts.timezone is
'The venue''s time zone, such as America/New_York; null when not given.';
comment on column analytics.upcoming_concerts.days_ahead is
'Days from the newest snapshot date to local_date; 0 on the snapshot date, negative while under way.';
comment on column analytics.upcoming_concerts.venue_id is
'Ticketmaster''s id of the venue; null when only a place is given.';
comment on column analytics.upcoming_concerts.venue_name is
'Name of the venue; null when not given.';
comment on column analytics.upcoming_concerts.venue_city is
'City of the venue; null when not given.';
comment on column analytics.upcoming_concerts.venue_state_code is
'State or province, such as NY; null where there are none.';
comment on column analytics.upcoming_concerts.country_code is
'ISO 3166-1 alpha-2 code of the country.';
comment on column analytics.upcoming_concerts.venue_latitude is
'Degrees north; null when not known.';
comment on column analytics.upcoming_concerts.venue_longitude is
'Degrees east; null when not known.';
comment on column analytics.upcoming_concerts.billing is
'Names of the billed artists in billing order, separated by slashes; null when no artist is billed.';
comment on column analytics.upcoming_concerts.billed_artists is
'How many artists are billed.';
comment on column analytics.upcoming_concerts.best_known_artist_key is
'The billed artist with the most listeners, else the one billed first; null when no artist is billed.';
comment on column analytics.upcoming_concerts.best_known_artist is
'That artist''s name.';
comment on column analytics.upcoming_concerts.listeners is
'That artist''s Last.fm listeners, as in fact_artists; null when no billed artist is in a chart.';
comment on column analytics.upcoming_concerts.chart_rank is
'Best chart rank among the billed artists, 1 is the top; null when none is in a chart.';
comment on column analytics.upcoming_concerts.charting_artists is
'How many of the billed artists are in a chart; null when no artist is billed.';
comment on column analytics.upcoming_concerts.price_currency is
'ISO 4217 code of the prices, such as USD; null when no prices are given.';
comment on column analytics.upcoming_concerts.price_min is
'Lowest price of a standard ticket, in price_currency; null when not given.';
comment on column analytics.upcoming_concerts.price_max is
'Highest price of a standard ticket, in price_currency; null when not given.';
comment on column analytics.upcoming_concerts.snapshot_date is
'UTC date of the newest snapshot, the same in all rows.';
