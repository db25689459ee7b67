-- Replaces the rows of the load's artists on the date of its songs run. An addition only adds those of artists who have
-- none on that date.
drop table if exists audit.fresh_song_facts, audit.known_song_facts;

create table audit.fresh_song_facts
distkey (artist_key)
sortkey (artist_key)
as
with settled_artists as (
    select distinct known.artist_key
    from dwh.fact_songs as known
    cross join audit.current_load
    inner join audit.current_runs as runs on current_load.songs_run = runs.run
    where
        runs.dataset = 'songs'
        and runs.is_addition is true
        and known.snapshot_date = cast(current_load.songs_at as date)
)

select
    fresh.song_key,
    fresh.artist_key,
    fresh.snapshot_date,
    fresh.song_rank,
    fresh.play_count,
    fresh.listeners
from audit.fact_songs as fresh
left join settled_artists as settled on fresh.artist_key = settled.artist_key
where settled.artist_key is null;

create table audit.known_song_facts
distkey (artist_key)
sortkey (artist_key)
as
with fresh_artists as (
    select distinct fresh.artist_key
    from audit.fresh_song_facts as fresh
)

select
    known.song_key,
    known.artist_key,
    known.snapshot_date,
    known.song_rank,
    known.play_count,
    known.listeners
from dwh.fact_songs as known
inner join fresh_artists as fresh on known.artist_key = fresh.artist_key
-- A single value, so that the scan of all dates only has to compare it.
where known.snapshot_date = (select cast(current_load.songs_at as date) from audit.current_load);

insert into audit.changes (star_table, added, changed, removed, unchanged)
select
    'fact_songs' as star_table,
    count(case when known.song_key is null then 1 end) as added,
    count(
        case
            when
                known.song_key = fresh.song_key
                and (
                    known.song_rank <> fresh.song_rank
                    or coalesce(known.play_count, -1) <> coalesce(fresh.play_count, -1)
                    or coalesce(known.listeners, -1) <> coalesce(fresh.listeners, -1)
                )
                then 1
        end
    ) as changed,
    count(case when fresh.song_key is null then 1 end) as removed,
    count(
        case
            when
                known.song_rank = fresh.song_rank
                and coalesce(known.play_count, -1) = coalesce(fresh.play_count, -1)
                and coalesce(known.listeners, -1) = coalesce(fresh.listeners, -1)
                then 1
        end
    ) as unchanged
from audit.fresh_song_facts as fresh
full outer join audit.known_song_facts as known
    on fresh.song_key = known.song_key and fresh.artist_key = known.artist_key;

delete from dwh.fact_songs
using audit.known_song_facts as known
where fact_songs.song_key = known.song_key and fact_songs.snapshot_date = known.snapshot_date;

insert into dwh.fact_songs (song_key, artist_key, snapshot_date, song_rank, play_count, listeners, songs_run)
select
    fresh.song_key,
    fresh.artist_key,
    fresh.snapshot_date,
    fresh.song_rank,
    fresh.play_count,
    fresh.listeners,
    current_load.songs_run
from audit.fresh_song_facts as fresh
cross join audit.current_load;
