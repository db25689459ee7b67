-- Replaces the billings of the load's concerts. A billing that does not differ is kept. So are those of a concert that
-- changed after the load's events run: then that run is context, and a later one has been added.
drop table if exists audit.known_billings, audit.billing_changes;

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

create table audit.billing_changes
distkey (concert_id)
sortkey (concert_id)
as
select
    coalesce(fresh.concert_id, known.concert_id) as concert_id,
    coalesce(fresh.artist_key, known.artist_key) as artist_key,
    case
        when known.concert_id is null then 'added'
        when fresh.concert_id is null then 'removed'
        when
            fresh.artist_position = known.artist_position
            and coalesce(fresh.attraction_id, '') = coalesce(known.attraction_id, '')
            and fresh.artist_name = known.artist_name
            and coalesce(fresh.artist_mbid, '') = coalesce(known.artist_mbid, '')
            and fresh.matched_by = known.matched_by
            then 'unchanged'
        else 'changed'
    end as change
from audit.bridge_concert_artists as fresh
full outer join audit.known_billings as known
    on fresh.concert_id = known.concert_id and fresh.artist_key = known.artist_key
where
    coalesce(fresh.concert_id, known.concert_id) not in (
        select dim.concert_id
        from dwh.dim_concerts as dim
        cross join audit.current_load
        where
            dim.is_current is true
            and dim.valid_from > current_load.events_at
            and exists (
                select runs.run
                from audit.current_runs as runs
                where runs.dataset = 'events' and runs.is_pending is false
            )
    );

insert into audit.changes (star_table, added, changed, removed, unchanged)
select
    'bridge_concert_artists' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.change = 'changed' then 1 end) as changed,
    count(case when changes.change = 'removed' then 1 end) as removed,
    count(case when changes.change = 'unchanged' then 1 end) as unchanged
from audit.billing_changes as changes;

delete from dwh.bridge_concert_artists
using audit.billing_changes
where
    bridge_concert_artists.concert_id = billing_changes.concert_id
    and bridge_concert_artists.artist_key = billing_changes.artist_key
    and billing_changes.change in ('changed', 'removed');

insert into dwh.bridge_concert_artists (
    concert_id, artist_key, artist_position, attraction_id, artist_name, artist_mbid, matched_by, events_run, songs_run
)
select
    fresh.concert_id,
    fresh.artist_key,
    fresh.artist_position,
    fresh.attraction_id,
    fresh.artist_name,
    fresh.artist_mbid,
    fresh.matched_by,
    current_load.events_run,
    current_load.songs_run
from audit.bridge_concert_artists as fresh
inner join audit.billing_changes as changes
    on fresh.concert_id = changes.concert_id and fresh.artist_key = changes.artist_key
cross join audit.current_load
where changes.change in ('added', 'changed');
