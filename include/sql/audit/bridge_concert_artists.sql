-- Grain      one row per concert and billed artist in the load.
-- Inputs     staging.events, staging.songs
-- Load rule  rebuilt for every load; published by include/sql/publish/bridge_concert_artists.sql.
--
-- Decides which artist page a billing refers to (include/sources/identity.py makes the keys). Ids conflict if both
-- sides have one and they differ. matched_by is the first of these that applies:
--   mbid       exactly one page has the billing's MusicBrainz id
--   namesake   the page with exactly this name, or the one to which Last.fm corrects it, has another id: no match
--   name       there is a page with exactly this name
--   corrected  this name was requested, and Last.fm corrected it to the name of that page
--   spelling   exactly one page without a conflict has the same normalised name
--   ambiguous  several such pages do: no match
--   namesake   all pages with that normalised name conflict: no match
--   unmatched  no page has that normalised name
-- Without a match the billing gets a key of its own: that of the name, or that of a namesake.
delete from audit.bridge_concert_artists;

insert into audit.bridge_concert_artists (
    concert_id, artist_key, artist_position, attraction_id, artist_name, artist_mbid, matched_by
)
with artist_pages as (
    select
        songs.artist_key,
        max(songs.artist_mbid) as artist_mbid,
        max(coalesce(songs.name_key, songs.artist_key)) as name_key
    from staging.songs as songs
    group by songs.artist_key
),

pages_by_mbid as (
    select
        pages.artist_mbid,
        case when count(*) = 1 then max(pages.artist_key) end as artist_key
    from artist_pages as pages
    where pages.artist_mbid is not null
    group by pages.artist_mbid
),

corrections as (
    select
        songs.asked_key,
        case when count(distinct songs.artist_key) = 1 then max(songs.artist_key) end as artist_key
    from staging.songs as songs
    where songs.asked_key <> songs.artist_key
    group by songs.asked_key
),

billed_artists as (
    select distinct
        events.artist_key,
        events.namesake_key,
        events.artist_mbid,
        coalesce(events.name_key, events.artist_key) as name_key
    from staging.events as events
    where events.artist_key is not null
),

spellings as (
    select
        billed.artist_key,
        billed.namesake_key,
        count(*) as pages,
        count(
            case
                when
                    pages.artist_mbid is null or billed.artist_mbid is null or pages.artist_mbid = billed.artist_mbid
                    then 1
            end
        ) as fitting_pages,
        max(
            case
                when
                    pages.artist_mbid is null or billed.artist_mbid is null or pages.artist_mbid = billed.artist_mbid
                    then pages.artist_key
            end
        ) as page_key
    from billed_artists as billed
    inner join artist_pages as pages on billed.name_key = pages.name_key
    group by billed.artist_key, billed.namesake_key
),

decided_billings as (
    select
        events.event_id,
        events.artist_position,
        events.attraction_id,
        events.artist_name,
        events.artist_mbid,
        events.artist_key,
        events.namesake_key,
        by_mbid.artist_key as mbid_page_key,
        coalesce(named.artist_key, corrected.artist_key) as named_page_key,
        spellings.page_key as spelling_page_key,
        case
            when by_mbid.artist_key is not null then 'mbid'
            when coalesce(named.artist_mbid, corrected.artist_mbid) <> events.artist_mbid then 'namesake'
            when named.artist_key is not null then 'name'
            when corrected.artist_key is not null then 'corrected'
            when spellings.fitting_pages = 1 then 'spelling'
            when spellings.fitting_pages > 1 then 'ambiguous'
            when spellings.pages > 0 then 'namesake'
            else 'unmatched'
        end as matched_by
    from staging.events as events
    left join pages_by_mbid as by_mbid on events.artist_mbid = by_mbid.artist_mbid
    left join artist_pages as named on events.artist_key = named.artist_key
    left join corrections on events.artist_key = corrections.asked_key and named.artist_key is null
    left join artist_pages as corrected on corrections.artist_key = corrected.artist_key
    left join spellings on events.artist_key = spellings.artist_key and events.namesake_key = spellings.namesake_key
    where events.artist_key is not null
),

matched_billings as (
    select
        decided.event_id as concert_id,
        decided.artist_position,
        decided.attraction_id,
        decided.artist_name,
        decided.artist_mbid,
        case decided.matched_by
            when 'mbid' then decided.mbid_page_key
            when 'name' then decided.named_page_key
            when 'corrected' then decided.named_page_key
            when 'spelling' then decided.spelling_page_key
            when 'unmatched' then decided.artist_key
            else decided.namesake_key
        end as artist_key,
        decided.matched_by
    from decided_billings as decided
),

ranked_artists as (
    select
        artists.*,
        row_number() over (
            partition by artists.concert_id, artists.artist_key
            order by artists.artist_position, artists.attraction_id
        ) as occurrence
    from matched_billings as artists
)

select
    artists.concert_id,
    artists.artist_key,
    artists.artist_position,
    artists.attraction_id,
    artists.artist_name,
    artists.artist_mbid,
    artists.matched_by
from ranked_artists as artists
where artists.occurrence = 1;
