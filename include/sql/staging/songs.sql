-- Grain      one row per artist and track; an artist without tracks has one row without a song.
-- Load rule  emptied, then COPY of the objects of exactly one manifest, which names its columns:
--            those of include.sources.lastfm.rows.SongRow, in that order; an older release's may be fewer.
-- Keys       distributed by artist, the key that joins songs and concerts; not sorted, because every query reads the
--            whole table: sorting in COPY would be wasted.
drop table if exists staging.songs;

create table staging.songs (
    snapshot_at timestamp,
    asked_name varchar(1020),
    asked_key varchar(32),
    artist_name varchar(1020),
    artist_mbid varchar(36),
    artist_key varchar(32),
    name_key varchar(32),
    chart_countries varchar(1020),
    chart_rank bigint,
    chart_listeners bigint,
    song_name varchar(1020),
    song_mbid varchar(36),
    song_key varchar(32),
    song_url varchar(2048),
    song_rank bigint,
    play_count bigint,
    listeners bigint
)
distkey (artist_key);
