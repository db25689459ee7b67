-- Question   What is on, where and when, and how much are those who play there listened to?
-- Grain      one row per upcoming concert, as the newest load knows it: listed, not cancelled, and dated from
--            the newest snapshot on. A concert whose date is not announced is not among them.
-- Inputs     dwh.dim_concerts, dwh.bridge_concert_artists, dwh.fact_artists
create or replace view analytics.upcoming_concerts as
with newest_snapshot as (
    select max(artists.snapshot_date) as snapshot_date
    from dwh.fact_artists as artists
),

ranked_artists as (
    select
        billed.concert_id,
        artists.artist_key,
        artists.artist_name,
        artists.listeners,
        artists.chart_rank,
        billed.artist_position,
        row_number() over (
            partition by billed.concert_id
            order by coalesce(artists.listeners, -1) desc, billed.artist_position asc, billed.artist_key asc
        ) as popularity
    from dwh.bridge_concert_artists as billed
    inner join dwh.fact_artists as artists on billed.artist_key = artists.artist_key
    inner join newest_snapshot on artists.snapshot_date = newest_snapshot.snapshot_date
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
        datediff(day, newest_snapshot.snapshot_date, concerts.local_date) as days_ahead
    from dwh.dim_concerts as concerts
    cross join newest_snapshot
    where
        concerts.is_current
        and concerts.is_listed
        and concerts.local_date >= newest_snapshot.snapshot_date
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
