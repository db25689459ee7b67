-- Grain      one row per artist and snapshot date: every artist that charts, tours or does both.
-- Load rule  include/sql/publish/fact_artists.sql: the snapshot date's rows are replaced.
-- Keys       distributed by artist, like dim_songs; sorted by date, because a load replaces one date and
--            readers ask for the newest.
create table if not exists dwh.fact_artists (
    artist_key varchar(32) not null,
    snapshot_date date not null,
    artist_name varchar(1020) not null,
    artist_mbid varchar(36),
    matched_by varchar(16), -- how its billings were matched to Last.fm at best; null when it does not tour
    chart_rank bigint, -- best rank over the configured countries' charts; null when it does not chart
    chart_countries varchar(1020), -- the countries in whose charts it is
    listeners bigint, -- Last.fm listeners, summed over those countries
    songs_charted bigint not null, -- songs of its top tracks in dim_songs at this snapshot
    play_count bigint, -- plays of those songs
    upcoming_concerts bigint not null, -- dated from the snapshot on and not cancelled
    headlined_concerts bigint not null, -- those in which it is billed first
    undated_concerts bigint not null,
    cancelled_concerts bigint not null,
    concert_countries bigint not null,
    next_concert_date date,
    primary key (artist_key, snapshot_date)
)
distkey (artist_key)
sortkey (snapshot_date, artist_key);
