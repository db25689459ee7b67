-- Grain      one row per concert and billed artist in the load.
-- Inputs     staging.events, staging.songs
-- Load rule  rebuilt for every load; published by include/sql/publish/bridge_concert_artists.sql.
--
-- Decides who a billed artist is, by the first of these that holds (include/sources/identity.py makes the keys):
--   mbid       a Last.fm artist has the same MusicBrainz id, whatever the names     → that artist's key
--   name       one has the same normalised name, and the ids do not contradict      → that artist's key
--   namesake   one has the same normalised name but another id: refused             → a key of its own
--   unmatched  Last.fm's part of the load does not know the artist                  → the name's key
delete from audit.bridge_concert_artists;

insert into audit.bridge_concert_artists (
    concert_id, artist_key, artist_position, attraction_id, artist_name, artist_mbid, matched_by
)
with lastfm_artists as (
    select
        songs.artist_key,
        max(songs.artist_mbid) as artist_mbid,
        max(coalesce(songs.chart_listeners, 0)) as chart_listeners
    from staging.songs as songs
    group by songs.artist_key
),

lastfm_artists_by_mbid as (
    select
        artists.artist_mbid,
        artists.artist_key,
        row_number() over (
            partition by artists.artist_mbid order by artists.chart_listeners desc, artists.artist_key asc
        ) as occurrence
    from lastfm_artists as artists
    where artists.artist_mbid is not null
),

resolved_artists as (
    select
        events.event_id as concert_id,
        events.artist_position,
        events.attraction_id,
        events.artist_name,
        events.artist_mbid,
        case
            when namesakes.artist_mbid = events.artist_mbid then namesakes.artist_key
            when by_mbid.artist_key is not null then by_mbid.artist_key
            when namesakes.artist_mbid <> events.artist_mbid then events.namesake_key
            else events.artist_key
        end as artist_key,
        case
            when namesakes.artist_mbid = events.artist_mbid or by_mbid.artist_key is not null then 'mbid'
            when namesakes.artist_mbid <> events.artist_mbid then 'namesake'
            when namesakes.artist_key is not null then 'name'
            else 'unmatched'
        end as matched_by
    from staging.events as events
    left join lastfm_artists as namesakes on events.artist_key = namesakes.artist_key
    left join lastfm_artists_by_mbid as by_mbid
        on events.artist_mbid = by_mbid.artist_mbid and by_mbid.occurrence = 1
    where events.artist_key is not null
),

ranked_artists as (
    select
        artists.*,
        row_number() over (
            partition by artists.concert_id, artists.artist_key
            order by artists.artist_position, artists.attraction_id
        ) as occurrence
    from resolved_artists as artists
)

select
    artists.concert_id,
    artists.artist_key,
    artists.artist_position,
    artists.attraction_id,
    artists.artist_name,
    artists.artist_mbid,
    artists.matched_by
from ranked_artists as artists
where artists.occurrence = 1;
