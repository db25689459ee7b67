-- Question   Who is listened to, and where can one hear them next?
--            The analytical view of musician events and songs.
-- Grain      one row per artist of the newest snapshot, charting, touring or both.
create or replace view analytics.artist_events_songs as
with newest_snapshot as (
    select max(fact_artists.snapshot_date) as snapshot_date
    from dwh.fact_artists
),

ranked_songs as (
    select
        songs.artist_key,
        songs.song_name,
        songs.play_count,
        row_number() over (
            partition by songs.artist_key order by songs.last_seen_date desc, songs.song_rank asc, songs.song_key asc
        ) as occurrence
    from dwh.dim_songs as songs
),

ranked_concerts as (
    select
        billed.artist_key,
        concerts.concert_id,
        concerts.concert_name,
        concerts.local_date,
        concerts.venue_name,
        concerts.venue_city,
        concerts.country_code,
        row_number() over (
            partition by billed.artist_key
            order by concerts.local_date, concerts.local_time, concerts.concert_id
        ) as occurrence
    from dwh.bridge_concert_artists as billed
    inner join dwh.dim_concerts as concerts on billed.concert_id = concerts.concert_id
    cross join newest_snapshot
    where
        concerts.is_current
        and concerts.is_listed
        and concerts.local_date >= newest_snapshot.snapshot_date
        and coalesce(concerts.status, '') <> 'cancelled'
)

select
    ---------- who
    artists.artist_key,
    artists.artist_name,
    artists.artist_mbid,
    artists.snapshot_date,

    ---------- songs
    artists.chart_rank,
    artists.chart_countries,
    artists.listeners,
    artists.songs_charted,
    artists.play_count,
    songs.song_name as top_song,
    songs.play_count as top_song_play_count,

    ---------- concerts
    artists.upcoming_concerts,
    artists.headlined_concerts,
    artists.concert_countries,
    artists.next_concert_date,
    concerts.concert_id as next_concert_id,
    concerts.concert_name as next_concert_name,
    concerts.venue_name as next_concert_venue,
    concerts.venue_city as next_concert_city,
    concerts.country_code as next_concert_country
from dwh.fact_artists as artists
inner join newest_snapshot on artists.snapshot_date = newest_snapshot.snapshot_date
left join ranked_songs as songs on artists.artist_key = songs.artist_key and songs.occurrence = 1
left join ranked_concerts as concerts on artists.artist_key = concerts.artist_key and concerts.occurrence = 1;
