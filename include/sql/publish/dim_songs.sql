-- Merges audit.dim_songs into dwh.dim_songs: newer figures replace older ones, never the other way round.
insert into audit.changes (star_table, added, changed, closed, unchanged)
select
    'dim_songs' as star_table,
    count(case when known.song_key is null then 1 end) as added,
    count(
        case
            when known.last_seen_date <= fresh.last_seen_date and (
                known.song_rank <> fresh.song_rank
                or coalesce(known.play_count, -1) <> coalesce(fresh.play_count, -1)
                or coalesce(known.listeners, -1) <> coalesce(fresh.listeners, -1)
                or known.song_name <> fresh.song_name
            ) then 1
        end
    ) as changed,
    0 as closed,
    count(
        case
            when known.last_seen_date > fresh.last_seen_date then 1
            when
                known.song_rank = fresh.song_rank
                and coalesce(known.play_count, -1) = coalesce(fresh.play_count, -1)
                and coalesce(known.listeners, -1) = coalesce(fresh.listeners, -1)
                and known.song_name = fresh.song_name
                then 1
        end
    ) as unchanged
from audit.dim_songs as fresh
left join dwh.dim_songs as known on fresh.song_key = known.song_key;

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
from audit.dim_songs as fresh
where dim_songs.song_key = fresh.song_key and dim_songs.last_seen_date <= fresh.last_seen_date;

update dwh.dim_songs
set first_seen_date = fresh.first_seen_date
from audit.dim_songs as fresh
where dim_songs.song_key = fresh.song_key and dim_songs.first_seen_date > fresh.first_seen_date;

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
left join dwh.dim_songs as known on fresh.song_key = known.song_key
where known.song_key is null;
