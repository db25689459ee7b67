-- The tables and views of release de190e1, by which test_rebuild.py upgrades.
-- noqa: disable=all

create schema if not exists staging;

create schema if not exists audit;

create schema if not exists dwh;

create schema if not exists analytics;

create table if not exists staging.events (
    snapshot_at timestamp,
    country_code varchar(2),
    event_id varchar(64),
    event_name varchar(1020),
    event_url varchar(2048),
    status varchar(16),
    local_date date,
    local_time varchar(8),
    starts_at timestamp,
    initial_date date,
    timezone varchar(64),
    date_tba boolean,
    date_tbd boolean,
    time_tba boolean,
    no_specific_time boolean,
    spans_multiple_days boolean,
    public_sale_starts_at timestamp,
    public_sale_ends_at timestamp,
    segment varchar(1020),
    genre varchar(1020),
    sub_genre varchar(1020),
    price_currency varchar(3),
    price_min double precision,
    price_max double precision,
    promoter_name varchar(1020),
    venue_id varchar(64),
    venue_name varchar(1020),
    venue_city varchar(1020),
    venue_state_code varchar(16),
    venue_country_code varchar(2),
    venue_postal_code varchar(32),
    venue_latitude double precision,
    venue_longitude double precision,
    artist_position bigint,
    attraction_id varchar(64),
    artist_name varchar(1020),
    artist_mbid varchar(36),
    artist_key varchar(32),
    namesake_key varchar(32)
)
distkey (event_id);

create table if not exists staging.songs (
    snapshot_at timestamp,
    asked_name varchar(1020),
    artist_name varchar(1020),
    artist_mbid varchar(36),
    artist_key varchar(32),
    chart_countries varchar(1020),
    chart_rank bigint,
    chart_listeners bigint,
    song_name varchar(1020),
    song_mbid varchar(36),
    song_key varchar(32),
    song_url varchar(2048),
    song_rank bigint,
    play_count bigint,
    listeners bigint
)
distkey (artist_key);

create table if not exists audit.definitions (
    content_hash varchar(32) not null
)
diststyle all;

drop table if exists audit.current_load;

create table audit.current_load (
    events_run varchar(18),
    songs_run varchar(18),
    events_at timestamp,
    songs_at timestamp,
    snapshot_date date,
    is_events_new boolean,
    next_songs_at timestamp,

    is_outdated boolean
)
diststyle all;

create table if not exists audit.crawls (
    events_run varchar(18) not null,
    events_at timestamp not null,
    is_complete boolean not null,
    countries varchar(1020) not null,
    horizon_date date not null
)
diststyle all
sortkey (events_at);

create table if not exists audit.refused_concerts (
    events_run varchar(18) not null,
    concert_id varchar(64) not null
)
sortkey (events_run, concert_id);

create table if not exists audit.changes (
    star_table varchar(64),
    added bigint,
    changed bigint,
    closed bigint,
    unchanged bigint
)
diststyle all;

create table if not exists audit.failed_rows (
    events_run varchar(18) not null,
    songs_run varchar(18) not null,
    star_table varchar(64) not null,
    expectation varchar(1020) not null,
    row_key varchar(256)
)
sortkey (events_run, songs_run);

create table if not exists dwh.dim_songs (
    song_key varchar(32) not null,
    artist_key varchar(32) not null,
    song_name varchar(1020) not null,
    song_mbid varchar(36),
    song_url varchar(2048),
    artist_name varchar(1020) not null,
    artist_mbid varchar(36),
    song_rank bigint not null,
    play_count bigint,
    listeners bigint,
    first_seen_date date not null,
    last_seen_date date not null,
    primary key (song_key)
)
distkey (artist_key)
sortkey (artist_key, song_key);

create table if not exists dwh.dim_concerts (
    concert_id varchar(64) not null,
    concert_name varchar(1020) not null,
    concert_url varchar(2048),
    status varchar(16),
    segment varchar(1020),
    genre varchar(1020),
    sub_genre varchar(1020),
    billing varchar(16384),
    billed_artists bigint not null,
    promoter_name varchar(1020),
    local_date date,
    local_time varchar(8),
    starts_at timestamp,
    timezone varchar(64),
    initial_date date,
    date_tba boolean not null,
    date_tbd boolean not null,
    time_tba boolean not null,
    no_specific_time boolean not null,
    spans_multiple_days boolean not null,
    venue_id varchar(64),
    venue_name varchar(1020),
    venue_city varchar(1020),
    venue_state_code varchar(16),
    country_code varchar(2),
    venue_postal_code varchar(32),
    venue_latitude double precision,
    venue_longitude double precision,
    price_currency varchar(3),
    price_min double precision,
    price_max double precision,
    public_sale_starts_at timestamp,
    public_sale_ends_at timestamp,
    is_listed boolean not null,
    version_hash varchar(32) not null,
    valid_from timestamp not null,
    valid_to timestamp,
    is_current boolean not null,
    primary key (concert_id, valid_from)
)
distkey (concert_id)
sortkey (concert_id, valid_from);

create table if not exists dwh.bridge_concert_artists (
    concert_id varchar(64) not null,
    artist_key varchar(32) not null,
    artist_position bigint not null,
    attraction_id varchar(64),
    artist_name varchar(1020) not null,
    artist_mbid varchar(36),
    matched_by varchar(16) not null,
    primary key (concert_id, artist_key)
)
distkey (concert_id)
sortkey (concert_id);

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
    primary key (artist_key, snapshot_date)
)
distkey (artist_key)
sortkey (snapshot_date, artist_key);

create table if not exists dwh.load_ledger (
    dataset varchar(16) not null,
    run varchar(18) not null,
    state varchar(16) not null,
    reason varchar(4096),
    manifest_url varchar(1020) not null,
    record_count bigint,
    changes varchar(4096),
    snapshot_date date not null,
    judged_at timestamp not null,
    primary key (dataset, run)
)
diststyle all
sortkey (dataset, run);

drop table if exists audit.dim_songs;

create table audit.dim_songs
distkey (artist_key)
sortkey (artist_key)
as
select dim_songs.*
from dwh.dim_songs
where 1 = 0;

drop table if exists audit.dim_concerts;

create table audit.dim_concerts
distkey (concert_id)
sortkey (concert_id)
as
select dim_concerts.*
from dwh.dim_concerts
where 1 = 0;

drop table if exists audit.bridge_concert_artists;

create table audit.bridge_concert_artists
distkey (concert_id)
sortkey (concert_id)
as
select bridge_concert_artists.*
from dwh.bridge_concert_artists
where 1 = 0;

drop table if exists audit.fact_artists;

create table audit.fact_artists
distkey (artist_key)
sortkey (snapshot_date, artist_key)
as
select fact_artists.*
from dwh.fact_artists
where 1 = 0;

drop table if exists audit.load_summary;

create table audit.load_summary (
    snapshot_date date,
    events_rows bigint,
    previous_events_rows bigint,
    events_rows_ratio double precision,
    songs_rows bigint,
    previous_songs_rows bigint,
    songs_rows_ratio double precision,
    concerts bigint,
    share_of_concerts_without_artist double precision,
    touring_artists bigint,
    matched_artists bigint,
    artists_matched_by_mbid bigint,
    share_of_lastfm_artists_touring double precision,
    events_age_hours bigint,
    songs_age_hours bigint
)
diststyle all;

create or replace view analytics.artist_events_songs as
with newest_snapshot as (
    select max(fact_artists.snapshot_date) as snapshot_date
    from dwh.fact_artists
),

ranked_songs as (
    select
        songs.artist_key,
        songs.song_name,
        songs.play_count,
        row_number() over (
            partition by songs.artist_key order by songs.last_seen_date desc, songs.song_rank asc, songs.song_key asc
        ) as occurrence
    from dwh.dim_songs as songs
),

ranked_concerts as (
    select
        billed.artist_key,
        concerts.concert_id,
        concerts.concert_name,
        concerts.local_date,
        concerts.venue_name,
        concerts.venue_city,
        concerts.country_code,
        billed.artist_position,
        row_number() over (
            partition by billed.artist_key
            order by concerts.local_date, concerts.local_time, concerts.concert_id
        ) as occurrence
    from dwh.bridge_concert_artists as billed
    inner join dwh.dim_concerts as concerts on billed.concert_id = concerts.concert_id
    cross join newest_snapshot
    where
        concerts.is_current
        and concerts.is_listed
        and concerts.local_date >= newest_snapshot.snapshot_date
        and coalesce(concerts.status, '') <> 'cancelled'
),


touring_artists as (
    select
        artists.artist_key,
        count(concerts.concert_id) as upcoming_concerts,
        count(case when concerts.artist_position = 1 then 1 end) as headlined_concerts,
        count(distinct concerts.country_code) as concert_countries
    from dwh.fact_artists as artists
    inner join newest_snapshot on artists.snapshot_date = newest_snapshot.snapshot_date
    left join ranked_concerts as concerts on artists.artist_key = concerts.artist_key
    group by artists.artist_key
)

select

    artists.artist_key,
    artists.artist_name,
    artists.artist_mbid,
    artists.snapshot_date,


    artists.chart_rank,
    artists.chart_countries,
    artists.listeners,
    artists.songs_charted,
    artists.play_count,
    songs.song_name as top_song,
    songs.play_count as top_song_play_count,


    touring.upcoming_concerts,
    touring.headlined_concerts,
    touring.concert_countries,
    concerts.local_date as next_concert_date,
    concerts.concert_id as next_concert_id,
    concerts.concert_name as next_concert_name,
    concerts.venue_name as next_concert_venue,
    concerts.venue_city as next_concert_city,
    concerts.country_code as next_concert_country
from dwh.fact_artists as artists
inner join newest_snapshot on artists.snapshot_date = newest_snapshot.snapshot_date
left join ranked_songs as songs on artists.artist_key = songs.artist_key and songs.occurrence = 1
inner join touring_artists as touring on artists.artist_key = touring.artist_key
left join ranked_concerts as concerts on artists.artist_key = concerts.artist_key and concerts.occurrence = 1;

create or replace view analytics.upcoming_concerts as
with newest_snapshot as (
    select max(artists.snapshot_date) as snapshot_date
    from dwh.fact_artists as artists
),

ranked_artists as (
    select
        billed.concert_id,
        billed.artist_key,
        artists.listeners,
        artists.chart_rank,
        billed.artist_position,
        coalesce(artists.artist_name, billed.artist_name) as artist_name,
        row_number() over (
            partition by billed.concert_id
            order by coalesce(artists.listeners, -1) desc, billed.artist_position asc, billed.artist_key asc
        ) as popularity
    from dwh.bridge_concert_artists as billed
    cross join newest_snapshot
    left join dwh.fact_artists as artists
        on billed.artist_key = artists.artist_key and newest_snapshot.snapshot_date = artists.snapshot_date
),

lineups as (
    select
        artists.concert_id,
        max(case when artists.popularity = 1 then artists.artist_key end) as best_known_artist_key,
        max(case when artists.popularity = 1 then artists.artist_name end) as best_known_artist,
        max(case when artists.popularity = 1 then artists.listeners end) as listeners,
        min(artists.chart_rank) as chart_rank,
        count(artists.chart_rank) as charting_artists
    from ranked_artists as artists
    group by artists.concert_id
),

upcoming_concerts as (
    select
        concerts.*,
        newest_snapshot.snapshot_date,
        cast(datediff(day, newest_snapshot.snapshot_date, concerts.local_date) as bigint) as days_ahead
    from dwh.dim_concerts as concerts
    cross join newest_snapshot
    where
        concerts.is_current
        and concerts.is_listed
        and concerts.local_date >= newest_snapshot.snapshot_date
        and coalesce(concerts.status, '') <> 'cancelled'
)

select

    concerts.concert_id,
    concerts.concert_name,
    concerts.concert_url,
    concerts.status,
    concerts.genre,
    concerts.sub_genre,


    concerts.local_date,
    concerts.local_time,
    concerts.starts_at,
    concerts.timezone,
    concerts.days_ahead,


    concerts.venue_id,
    concerts.venue_name,
    concerts.venue_city,
    concerts.venue_state_code,
    concerts.country_code,
    concerts.venue_latitude,
    concerts.venue_longitude,


    concerts.billing,
    concerts.billed_artists,
    lineups.best_known_artist_key,
    lineups.best_known_artist,
    lineups.listeners,
    lineups.chart_rank,
    lineups.charting_artists,


    concerts.price_currency,
    concerts.price_min,
    concerts.price_max,

    concerts.snapshot_date
from upcoming_concerts as concerts
left join lineups on concerts.concert_id = lineups.concert_id;

create or replace view analytics.artist_popularity as
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

    artists.artist_key,
    artists.snapshot_date,


    artists.artist_name,


    artists.chart_countries,
    artists.chart_rank,
    artists.listeners,
    artists.songs_charted,
    artists.play_count,


    artists.previous_snapshot_date,
    artists.previous_chart_rank,
    artists.previous_listeners,
    artists.listeners_gained,
    artists.ranks_gained,


    artists.upcoming_concerts
from compared_artists as artists;

create or replace view analytics.concert_changes as
with compared_versions as (
    select
        later.concert_id,
        later.valid_from as noticed_at,
        later.is_current,
        later.concert_url,
        later.country_code,
        earlier.concert_name as old_concert_name,
        later.concert_name as new_concert_name,
        earlier.is_listed as was_listed,
        later.is_listed,
        earlier.status as old_status,
        later.status as new_status,
        earlier.local_date as old_local_date,
        later.local_date as new_local_date,
        earlier.local_time as old_local_time,
        later.local_time as new_local_time,
        earlier.venue_name as old_venue_name,
        later.venue_name as new_venue_name,
        earlier.venue_city as old_venue_city,
        later.venue_city as new_venue_city,
        earlier.price_currency as old_price_currency,
        later.price_currency as new_price_currency,
        earlier.price_min as old_price_min,
        later.price_min as new_price_min,
        earlier.price_max as old_price_max,
        later.price_max as new_price_max,
        earlier.billing as old_billing,
        later.billing as new_billing,
        coalesce(earlier.status, '') <> coalesce(later.status, '') as has_new_status,
        coalesce(earlier.local_date, cast('1900-01-01' as date))
        <> coalesce(later.local_date, cast('1900-01-01' as date)) as has_new_date,
        coalesce(earlier.local_time, '') <> coalesce(later.local_time, '') as has_new_time,
        coalesce(earlier.venue_id, '') <> coalesce(later.venue_id, '')
        or coalesce(earlier.venue_name, '') <> coalesce(later.venue_name, '') as has_new_venue,
        coalesce(earlier.price_currency, '') <> coalesce(later.price_currency, '')
        or coalesce(earlier.price_min, -1) <> coalesce(later.price_min, -1)
        or coalesce(earlier.price_max, -1) <> coalesce(later.price_max, -1) as has_new_price,
        coalesce(earlier.billing, '') <> coalesce(later.billing, '') as has_new_billing,
        earlier.concert_name <> later.concert_name as has_new_name
    from dwh.dim_concerts as later
    inner join dwh.dim_concerts as earlier
        on later.concert_id = earlier.concert_id and later.valid_from = earlier.valid_to
),

changes as (
    select
        versions.*,
        cast(datediff(day, versions.old_local_date, versions.new_local_date) as bigint) as days_later,
        case
            when versions.was_listed and not versions.is_listed then 'delisted'
            when versions.is_listed and not versions.was_listed then 'relisted'
            when versions.has_new_status and versions.new_status = 'cancelled' then 'cancelled'
            when versions.has_new_status and versions.old_status = 'cancelled' then 'reinstated'
            when versions.has_new_status and versions.new_status = 'postponed' then 'postponed'
            when
                (versions.has_new_date or versions.has_new_time)
                and (not versions.has_new_date or versions.old_local_date is null)
                and (not versions.has_new_time or versions.old_local_time is null)
                and coalesce(versions.old_status, '') <> 'postponed'
                and coalesce(versions.new_status, '') <> 'rescheduled'
                then 'announced'
            when
                versions.has_new_date
                or versions.has_new_time
                or (versions.has_new_status and versions.new_status = 'rescheduled')
                then 'rescheduled'
            when versions.has_new_venue then 'moved'
            when versions.has_new_status then 'on_or_off_sale'
            when versions.has_new_price then 'repriced'
            when versions.has_new_billing then 'rebilled'
            when versions.has_new_name then 'renamed'
            else 'corrected'
        end as change,
        btrim(
            case when versions.was_listed <> versions.is_listed then 'listing ' else '' end
            || case when versions.has_new_status then 'status ' else '' end
            || case when versions.has_new_date then 'date ' else '' end
            || case when versions.has_new_time then 'time ' else '' end
            || case when versions.has_new_venue then 'venue ' else '' end
            || case when versions.has_new_price then 'price ' else '' end
            || case when versions.has_new_billing then 'billing ' else '' end
            || case when versions.has_new_name then 'name ' else '' end
        ) as changed_fields
    from compared_versions as versions
)

select

    changes.concert_id,
    changes.new_concert_name as concert_name,
    changes.concert_url,
    changes.country_code,


    changes.change,
    changes.changed_fields,
    changes.noticed_at,
    changes.is_current as is_newest_change,


    changes.old_status,
    changes.new_status,
    changes.old_local_date,
    changes.new_local_date,
    changes.days_later,
    changes.old_local_time,
    changes.new_local_time,
    changes.old_venue_name,
    changes.new_venue_name,
    changes.old_venue_city,
    changes.new_venue_city,
    changes.old_price_currency,
    changes.new_price_currency,
    changes.old_price_min,
    changes.new_price_min,
    changes.old_price_max,
    changes.new_price_max,
    changes.old_billing,
    changes.new_billing,
    changes.old_concert_name
from changes;
