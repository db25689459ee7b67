-- Question   Which artists are popular, and where can they be heard next?
--            The analytical view of musician events and songs.
-- Grain      one row per artist of the newest snapshot, charting, touring or both.
-- Inputs     dwh.fact_artists, dwh.dim_songs, dwh.bridge_concert_artists, dwh.dim_concerts
create view analytics.artist_events_songs as
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
        billed.artist_position,
        row_number() over (
            partition by billed.artist_key
            order by concerts.local_date, concerts.local_time, concerts.concert_id
        ) as occurrence
    from dwh.bridge_concert_artists as billed
    inner join dwh.dim_concerts as concerts on billed.concert_id = concerts.concert_id
    cross join newest_snapshot
    where
        concerts.is_current is true
        and concerts.is_listed is true
        and concerts.local_date is not null
        and coalesce(concerts.local_end_date, concerts.local_date) >= newest_snapshot.snapshot_date
        and coalesce(concerts.status, '') <> 'cancelled'
),

-- Not from the snapshot: its events run may have requested other countries, or not have listed every concert.
touring_artists as (
    select
        artists.artist_key,
        count(concerts.concert_id) as upcoming_concerts,
        count(case when concerts.artist_position = 1 then 1 end) as headlined_concerts,
        count(distinct concerts.country_code) as concert_countries
    from dwh.fact_artists as artists
    inner join newest_snapshot on artists.snapshot_date = newest_snapshot.snapshot_date
    left join ranked_concerts as concerts on artists.artist_key = concerts.artist_key
    group by artists.artist_key
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
    touring.upcoming_concerts,
    touring.headlined_concerts,
    touring.concert_countries,
    concerts.local_date as next_concert_date,
    concerts.concert_id as next_concert_id,
    concerts.concert_name as next_concert_name,
    concerts.venue_name as next_concert_venue,
    concerts.venue_city as next_concert_city,
    concerts.country_code as next_concert_country
from dwh.fact_artists as artists
inner join newest_snapshot on artists.snapshot_date = newest_snapshot.snapshot_date
left join ranked_songs as songs on artists.artist_key = songs.artist_key and songs.occurrence = 1
inner join touring_artists as touring on artists.artist_key = touring.artist_key
left join ranked_concerts as concerts on artists.artist_key = concerts.artist_key and concerts.occurrence = 1;

comment on view analytics.artist_events_songs is
'Which artists are popular, and where they can be heard next: one row per artist of the newest snapshot.';
comment on column analytics.artist_events_songs.artist_key is
'Identifies the artist, as in fact_artists.';
comment on column analytics.artist_events_songs.artist_name is
'As Last.fm spells it, or as billed if the charts of the newest load do not include the artist.';
comment on column analytics.artist_events_songs.artist_mbid is
'MusicBrainz id, a lower-case UUID; null when neither source gives one.';
comment on column analytics.artist_events_songs.snapshot_date is
'UTC date of the newest snapshot, the same in all rows.';
comment on column analytics.artist_events_songs.chart_rank is
'Best rank in the configured countries'' charts, 1 is the top; null when in none.';
comment on column analytics.artist_events_songs.chart_countries is
'ISO codes of the countries whose charts include the artist, sorted; null when in none.';
comment on column analytics.artist_events_songs.listeners is
'Last.fm listeners in those countries, summed; null when in no chart.';
comment on column analytics.artist_events_songs.songs_charted is
'How many of the artist''s top tracks the newest load has.';
comment on column analytics.artist_events_songs.play_count is
'Plays of those songs, summed; null when there are none.';
comment on column analytics.artist_events_songs.top_song is
'Title of the artist''s most played song; null when no song is known.';
comment on column analytics.artist_events_songs.top_song_play_count is
'Plays of that song; null when not known.';
comment on column analytics.artist_events_songs.upcoming_concerts is
'Concerts that are not over on the snapshot date, listed and not cancelled.';
comment on column analytics.artist_events_songs.headlined_concerts is
'How many of those have the artist billed first.';
comment on column analytics.artist_events_songs.concert_countries is
'In how many countries those concerts take place.';
comment on column analytics.artist_events_songs.next_concert_date is
'Date at the venue of the first upcoming concert; null when there is none.';
comment on column analytics.artist_events_songs.next_concert_id is
'That concert, as in dim_concerts.';
comment on column analytics.artist_events_songs.next_concert_name is
'Its title.';
comment on column analytics.artist_events_songs.next_concert_venue is
'Name of its venue; null when not given.';
comment on column analytics.artist_events_songs.next_concert_city is
'City of its venue; null when not given.';
comment on column analytics.artist_events_songs.next_concert_country is
'ISO 3166-1 alpha-2 code of its country.';
