-- Grain      one row per song of an artist (song_key).
-- Load rule  include/sql/publish/dim_songs.sql: newest play count, listeners and rank; first and last seen.
-- Joins      fact_artists by artist_key (at one snapshot_date)
-- Keys       distributed by artist, so that songs meet fact_artists on one node; sorted by artist, which
--            suits queries for one artist; a merge by key reads the whole key columns.
create table if not exists dwh.dim_songs (
    song_key varchar(32) not null,
    artist_key varchar(32) not null,
    song_name varchar(1020) not null,
    song_mbid varchar(36),
    song_url varchar(2048),
    artist_name varchar(1020) not null,
    artist_mbid varchar(36),
    song_rank bigint not null,
    play_count bigint,
    listeners bigint,
    first_seen_date date not null,
    last_seen_date date not null,
    songs_run varchar(32) not null,
    primary key (song_key)
)
distkey (artist_key)
sortkey (artist_key, song_key);

comment on table dwh.dim_songs is
'Songs of charting and touring artists: one row per song, with its latest figures.';
comment on column dwh.dim_songs.song_key is
'Identifies the song: a hash of artist_key and title; titles that differ only in case are one song.';
comment on column dwh.dim_songs.artist_key is
'The artist, as in fact_artists.';
comment on column dwh.dim_songs.song_name is
'Title as Last.fm has it.';
comment on column dwh.dim_songs.song_mbid is
'MusicBrainz id of the recording, a lower-case UUID; null when Last.fm never gave one.';
comment on column dwh.dim_songs.song_url is
'The song''s page on Last.fm; null when not given.';
comment on column dwh.dim_songs.artist_name is
'The artist as Last.fm spells it.';
comment on column dwh.dim_songs.artist_mbid is
'MusicBrainz id of the artist, a lower-case UUID; null when Last.fm never gave one.';
comment on column dwh.dim_songs.song_rank is
'Place among the artist''s top tracks on last_seen_date, 1 is the most played.';
comment on column dwh.dim_songs.play_count is
'Plays since Last.fm began counting, as of last_seen_date; null when Last.fm did not say.';
comment on column dwh.dim_songs.listeners is
'Listeners since Last.fm began counting, as of last_seen_date; null when Last.fm did not say.';
comment on column dwh.dim_songs.first_seen_date is
'UTC date of the first songs run that had the song.';
comment on column dwh.dim_songs.last_seen_date is
'UTC date of the newest songs run that had it; if older than others, no longer a top track.';
comment on column dwh.dim_songs.songs_run is
'The newest songs run that had the song, as in load_ledger; its figures are from there.';
