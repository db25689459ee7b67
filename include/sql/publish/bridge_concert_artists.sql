-- Replaces the billings of the load's concerts. A late load, older than a published one, changes none.
delete from dwh.bridge_concert_artists
using audit.dim_concerts, audit.current_load
where bridge_concert_artists.concert_id = dim_concerts.concert_id and current_load.is_newest;

insert into dwh.bridge_concert_artists (
    concert_id, artist_key, artist_position, attraction_id, artist_name, artist_mbid, matched_by
)
select
    fresh.concert_id,
    fresh.artist_key,
    fresh.artist_position,
    fresh.attraction_id,
    fresh.artist_name,
    fresh.artist_mbid,
    fresh.matched_by
from audit.bridge_concert_artists as fresh
cross join audit.current_load
where current_load.is_newest;
