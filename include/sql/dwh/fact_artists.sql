-- Grain      one row per artist and snapshot date: every artist that charts, tours or does both.
-- Load rule  include/sql/publish/fact_artists.sql: newer runs of the same date replace its rows, unless they are
--            narrower or incomplete.
-- Keys       distributed by artist, like dim_songs; sorted by date, by which readers filter.
create table if not exists dwh.fact_artists (
    artist_key varchar(32) not null,
    snapshot_date date not null,
    artist_name varchar(1020) not null,
    artist_mbid varchar(36),
    matched_by varchar(16),
    chart_rank bigint,
    chart_countries varchar(1020),
    listeners bigint,
    songs_charted bigint not null,
    play_count bigint,
    upcoming_concerts bigint not null,
    headlined_concerts bigint not null,
    undated_concerts bigint not null,
    cancelled_concerts bigint not null,
    concert_countries bigint not null,
    next_concert_date date,
    events_run varchar(32) not null,
    songs_run varchar(32) not null,
    primary key (artist_key, snapshot_date)
)
distkey (artist_key)
sortkey (snapshot_date, artist_key);

comment on table dwh.fact_artists is
'Every artist who charts, tours or does both: one row per artist and snapshot date.';
comment on column dwh.fact_artists.artist_key is
'Identifies the artist page, or a billed name that has none: a hash of the name and, for a namesake, its id.';
comment on column dwh.fact_artists.snapshot_date is
'UTC date of the load, the later of its events and songs runs.';
comment on column dwh.fact_artists.artist_name is
'As Last.fm spells it, or as billed if the load''s songs run does not have the artist.';
comment on column dwh.fact_artists.artist_mbid is
'MusicBrainz id, a lower-case UUID; null when neither source gives one.';
comment on column dwh.fact_artists.matched_by is
'The best match among the artist''s billings, as in bridge_concert_artists; null when not billed.';
comment on column dwh.fact_artists.chart_rank is
'Best rank in the configured countries'' charts, 1 is the top; null when in none.';
comment on column dwh.fact_artists.chart_countries is
'ISO codes of the countries whose charts include the artist, sorted, such as GB,US; null when in none.';
comment on column dwh.fact_artists.listeners is
'Last.fm listeners in those countries, summed; null when in no chart.';
comment on column dwh.fact_artists.songs_charted is
'How many of the artist''s top tracks the load has; 0 if its songs run does not have the artist.';
comment on column dwh.fact_artists.play_count is
'Plays of those songs since Last.fm began counting, summed; null when there are none.';
comment on column dwh.fact_artists.upcoming_concerts is
'Concerts that are not over on the snapshot date and not cancelled.';
comment on column dwh.fact_artists.headlined_concerts is
'How many of those have the artist billed first.';
comment on column dwh.fact_artists.undated_concerts is
'Concerts whose date is not announced, cancelled ones included.';
comment on column dwh.fact_artists.cancelled_concerts is
'Concerts whose status is cancelled.';
comment on column dwh.fact_artists.concert_countries is
'In how many countries the artist''s concerts are, whatever their date and status.';
comment on column dwh.fact_artists.next_concert_date is
'Date at the venue of the first upcoming concert; null when there is none.';
comment on column dwh.fact_artists.events_run is
'The events run whose concerts were counted, as in load_ledger.';
comment on column dwh.fact_artists.songs_run is
'The songs run that listening is from, as in load_ledger.';
