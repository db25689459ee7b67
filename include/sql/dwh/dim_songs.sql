-- Grain      one row per song of an artist (song_key).
-- Load rule  include/sql/publish/dim_songs.sql: newest play count, listeners and rank; first and last seen.
-- Keys       distributed by artist, so that songs meet fact_artists on one node; sorted by artist, because
--            questions start from an artist.
create table if not exists dwh.dim_songs (
    song_key varchar(32) not null,
    artist_key varchar(32) not null,
    song_name varchar(1020) not null,
    song_mbid varchar(36),
    song_url varchar(2048),
    artist_name varchar(1020) not null,
    artist_mbid varchar(36),
    song_rank bigint not null, -- among its artist's top tracks, 1 first
    play_count bigint,
    listeners bigint,
    first_seen_date date not null,
    last_seen_date date not null,
    primary key (song_key)
)
distkey (artist_key)
sortkey (artist_key, song_key);
