-- Merges audit.dim_songs into dwh.dim_songs: newer figures replace older ones, never the other way round.
--
-- Per song of the load, `change` is
--   added       the song is new
--   changed     its figures or name differ from the known ones, which are not newer
--   unchanged   they do not
--   outdated    what is known was seen later
--
-- dwh.dim_songs is compared once, on both columns of its sort key (a song's key is made with its artist's); all
-- that follows is as large as the load, or as what changed.
drop table if exists audit.song_changes;

create table audit.song_changes
distkey (artist_key)
sortkey (artist_key, song_key)
as
select
    fresh.artist_key,
    fresh.song_key,
    case
        when known.song_key is null then 'added'
        when known.last_seen_date > fresh.last_seen_date then 'outdated'
        when
            known.song_rank = fresh.song_rank
            and coalesce(known.play_count, -1) = coalesce(fresh.play_count, -1)
            and coalesce(known.listeners, -1) = coalesce(fresh.listeners, -1)
            and known.song_name = fresh.song_name
            then 'unchanged'
        else 'changed'
    end as change,
    coalesce(known.first_seen_date > fresh.first_seen_date, false) as is_seen_earlier
from audit.dim_songs as fresh
left join dwh.dim_songs as known on fresh.artist_key = known.artist_key and fresh.song_key = known.song_key;

insert into audit.changes (star_table, added, changed, closed, unchanged)
select
    'dim_songs' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.change = 'changed' then 1 end) as changed,
    0 as closed,
    count(case when changes.change in ('unchanged', 'outdated') then 1 end) as unchanged
from audit.song_changes as changes;

update dwh.dim_songs
set
    song_name = fresh.song_name,
    song_mbid = coalesce(fresh.song_mbid, dim_songs.song_mbid),
    song_url = fresh.song_url,
    artist_name = fresh.artist_name,
    artist_mbid = coalesce(fresh.artist_mbid, dim_songs.artist_mbid),
    song_rank = fresh.song_rank,
    play_count = fresh.play_count,
    listeners = fresh.listeners,
    last_seen_date = fresh.last_seen_date
from audit.song_changes as changes
inner join audit.dim_songs as fresh on changes.artist_key = fresh.artist_key and changes.song_key = fresh.song_key
where
    dim_songs.artist_key = changes.artist_key
    and dim_songs.song_key = changes.song_key
    and changes.change in ('changed', 'unchanged');

update dwh.dim_songs
set first_seen_date = fresh.first_seen_date
from audit.song_changes as changes
inner join audit.dim_songs as fresh on changes.artist_key = fresh.artist_key and changes.song_key = fresh.song_key
where
    dim_songs.artist_key = changes.artist_key
    and dim_songs.song_key = changes.song_key
    and changes.is_seen_earlier;

insert into dwh.dim_songs (
    song_key, artist_key, song_name, song_mbid, song_url, artist_name, artist_mbid,
    song_rank, play_count, listeners, first_seen_date, last_seen_date
)
select
    fresh.song_key,
    fresh.artist_key,
    fresh.song_name,
    fresh.song_mbid,
    fresh.song_url,
    fresh.artist_name,
    fresh.artist_mbid,
    fresh.song_rank,
    fresh.play_count,
    fresh.listeners,
    fresh.first_seen_date,
    fresh.last_seen_date
from audit.dim_songs as fresh
inner join audit.song_changes as changes on fresh.artist_key = changes.artist_key and fresh.song_key = changes.song_key
where changes.change = 'added';
