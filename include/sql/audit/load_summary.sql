-- Grain      one row: the load as a whole; its pending runs are compared with the newest published run of the same
--            dataset and scope before. What was published before has been compared, and may have been accepted.
-- Inputs     staging.events, staging.songs, audit.*, dwh.load_ledger, dwh.dim_concerts
-- Load rule  rebuilt for every load; judged by great_expectations/expectations/load_summary.json. Ratios and shares
--            are rounded to four digits, because people read them.
delete from audit.load_summary;

insert into audit.load_summary (
    snapshot_date, events_rows, previous_events_rows, events_rows_ratio, songs_rows, previous_songs_rows,
    songs_rows_ratio, concerts, share_of_concerts_without_artist, touring_artists, matched_artists,
    artists_matched_by_mbid, artists_matched_by_correction, artists_matched_by_spelling, ambiguous_artists,
    namesake_artists, share_of_lastfm_artists_touring, listed_concerts, missing_concerts, delisted_concerts,
    share_delisted, events_age_hours, songs_age_hours
)
with ranked_manifests as (
    select
        ledger.dataset,
        ledger.record_count,
        row_number() over (partition by ledger.dataset order by ledger.run desc) as occurrence
    from dwh.load_ledger as ledger
    inner join audit.current_runs as runs on ledger.dataset = runs.dataset and ledger.scope = runs.scope
    where ledger.state = 'published' and ledger.run < runs.run and runs.is_pending is true
),

previous_rows as (
    select
        max(case when manifests.dataset = 'events' then manifests.record_count end) as events,
        max(case when manifests.dataset = 'songs' then manifests.record_count end) as songs
    from ranked_manifests as manifests
    where manifests.occurrence = 1
),

staged_events as (
    select count(*) as events_rows
    from staging.events as events
),

staged_songs as (
    select
        count(*) as songs_rows,
        count(distinct songs.artist_key) as artists
    from staging.songs as songs
),

concerts as (
    select
        count(*) as concerts,
        count(case when concerts.billed_artists = 0 then 1 end) as concerts_without_artist
    from audit.dim_concerts as concerts
),

touring_artists as (
    select
        count(distinct billed.artist_key) as artists,
        count(
            distinct case
                when billed.matched_by in ('mbid', 'name', 'corrected', 'spelling') then billed.artist_key
            end
        ) as matched_artists,
        count(distinct case when billed.matched_by = 'mbid' then billed.artist_key end) as by_mbid,
        count(distinct case when billed.matched_by = 'corrected' then billed.artist_key end) as by_correction,
        count(distinct case when billed.matched_by = 'spelling' then billed.artist_key end) as by_spelling,
        count(distinct case when billed.matched_by = 'ambiguous' then billed.artist_key end) as ambiguous,
        count(distinct case when billed.matched_by = 'namesake' then billed.artist_key end) as namesakes
    from audit.bridge_concert_artists as billed
),

missing_concerts as (
    select
        count(*) as missing,
        count(case when missing.is_delisted is true then 1 end) as delisted
    from audit.missing_concerts as missing
),

seen_again as (
    select count(*) as concerts
    from audit.dim_concerts as fresh
    inner join dwh.dim_concerts as known on fresh.concert_id = known.concert_id
    where known.is_current is true and known.is_listed is true
)

select
    current_load.snapshot_date,
    staged_events.events_rows,
    previous_rows.events as previous_events_rows,
    cast(
        cast(staged_events.events_rows as double precision) / nullif(previous_rows.events, 0) as decimal(18, 4)
    ) as events_rows_ratio,
    staged_songs.songs_rows,
    previous_rows.songs as previous_songs_rows,
    cast(
        cast(staged_songs.songs_rows as double precision) / nullif(previous_rows.songs, 0) as decimal(18, 4)
    ) as songs_rows_ratio,
    concerts.concerts,
    cast(
        cast(concerts.concerts_without_artist as double precision) / nullif(concerts.concerts, 0) as decimal(18, 4)
    ) as share_of_concerts_without_artist,
    touring_artists.artists as touring_artists,
    touring_artists.matched_artists,
    touring_artists.by_mbid as artists_matched_by_mbid,
    touring_artists.by_correction as artists_matched_by_correction,
    touring_artists.by_spelling as artists_matched_by_spelling,
    touring_artists.ambiguous as ambiguous_artists,
    touring_artists.namesakes as namesake_artists,
    cast(
        cast(touring_artists.matched_artists as double precision) / nullif(staged_songs.artists, 0) as decimal(18, 4)
    ) as share_of_lastfm_artists_touring,
    seen_again.concerts + missing_concerts.missing as listed_concerts,
    missing_concerts.missing as missing_concerts,
    missing_concerts.delisted as delisted_concerts,
    -- Three never fail the audit, however few concerts there are, nor do twenty that are no more than half of them.
    case
        when
            missing_concerts.delisted > 20
            or (
                missing_concerts.delisted > 3
                and 2 * missing_concerts.delisted > seen_again.concerts + missing_concerts.missing
            )
            then
                cast(
                    cast(missing_concerts.delisted as double precision)
                    / nullif(seen_again.concerts + missing_concerts.missing, 0) as decimal(18, 4)
                )
    end as share_delisted,
    datediff(hour, current_load.events_at, current_load.judged_at) as events_age_hours,
    datediff(hour, current_load.songs_at, current_load.judged_at) as songs_age_hours
from audit.current_load
cross join staged_events
cross join staged_songs
cross join previous_rows
cross join concerts
cross join touring_artists
cross join missing_concerts
cross join seen_again;
