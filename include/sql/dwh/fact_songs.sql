-- Grain      one row per song and snapshot date.
-- Load rule  include/sql/publish/fact_songs.sql: the songs of each artist are replaced on the date of the run; an
--            addition only adds those of artists who have none.
-- Joins      dim_songs by song_key; fact_artists by artist_key and snapshot_date
-- Keys       distributed by artist, like dim_songs; sorted by date, by which readers filter.
create table if not exists dwh.fact_songs (
    song_key varchar(32) not null,
    artist_key varchar(32) not null,
    snapshot_date date not null,
    song_rank bigint not null,
    play_count bigint,
    listeners bigint,
    songs_run varchar(32) not null,
    primary key (song_key, snapshot_date)
)
distkey (artist_key)
sortkey (snapshot_date, artist_key);

comment on table dwh.fact_songs is
'How often each song had been played by a date: one row per song and snapshot date.';
comment on column dwh.fact_songs.song_key is
'The song, as in dim_songs.';
comment on column dwh.fact_songs.artist_key is
'The artist, as in fact_artists.';
comment on column dwh.fact_songs.snapshot_date is
'UTC date of the songs run.';
comment on column dwh.fact_songs.song_rank is
'Place among the artist''s top tracks, 1 is the most played.';
comment on column dwh.fact_songs.play_count is
'Plays since Last.fm began counting; null when Last.fm did not say.';
comment on column dwh.fact_songs.listeners is
'Listeners since Last.fm began counting; null when Last.fm did not say.';
comment on column dwh.fact_songs.songs_run is
'The songs run that the row is from, as in load_ledger.';
