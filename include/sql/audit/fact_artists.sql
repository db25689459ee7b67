-- Grain      one row per artist and snapshot date: every artist of the load, charting, touring or both.
-- Inputs     staging.songs, audit.dim_songs, audit.bridge_concert_artists, audit.dim_concerts, audit.current_load,
--            audit.current_runs, dwh.dim_concerts, dwh.bridge_concert_artists
-- Load rule  rebuilt for every load; published by include/sql/publish/fact_artists.sql.
delete from audit.fact_artists;

insert into audit.fact_artists (
    artist_key, snapshot_date, artist_name, artist_mbid, matched_by, chart_rank, chart_countries, listeners,
    songs_charted, play_count, upcoming_concerts, headlined_concerts, undated_concerts, cancelled_concerts,
    concert_countries, next_concert_date
)
with lastfm_artists as (
    select
        songs.artist_key,
        max(songs.artist_name) as artist_name,
        max(songs.artist_mbid) as artist_mbid,
        min(songs.chart_rank) as chart_rank,
        max(songs.chart_countries) as chart_countries,
        max(songs.chart_listeners) as listeners
    from staging.songs as songs
    group by songs.artist_key
),

played_artists as (
    select
        songs.artist_key,
        count(*) as songs_charted,
        cast(sum(songs.play_count) as bigint) as play_count
    from audit.dim_songs as songs
    group by songs.artist_key
),

-- A crawl lists what starts after its instant; what had begun by then, and is not over, is known from earlier runs.
concerts_under_way as (
    select
        dim.concert_id,
        dim.local_date,
        dim.local_end_date,
        dim.status,
        dim.country_code
    from dwh.dim_concerts as dim
    cross join audit.current_load
    inner join audit.current_runs as runs on current_load.events_run = runs.run
    left join audit.dim_concerts as fresh on dim.concert_id = fresh.concert_id
    where
        runs.dataset = 'events'
        and dim.is_current is true
        and dim.is_listed is true
        and dim.missing_since is null
        and dim.local_date <= cast(current_load.events_at as date)
        and (dim.starts_at is null or dim.starts_at <= current_load.events_at)
        and coalesce(dim.local_end_date, dim.local_date) >= current_load.snapshot_date
        and position(',' || dim.country_code || ',' in runs.countries) > 0
        and fresh.concert_id is null
),

counted_concerts as (
    select
        concerts.concert_id,
        concerts.local_date,
        concerts.local_end_date,
        concerts.status,
        concerts.country_code
    from audit.dim_concerts as concerts
    union all
    select under_way.*
    from concerts_under_way as under_way
),

counted_billings as (
    select
        billed.concert_id,
        billed.artist_key,
        billed.artist_name,
        billed.artist_mbid,
        billed.artist_position,
        billed.matched_by
    from audit.bridge_concert_artists as billed
    union all
    select
        billed.concert_id,
        billed.artist_key,
        billed.artist_name,
        billed.artist_mbid,
        billed.artist_position,
        billed.matched_by
    from dwh.bridge_concert_artists as billed
    inner join concerts_under_way as under_way on billed.concert_id = under_way.concert_id
),

upcoming_concerts as (
    select concerts.concert_id
    from counted_concerts as concerts
    cross join audit.current_load
    where
        concerts.local_date is not null
        and coalesce(concerts.local_end_date, concerts.local_date) >= current_load.snapshot_date
        and coalesce(concerts.status, '') <> 'cancelled'
),

touring_artists as (
    select
        billed.artist_key,
        max(billed.artist_name) as artist_name,
        max(billed.artist_mbid) as artist_mbid,
        min(
            case billed.matched_by
                when 'mbid' then '1 mbid'
                when 'name' then '2 name'
                when 'corrected' then '3 corrected'
                when 'spelling' then '4 spelling'
                when 'ambiguous' then '5 ambiguous'
                when 'namesake' then '6 namesake'
                else '7 unmatched'
            end
        ) as best_match,
        count(upcoming.concert_id) as upcoming_concerts,
        sum(
            case when upcoming.concert_id is not null and billed.artist_position = 1 then 1 else 0 end
        ) as headlined_concerts,
        sum(case when concerts.local_date is null then 1 else 0 end) as undated_concerts,
        sum(case when concerts.status = 'cancelled' then 1 else 0 end) as cancelled_concerts,
        count(distinct concerts.country_code) as concert_countries,
        min(case when upcoming.concert_id is not null then concerts.local_date end) as next_concert_date
    from counted_billings as billed
    inner join counted_concerts as concerts on billed.concert_id = concerts.concert_id
    left join upcoming_concerts as upcoming on billed.concert_id = upcoming.concert_id
    group by billed.artist_key
)

select
    ---------- keys
    coalesce(lastfm.artist_key, touring.artist_key) as artist_key,
    current_load.snapshot_date,

    ---------- who
    coalesce(lastfm.artist_name, touring.artist_name) as artist_name,
    coalesce(lastfm.artist_mbid, touring.artist_mbid) as artist_mbid,
    substring(touring.best_match, 3) as matched_by,

    ---------- listening
    lastfm.chart_rank,
    lastfm.chart_countries,
    lastfm.listeners,
    coalesce(played.songs_charted, 0) as songs_charted,
    played.play_count,

    ---------- touring
    coalesce(touring.upcoming_concerts, 0) as upcoming_concerts,
    coalesce(touring.headlined_concerts, 0) as headlined_concerts,
    coalesce(touring.undated_concerts, 0) as undated_concerts,
    coalesce(touring.cancelled_concerts, 0) as cancelled_concerts,
    coalesce(touring.concert_countries, 0) as concert_countries,
    touring.next_concert_date
from lastfm_artists as lastfm
full outer join touring_artists as touring on lastfm.artist_key = touring.artist_key
left join played_artists as played on lastfm.artist_key = played.artist_key
cross join audit.current_load
-- Without artists who were requested because an earlier run billed them, and for whom Last.fm has no songs.
where lastfm.chart_rank is not null or played.songs_charted > 0 or touring.artist_key is not null;
