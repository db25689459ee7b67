-- Grain      one row per concert and billed artist, as the newest load that saw the concert has them.
-- Load rule  include/sql/publish/bridge_concert_artists.sql: the load's concerts are replaced.
-- Keys       distributed and sorted by concert, like dim_concerts.
create table if not exists dwh.bridge_concert_artists (
    concert_id varchar(64) not null,
    artist_key varchar(32) not null,
    artist_position bigint not null, -- 1 is billed first
    attraction_id varchar(64),
    artist_name varchar(1020) not null, -- as billed
    artist_mbid varchar(36),
    matched_by varchar(16) not null, -- mbid, name, namesake or unmatched
    primary key (concert_id, artist_key)
)
distkey (concert_id)
sortkey (concert_id);
