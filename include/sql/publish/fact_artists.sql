-- Replaces the rows of the load's snapshot date.
insert into audit.changes (star_table, added, changed, removed, unchanged)
with known_artists as (
    select artists.*
    from dwh.fact_artists as artists
    where artists.snapshot_date = (select current_load.snapshot_date from audit.current_load)
),

identical_artists as (
    select
        fresh.artist_key,
        fresh.snapshot_date,
        fresh.artist_name,
        fresh.artist_mbid,
        fresh.matched_by,
        fresh.chart_rank,
        fresh.chart_countries,
        fresh.listeners,
        fresh.songs_charted,
        fresh.play_count,
        fresh.upcoming_concerts,
        fresh.headlined_concerts,
        fresh.undated_concerts,
        fresh.cancelled_concerts,
        fresh.concert_countries,
        fresh.next_concert_date
    from audit.fact_artists as fresh
    intersect
    select
        known.artist_key,
        known.snapshot_date,
        known.artist_name,
        known.artist_mbid,
        known.matched_by,
        known.chart_rank,
        known.chart_countries,
        known.listeners,
        known.songs_charted,
        known.play_count,
        known.upcoming_concerts,
        known.headlined_concerts,
        known.undated_concerts,
        known.cancelled_concerts,
        known.concert_countries,
        known.next_concert_date
    from known_artists as known
)

select
    'fact_artists' as star_table,
    count(case when known.artist_key is null then 1 end) as added,
    count(case when known.artist_key is not null and identical.artist_key is null then 1 end) as changed,
    (select count(*) from known_artists) - count(known.artist_key) as removed,
    count(identical.artist_key) as unchanged
from audit.fact_artists as fresh
left join known_artists as known on fresh.artist_key = known.artist_key
left join identical_artists as identical on fresh.artist_key = identical.artist_key;

delete from dwh.fact_artists
using audit.current_load
where fact_artists.snapshot_date = current_load.snapshot_date;

insert into dwh.fact_artists (
    artist_key, snapshot_date, artist_name, artist_mbid, matched_by, chart_rank, chart_countries, listeners,
    songs_charted, play_count, upcoming_concerts, headlined_concerts, undated_concerts, cancelled_concerts,
    concert_countries, next_concert_date, events_run, songs_run
)
select
    fresh.artist_key,
    fresh.snapshot_date,
    fresh.artist_name,
    fresh.artist_mbid,
    fresh.matched_by,
    fresh.chart_rank,
    fresh.chart_countries,
    fresh.listeners,
    fresh.songs_charted,
    fresh.play_count,
    fresh.upcoming_concerts,
    fresh.headlined_concerts,
    fresh.undated_concerts,
    fresh.cancelled_concerts,
    fresh.concert_countries,
    fresh.next_concert_date,
    current_load.events_run,
    current_load.songs_run
from audit.fact_artists as fresh
cross join audit.current_load;
