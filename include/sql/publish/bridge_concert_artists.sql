-- Replaces the billings of those of the load's concerts of which no later published run tells more than that they
-- are no longer listed. A load that brings only songs, and older ones than were published, has nothing better to match
-- artists with. A billing that is as it was stays where it is.
drop table if exists audit.known_billings;

create table audit.known_billings
distkey (concert_id)
sortkey (concert_id)
as
select
    known.concert_id,
    known.artist_key,
    known.artist_position,
    known.attraction_id,
    known.artist_name,
    known.artist_mbid,
    known.matched_by
from audit.dim_concerts as fresh
inner join dwh.bridge_concert_artists as known on fresh.concert_id = known.concert_id;

drop table if exists audit.billing_changes;

create table audit.billing_changes
distkey (concert_id)
sortkey (concert_id)
as
with replaced_concerts as (
    select seen.concert_id
    from audit.concert_changes as seen
    cross join audit.current_load
    where
        (seen.until_at is null and (current_load.is_events_new or current_load.next_songs_at is null))
        or (seen.is_delisted_after and seen.delisted_until is null)
),

fresh_billings as (
    select fresh.*
    from audit.bridge_concert_artists as fresh
    inner join replaced_concerts as replaced on fresh.concert_id = replaced.concert_id
),

replaced_billings as (
    select known.*
    from audit.known_billings as known
    inner join replaced_concerts as replaced on known.concert_id = replaced.concert_id
)

select
    coalesce(fresh.concert_id, known.concert_id) as concert_id,
    coalesce(fresh.artist_key, known.artist_key) as artist_key,
    case
        when known.concert_id is null then 'added'
        when fresh.concert_id is null then 'closed'
        when
            fresh.artist_position = known.artist_position
            and coalesce(fresh.attraction_id, '') = coalesce(known.attraction_id, '')
            and fresh.artist_name = known.artist_name
            and coalesce(fresh.artist_mbid, '') = coalesce(known.artist_mbid, '')
            and fresh.matched_by = known.matched_by
            then 'unchanged'
        else 'changed'
    end as change
from fresh_billings as fresh
full outer join replaced_billings as known
    on fresh.concert_id = known.concert_id and fresh.artist_key = known.artist_key;

insert into audit.changes (star_table, added, changed, closed, unchanged)
select
    'bridge_concert_artists' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.change = 'changed' then 1 end) as changed,
    count(case when changes.change = 'closed' then 1 end) as closed,
    count(case when changes.change = 'unchanged' then 1 end) as unchanged
from audit.billing_changes as changes;

delete from dwh.bridge_concert_artists
using audit.billing_changes
where
    bridge_concert_artists.concert_id = billing_changes.concert_id
    and bridge_concert_artists.artist_key = billing_changes.artist_key
    and billing_changes.change in ('changed', 'closed');

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
inner join audit.billing_changes as changes
    on fresh.concert_id = changes.concert_id and fresh.artist_key = changes.artist_key
where changes.change in ('added', 'changed');
