-- Merges audit.dim_songs into dwh.dim_songs: new figures replace older ones; first_seen_date is kept, and so is an id
-- that the run does not have. Joins only those rows of dwh.dim_songs that belong to the load's artists; those that the
-- run does not list are kept.
drop table if exists audit.song_artists, audit.song_changes;

create table audit.song_artists
distkey (artist_key)
sortkey (artist_key)
as
select distinct fresh.artist_key
from audit.dim_songs as fresh;

create table audit.song_changes
distkey (artist_key)
sortkey (artist_key)
as
with known_songs as (
    select songs.* -- noqa: AM04
    from dwh.dim_songs as songs
    inner join audit.song_artists as artists on songs.artist_key = artists.artist_key
)

select
    coalesce(fresh.artist_key, known.artist_key) as artist_key,
    coalesce(fresh.song_key, known.song_key) as song_key,
    case
        when known.song_key is null then 'added'
        when fresh.song_key is null then 'kept'
        when
            known.song_rank = fresh.song_rank
            and coalesce(known.play_count, -1) = coalesce(fresh.play_count, -1)
            and coalesce(known.listeners, -1) = coalesce(fresh.listeners, -1)
            and known.song_name = fresh.song_name
            then 'unchanged'
        else 'changed'
    end as change,
    coalesce(fresh.song_mbid, known.song_mbid) as song_mbid,
    coalesce(fresh.artist_mbid, known.artist_mbid) as artist_mbid,
    coalesce(known.first_seen_date, fresh.first_seen_date) as first_seen_date
from audit.dim_songs as fresh
full outer join known_songs as known on fresh.artist_key = known.artist_key and fresh.song_key = known.song_key;

insert into audit.changes (star_table, added, changed, removed, unchanged)
select
    'dim_songs' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.change = 'changed' then 1 end) as changed,
    0 as removed,
    count(case when changes.change = 'unchanged' then 1 end) as unchanged
from audit.song_changes as changes;

-- By artist, because a load has far fewer artists than songs; with NOT IN, PostgreSQL would scan all songs of the star.
delete from dwh.dim_songs
using audit.song_artists as artists
where
    dim_songs.artist_key = artists.artist_key
    and not exists (
        select changes.song_key
        from audit.song_changes as changes
        where changes.change = 'kept' and changes.song_key = dim_songs.song_key
    );

insert into dwh.dim_songs (
    song_key, artist_key, song_name, song_mbid, song_url, artist_name, artist_mbid,
    song_rank, play_count, listeners, first_seen_date, last_seen_date, songs_run
)
select
    fresh.song_key,
    fresh.artist_key,
    fresh.song_name,
    changes.song_mbid,
    fresh.song_url,
    fresh.artist_name,
    changes.artist_mbid,
    fresh.song_rank,
    fresh.play_count,
    fresh.listeners,
    changes.first_seen_date,
    fresh.last_seen_date,
    current_load.songs_run
from audit.dim_songs as fresh
inner join audit.song_changes as changes on fresh.artist_key = changes.artist_key and fresh.song_key = changes.song_key
cross join audit.current_load;
