-- Replaces the billings of those of the load's concerts that no later published run may have seen: of all of
-- them when the load is the newest, else only of those that have no billing yet.
drop table if exists audit.replaced_concerts;

create table audit.replaced_concerts
distkey (concert_id)
sortkey (concert_id)
as
with billed_concerts as (
    select distinct billed.concert_id
    from dwh.bridge_concert_artists as billed
)

select fresh.concert_id
from audit.dim_concerts as fresh
cross join audit.current_load
left join billed_concerts as known on fresh.concert_id = known.concert_id
where current_load.next_events_at is null or known.concert_id is null;

insert into audit.changes (star_table, added, changed, closed, unchanged)
with fresh_billings as (
    select billed.*
    from audit.bridge_concert_artists as billed
    inner join audit.replaced_concerts as replaced on billed.concert_id = replaced.concert_id
),

known_billings as (
    select billed.*
    from dwh.bridge_concert_artists as billed
    inner join audit.replaced_concerts as replaced on billed.concert_id = replaced.concert_id
),

identical_billings as (
    select * from fresh_billings
    intersect
    select * from known_billings
)

select
    'bridge_concert_artists' as star_table,
    count(case when known.concert_id is null then 1 end) as added,
    count(case when known.concert_id is not null and identical.concert_id is null then 1 end) as changed,
    (select count(*) from known_billings) - count(known.concert_id) as closed,
    count(identical.concert_id) as unchanged
from fresh_billings as fresh
left join known_billings as known
    on fresh.concert_id = known.concert_id and fresh.artist_key = known.artist_key
left join identical_billings as identical
    on fresh.concert_id = identical.concert_id and fresh.artist_key = identical.artist_key;

delete from dwh.bridge_concert_artists
using audit.replaced_concerts
where bridge_concert_artists.concert_id = replaced_concerts.concert_id;

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
inner join audit.replaced_concerts as replaced on fresh.concert_id = replaced.concert_id;
