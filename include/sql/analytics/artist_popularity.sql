-- Question   Who gains and who loses listeners, and are they on tour?
-- Grain      one row per artist and snapshot date on which the artist was in a chart.
-- Inputs     dwh.fact_artists
create view analytics.artist_popularity as
with charting_artists as (
    select
        artists.artist_key,
        artists.snapshot_date,
        artists.artist_name,
        artists.chart_countries,
        artists.chart_rank,
        artists.listeners,
        artists.play_count,
        artists.songs_charted,
        artists.upcoming_concerts,
        lag(artists.snapshot_date) over (
            partition by artists.artist_key order by artists.snapshot_date
        ) as previous_snapshot_date,
        lag(artists.chart_countries) over (
            partition by artists.artist_key order by artists.snapshot_date
        ) as previous_chart_countries,
        lag(artists.chart_rank) over (
            partition by artists.artist_key order by artists.snapshot_date
        ) as previous_chart_rank,
        lag(artists.listeners) over (
            partition by artists.artist_key order by artists.snapshot_date
        ) as previous_listeners
    from dwh.fact_artists as artists
    where artists.chart_rank is not null
),

compared_artists as (
    select
        artists.*,
        -- The figures are summed over the charts, so they compare only while the charts are the same.
        case
            when artists.chart_countries = artists.previous_chart_countries
                then artists.listeners - artists.previous_listeners
        end as listeners_gained,
        case
            when artists.chart_countries = artists.previous_chart_countries
                then artists.previous_chart_rank - artists.chart_rank
        end as ranks_gained
    from charting_artists as artists
)

select
    ---------- keys
    artists.artist_key,
    artists.snapshot_date,

    ---------- who
    artists.artist_name,

    ---------- listening
    artists.chart_countries,
    artists.chart_rank,
    artists.listeners,
    artists.songs_charted,
    artists.play_count,

    ---------- since the previous snapshot
    artists.previous_snapshot_date,
    artists.previous_chart_rank,
    artists.previous_listeners,
    artists.listeners_gained,
    artists.ranks_gained,

    ---------- touring
    artists.upcoming_concerts
from compared_artists as artists;

comment on view analytics.artist_popularity is
'Who gains and who loses listeners: one row per artist and snapshot date on which they charted.';
comment on column analytics.artist_popularity.artist_key is
'Identifies the artist, as in fact_artists.';
comment on column analytics.artist_popularity.snapshot_date is
'UTC date of the snapshot.';
comment on column analytics.artist_popularity.artist_name is
'The artist as Last.fm spelled it then.';
comment on column analytics.artist_popularity.chart_countries is
'ISO codes of the countries whose charts included the artist, sorted, such as GB,US.';
comment on column analytics.artist_popularity.chart_rank is
'Best rank in those charts, 1 is the top.';
comment on column analytics.artist_popularity.listeners is
'Last.fm listeners in those countries, summed; null when Last.fm did not say.';
comment on column analytics.artist_popularity.songs_charted is
'How many of the artist''s top tracks the load has.';
comment on column analytics.artist_popularity.play_count is
'Plays of those songs since Last.fm began counting, summed; null when there are none.';
comment on column analytics.artist_popularity.previous_snapshot_date is
'UTC date of the previous snapshot in which the artist was in a chart; null in the first.';
comment on column analytics.artist_popularity.previous_chart_rank is
'The rank then; null in the first.';
comment on column analytics.artist_popularity.previous_listeners is
'The listeners then; null in the first.';
comment on column analytics.artist_popularity.listeners_gained is
'Change in listeners since then; null in the first, and if chart_countries differed then.';
comment on column analytics.artist_popularity.ranks_gained is
'Ranks climbed since then, negative when fallen; null like listeners_gained.';
comment on column analytics.artist_popularity.upcoming_concerts is
'Concerts that were not over on the snapshot date and not cancelled.';
