-- Merges audit.dim_songs into dwh.dim_songs: newer figures replace older ones, never the other way round.
--
-- The known songs of the load's artists are taken out of dwh.dim_songs; the fresh ones are put in, and back in
-- those that stay. So dwh.dim_songs is asked for the load's artists only, which its sort key finds. Per song,
-- `change` is
--   added       it is new
--   changed     its figures or name differ from the known ones, which are not newer
--   unchanged   they do not
--   outdated    what is known was seen later, maybe by a later run of the same date: it stays
--   unlisted    the load does not bring it: what is known stays
drop table if exists audit.known_songs;

create table audit.known_songs
distkey (artist_key)
sortkey (artist_key)
as
select
    known.song_key,
    known.artist_key,
    known.song_name,
    known.song_mbid,
    known.artist_mbid,
    known.song_rank,
    known.play_count,
    known.listeners,
    known.first_seen_date,
    known.last_seen_date
from dwh.dim_songs as known
where known.artist_key in (select fresh.artist_key from audit.dim_songs as fresh);

drop table if exists audit.song_changes;

create table audit.song_changes
distkey (artist_key)
sortkey (artist_key)
as
select
    coalesce(fresh.artist_key, known.artist_key) as artist_key,
    coalesce(fresh.song_key, known.song_key) as song_key,
    case
        when known.song_key is null then 'added'
        when fresh.song_key is null then 'unlisted'
        when known.last_seen_date > fresh.last_seen_date then 'outdated'
        when
            known.last_seen_date = fresh.last_seen_date
            and known.last_seen_date = cast(current_load.next_songs_at as date)
            then 'outdated'
        when
            known.song_rank = fresh.song_rank
            and coalesce(known.play_count, -1) = coalesce(fresh.play_count, -1)
            and coalesce(known.listeners, -1) = coalesce(fresh.listeners, -1)
            and known.song_name = fresh.song_name
            then 'unchanged'
        else 'changed'
    end as change,
    known.song_mbid as known_song_mbid,
    known.artist_mbid as known_artist_mbid,
    least(fresh.first_seen_date, known.first_seen_date) as first_seen_date
from audit.dim_songs as fresh
full outer join audit.known_songs as known on fresh.artist_key = known.artist_key and fresh.song_key = known.song_key
cross join audit.current_load;

insert into audit.changes (star_table, added, changed, closed, unchanged)
select
    'dim_songs' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.change = 'changed' then 1 end) as changed,
    0 as closed,
    count(case when changes.change in ('unchanged', 'outdated') then 1 end) as unchanged
from audit.song_changes as changes;

drop table if exists audit.kept_songs;

create table audit.kept_songs
distkey (artist_key)
sortkey (artist_key)
as
select
    known.song_key,
    known.artist_key,
    known.song_name,
    known.song_mbid,
    known.song_url,
    known.artist_name,
    known.artist_mbid,
    known.song_rank,
    known.play_count,
    known.listeners,
    changes.first_seen_date,
    known.last_seen_date
from audit.song_changes as changes
inner join dwh.dim_songs as known on changes.artist_key = known.artist_key and changes.song_key = known.song_key
where changes.change in ('outdated', 'unlisted');

delete from dwh.dim_songs
where artist_key in (select known.artist_key from audit.known_songs as known);

insert into dwh.dim_songs (
    song_key, artist_key, song_name, song_mbid, song_url, artist_name, artist_mbid,
    song_rank, play_count, listeners, first_seen_date, last_seen_date
)
select
    fresh.song_key,
    fresh.artist_key,
    fresh.song_name,
    coalesce(fresh.song_mbid, changes.known_song_mbid) as song_mbid,
    fresh.song_url,
    fresh.artist_name,
    coalesce(fresh.artist_mbid, changes.known_artist_mbid) as artist_mbid,
    fresh.song_rank,
    fresh.play_count,
    fresh.listeners,
    changes.first_seen_date,
    fresh.last_seen_date
from audit.dim_songs as fresh
inner join audit.song_changes as changes on fresh.artist_key = changes.artist_key and fresh.song_key = changes.song_key
where changes.change in ('added', 'changed', 'unchanged');

insert into dwh.dim_songs (
    song_key, artist_key, song_name, song_mbid, song_url, artist_name, artist_mbid,
    song_rank, play_count, listeners, first_seen_date, last_seen_date
)
select
    kept.song_key,
    kept.artist_key,
    kept.song_name,
    kept.song_mbid,
    kept.song_url,
    kept.artist_name,
    kept.artist_mbid,
    kept.song_rank,
    kept.play_count,
    kept.listeners,
    kept.first_seen_date,
    kept.last_seen_date
from audit.kept_songs as kept;
