-- The tables that hold a load until it is published. They have the columns of their namesakes in dwh and none
-- of their constraints: what a constraint would refuse, the audit is there to report. Each build empties and fills
-- its table in one transaction, so that whoever reads meanwhile sees the rows of before.
drop table if exists audit.dim_songs;

create table audit.dim_songs
distkey (artist_key)
sortkey (artist_key)
as
select dim_songs.* -- noqa: AM04
from dwh.dim_songs
where 1 = 0;

drop table if exists audit.dim_concerts;

create table audit.dim_concerts
distkey (concert_id)
sortkey (concert_id)
as
select dim_concerts.* -- noqa: AM04
from dwh.dim_concerts
where 1 = 0;

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
    share_of_lastfm_artists_touring double precision,
    events_age_hours bigint,
    songs_age_hours bigint
)
diststyle all;
