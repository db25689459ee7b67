-- Grain      one row per song of an artist in the load (song_key).
-- Inputs     staging.songs, in which each song of an artist occurs once
-- Load rule  rebuilt for every load; published by include/sql/publish/dim_songs.sql.
delete from audit.dim_songs;

insert into audit.dim_songs (
    song_key, artist_key, song_name, song_mbid, song_url, artist_name, artist_mbid, song_rank, play_count,
    listeners, first_seen_date, last_seen_date
)
select
    ---------- keys
    songs.song_key,
    songs.artist_key,

    ---------- names
    songs.song_name,
    songs.song_mbid,
    songs.song_url,
    songs.artist_name,
    songs.artist_mbid,

    ---------- numbers
    songs.song_rank,
    songs.play_count,
    songs.listeners,

    ---------- dates
    cast(songs.snapshot_at as date) as first_seen_date,
    cast(songs.snapshot_at as date) as last_seen_date
from staging.songs as songs
where songs.song_key is not null;
