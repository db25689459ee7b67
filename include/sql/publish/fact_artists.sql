-- Replaces the rows of the load's snapshot date.
delete from dwh.fact_artists
using audit.current_load
where fact_artists.snapshot_date = current_load.snapshot_date;

insert into dwh.fact_artists (
    artist_key, snapshot_date, artist_name, artist_mbid, matched_by, chart_rank, chart_countries, listeners,
    songs_charted, play_count, upcoming_concerts, headlined_concerts, undated_concerts, cancelled_concerts,
    concert_countries, next_concert_date
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
    fresh.next_concert_date
from audit.fact_artists as fresh;
