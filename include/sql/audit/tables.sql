-- The tables that contain a load until it is published. They have the columns of their namesakes in dwh but not
-- their constraints, because the audit must report what a constraint would reject. Each build empties and refills
-- its table in one transaction, so that other readers see the previous rows until then.
drop view if exists audit.fact_songs;

drop table if exists audit.dim_songs;

create table audit.dim_songs
distkey (artist_key)
sortkey (artist_key)
as
select dim_songs.* -- noqa: AM04
from dwh.dim_songs
where 1 = 0;

-- All songs of a load have the same date, so their rows in dim_songs are also their rows in fact_songs.
create view audit.fact_songs as
select
    songs.song_key,
    songs.artist_key,
    songs.last_seen_date as snapshot_date,
    songs.song_rank,
    songs.play_count,
    songs.listeners
from audit.dim_songs as songs;

drop table if exists audit.dim_concerts;

create table audit.dim_concerts
distkey (concert_id)
sortkey (concert_id)
as
select dim_concerts.* -- noqa: AM04
from dwh.dim_concerts
where 1 = 0;

-- One row per concert that the run covers but does not list; is_delisted if that is the second time in a row.
drop table if exists audit.missing_concerts;

create table audit.missing_concerts (
    concert_id varchar(64) not null,
    is_delisted boolean not null
)
distkey (concert_id)
sortkey (concert_id);

drop table if exists audit.bridge_concert_artists;

create table audit.bridge_concert_artists
distkey (concert_id)
sortkey (concert_id)
as
select bridge_concert_artists.* -- noqa: AM04
from dwh.bridge_concert_artists
where 1 = 0;

drop table if exists audit.fact_artists;

create table audit.fact_artists
distkey (artist_key)
sortkey (snapshot_date, artist_key)
as
select fact_artists.* -- noqa: AM04
from dwh.fact_artists
where 1 = 0;

drop table if exists audit.load_summary;

create table audit.load_summary (
    snapshot_date date,
    events_rows bigint,
    previous_events_rows bigint,
    events_rows_ratio double precision,
    songs_rows bigint,
    previous_songs_rows bigint,
    songs_rows_ratio double precision,
    concerts bigint,
    share_of_concerts_without_artist double precision,
    touring_artists bigint,
    matched_artists bigint,
    artists_matched_by_mbid bigint,
    artists_matched_by_correction bigint,
    artists_matched_by_spelling bigint,
    ambiguous_artists bigint,
    namesake_artists bigint,
    share_of_lastfm_artists_touring double precision,
    listed_concerts bigint,
    missing_concerts bigint,
    delisted_concerts bigint,
    share_delisted double precision,
    events_age_hours bigint,
    songs_age_hours bigint
)
diststyle all;
