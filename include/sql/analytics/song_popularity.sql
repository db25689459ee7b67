-- Question   How often is a song played, and is that gaining pace?
-- Grain      one row per song and snapshot date.
-- Inputs     dwh.fact_songs, dwh.dim_songs
create view analytics.song_popularity as
with compared_songs as (
    select
        songs.song_key,
        songs.artist_key,
        songs.snapshot_date,
        songs.song_rank,
        songs.play_count,
        songs.listeners,
        lag(songs.snapshot_date) over (
            partition by songs.song_key order by songs.snapshot_date
        ) as previous_snapshot_date,
        lag(songs.song_rank) over (partition by songs.song_key order by songs.snapshot_date) as previous_song_rank,
        lag(songs.play_count) over (partition by songs.song_key order by songs.snapshot_date) as previous_play_count
    from dwh.fact_songs as songs
)

select
    ---------- keys
    songs.song_key,
    songs.artist_key,
    songs.snapshot_date,

    ---------- what
    dim_songs.song_name,
    dim_songs.artist_name,

    ---------- listening
    songs.song_rank,
    songs.play_count,
    songs.listeners,

    ---------- since the previous snapshot
    songs.previous_snapshot_date,
    cast(
        cast(songs.play_count - songs.previous_play_count as double precision)
        / nullif(datediff(day, songs.previous_snapshot_date, songs.snapshot_date), 0) as double precision
    ) as plays_gained_per_day,
    songs.play_count - songs.previous_play_count as plays_gained,
    songs.previous_song_rank - songs.song_rank as ranks_gained
from compared_songs as songs
inner join dwh.dim_songs as dim_songs
    on songs.artist_key = dim_songs.artist_key and songs.song_key = dim_songs.song_key;

comment on view analytics.song_popularity is
'How often songs are played, over time: one row per song and snapshot date.';
comment on column analytics.song_popularity.song_key is
'Identifies the song, as in dim_songs.';
comment on column analytics.song_popularity.artist_key is
'Identifies the artist, as in fact_artists.';
comment on column analytics.song_popularity.snapshot_date is
'UTC date of the songs run.';
comment on column analytics.song_popularity.song_name is
'Title as Last.fm has it now.';
comment on column analytics.song_popularity.artist_name is
'The artist as Last.fm spells it now.';
comment on column analytics.song_popularity.song_rank is
'Place among the artist''s top tracks, 1 is the most played.';
comment on column analytics.song_popularity.play_count is
'Plays since Last.fm began counting; null when Last.fm did not say.';
comment on column analytics.song_popularity.listeners is
'Listeners since Last.fm began counting; null when Last.fm did not say.';
comment on column analytics.song_popularity.previous_snapshot_date is
'UTC date of the previous snapshot with the song; null in the first.';
comment on column analytics.song_popularity.plays_gained is
'Plays since then; null in the first.';
comment on column analytics.song_popularity.plays_gained_per_day is
'Plays gained per day since the previous snapshot; null in the first.';
comment on column analytics.song_popularity.ranks_gained is
'Ranks climbed since then, negative when fallen; null in the first.';
