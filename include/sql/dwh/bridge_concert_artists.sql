-- Grain      one row per concert and billed artist, as the newest load that saw the concert has them.
-- Load rule  include/sql/publish/bridge_concert_artists.sql: the load's concerts are replaced.
-- Joins      dim_concerts by concert_id (where is_current); fact_artists by artist_key (at one snapshot_date)
-- Keys       distributed by concert, so that billings meet their concerts on one node; sorted by concert,
--            like dim_concerts.
create table if not exists dwh.bridge_concert_artists (
    concert_id varchar(64) not null,
    artist_key varchar(32) not null,
    artist_position bigint not null,
    attraction_id varchar(64),
    artist_name varchar(1020) not null,
    artist_mbid varchar(36),
    matched_by varchar(16) not null,
    events_run varchar(32) not null,
    songs_run varchar(32) not null,
    primary key (concert_id, artist_key)
)
distkey (concert_id)
sortkey (concert_id);

comment on table dwh.bridge_concert_artists is
'Who plays where: one row per concert and billed artist.';
comment on column dwh.bridge_concert_artists.concert_id is
'The concert, as in dim_concerts.';
comment on column dwh.bridge_concert_artists.artist_key is
'The artist, as in fact_artists.';
comment on column dwh.bridge_concert_artists.artist_position is
'Place in the billing, 1 is first; where an artist is billed twice, the first place.';
comment on column dwh.bridge_concert_artists.attraction_id is
'Ticketmaster''s id of the artist; null when not given.';
comment on column dwh.bridge_concert_artists.artist_name is
'Name as billed.';
comment on column dwh.bridge_concert_artists.artist_mbid is
'MusicBrainz id that Ticketmaster gives, a lower-case UUID; null when it gives none.';
comment on column dwh.bridge_concert_artists.matched_by is
'How the artist page was found: mbid, name, corrected, spelling; or why not: ambiguous, namesake, unmatched.';
comment on column dwh.bridge_concert_artists.events_run is
'The events run from which the billing was last changed, as in load_ledger.';
comment on column dwh.bridge_concert_artists.songs_run is
'The songs run with whose artist pages it was matched then, as in load_ledger.';
