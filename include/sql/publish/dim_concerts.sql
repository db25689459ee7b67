-- Merges audit.dim_concerts, what the load's events run saw, into the versions of dwh.dim_concerts.
--
-- A concert's versions follow each other without gaps. The run makes a sighting of each concert it lists, and one
-- of each that it does not list although it is complete and asked for it: a version that is not listed. Per
-- sighting, `known` is the version that holds at the instant of the run, `following` the next one, and `until_at`
-- the instant from which later published runs tell what holds. So a run that arrives late splits or extends what is
-- there, never touches newer state, and leaves the versions that complete runs in their order would have left (a
-- later run that is not complete is taken to have seen known, where that held on):
--   unchanged   known has the version_hash that the run saw
--   added       the concert is new
--   changed     known ends at the run, and the version it saw holds until then; where known held beyond, it is
--               restored from there on
--   extended    the same, but following has the hash that the run saw: it began earlier
--   delisted    the same as changed, but the run saw that the concert is not listed
--
-- The versions of the concerts seen are taken out of dwh.dim_concerts once, by its sort key; all that follows is as
-- large as the load, or as what changed. Only the search for what is no longer listed reads more.
drop table if exists audit.unlisted_concerts;

create table audit.unlisted_concerts
distkey (concert_id)
sortkey (concert_id)
as
with complete_crawl as (
    select
        crawls.events_at,
        -- The date that has begun everywhere on Earth at the instant of the run.
        cast(dateadd(hour, 14, crawls.events_at) as date) as events_date,
        crawls.horizon_date,
        crawls.countries
    from audit.crawls
    inner join audit.current_load on crawls.events_run = current_load.events_run
    where crawls.is_complete
),

refused_concerts as (
    select refused.concert_id
    from audit.refused_concerts as refused
    inner join audit.current_load on refused.events_run = current_load.events_run
)

-- Single values, so that the scan of all versions only has to compare them.
select
    dim.concert_id,
    dim.version_hash,
    dim.country_code,
    dim.local_date
from dwh.dim_concerts as dim
left join audit.dim_concerts as fresh on dim.concert_id = fresh.concert_id
left join refused_concerts as refused on dim.concert_id = refused.concert_id
where
    fresh.concert_id is null
    and refused.concert_id is null
    and dim.is_listed
    and dim.valid_from < (select crawl.events_at from complete_crawl as crawl)
    and (dim.valid_to is null or dim.valid_to > (select crawl.events_at from complete_crawl as crawl))
    and position(',' || dim.country_code || ',' in (select crawl.countries from complete_crawl as crawl)) > 0
    and (
        dim.local_date is null
        or (
            dim.local_date > (select crawl.events_date from complete_crawl as crawl)
            and dim.local_date < (select crawl.horizon_date from complete_crawl as crawl)
        )
    );

drop table if exists audit.known_concerts;

create table audit.known_concerts
distkey (concert_id)
sortkey (concert_id, valid_from)
as
select
    dim.concert_id,
    dim.valid_from,
    dim.valid_to,
    dim.version_hash,
    dim.is_listed,
    dim.country_code,
    dim.local_date
from audit.dim_concerts as fresh
inner join dwh.dim_concerts as dim on fresh.concert_id = dim.concert_id

union all

select
    dim.concert_id,
    dim.valid_from,
    dim.valid_to,
    dim.version_hash,
    dim.is_listed,
    dim.country_code,
    dim.local_date
from audit.unlisted_concerts as unlisted
inner join dwh.dim_concerts as dim on unlisted.concert_id = dim.concert_id;

drop table if exists audit.concert_changes;

create table audit.concert_changes
distkey (concert_id)
sortkey (concert_id)
as
with sightings as (
    select
        fresh.concert_id,
        fresh.version_hash,
        true as is_listed,
        fresh.country_code,
        fresh.local_date
    from audit.dim_concerts as fresh

    union all

    select
        unlisted.concert_id,
        md5(unlisted.version_hash || '|delisted') as version_hash,
        false as is_listed,
        unlisted.country_code,
        unlisted.local_date
    from audit.unlisted_concerts as unlisted
),

neighbours as (
    select
        sightings.concert_id,
        sightings.version_hash,
        sightings.is_listed,
        sightings.country_code,
        sightings.local_date,
        current_load.events_at as seen_at,
        max(case when dim.valid_from <= current_load.events_at then dim.valid_from end) as known_from,
        min(case when dim.valid_from > current_load.events_at then dim.valid_from end) as following_from
    from sightings
    cross join audit.current_load
    left join audit.known_concerts as dim on sightings.concert_id = dim.concert_id
    group by
        sightings.concert_id,
        sightings.version_hash,
        sightings.is_listed,
        sightings.country_code,
        sightings.local_date,
        current_load.events_at
),

seen_concerts as (
    select
        neighbours.concert_id,
        neighbours.version_hash,
        neighbours.is_listed,
        neighbours.seen_at,
        coalesce(known_version.is_listed, false) as is_known_listed,
        case
            when known_version.is_listed then known_version.country_code else neighbours.country_code
        end as country_code,
        case when known_version.is_listed then known_version.local_date else neighbours.local_date end as local_date,
        neighbours.known_from,
        known_version.version_hash as known_hash,
        neighbours.following_from,
        following_version.version_hash as following_hash,
        following_version.is_listed as is_following_listed,
        following_version.valid_to as following_to
    from neighbours
    left join audit.known_concerts as known_version
        on neighbours.concert_id = known_version.concert_id and neighbours.known_from = known_version.valid_from
    left join audit.known_concerts as following_version
        on
            neighbours.concert_id = following_version.concert_id
            and neighbours.following_from = following_version.valid_from
),

later_crawls as (
    select
        crawls.events_run,
        crawls.events_at,
        cast(dateadd(hour, 14, crawls.events_at) as date) as events_date,
        crawls.is_complete,
        crawls.countries,
        crawls.horizon_date
    from audit.crawls as crawls
    inner join dwh.load_ledger as ledger on crawls.events_run = ledger.run
    inner join audit.current_load on crawls.events_at > current_load.events_at
    where ledger.dataset = 'events' and ledger.state = 'published'
),

-- The first later crawl that tells: one that saw known again, since known held on; or, where none was listed, a
-- complete one, which did not list the concert either.
crawled_again as (
    select
        seen.concert_id,
        min(crawls.events_at) as crawled_at
    from seen_concerts as seen
    inner join later_crawls as crawls on position(',' || seen.country_code || ',' in crawls.countries) > 0
    left join audit.refused_concerts as refused
        on seen.concert_id = refused.concert_id and crawls.events_run = refused.events_run
    where
        refused.concert_id is null
        and (seen.is_known_listed or crawls.is_complete)
        and (
            seen.local_date is null
            or (seen.local_date > crawls.events_date and seen.local_date < crawls.horizon_date)
            -- Today's concerts are listed until they begin.
            or (seen.is_known_listed and seen.local_date >= cast(crawls.events_at as date))
        )
    group by seen.concert_id
),

dated_concerts as (
    select
        seen.*,
        least(seen.following_from, crawled.crawled_at) as until_at
    from seen_concerts as seen
    left join crawled_again as crawled on seen.concert_id = crawled.concert_id
),

changes as (
    select
        dated.*,
        dated.until_at <> coalesce(dated.following_from, cast('9999-12-31' as timestamp)) as is_until_before_following,
        case
            when dated.known_hash = dated.version_hash then 'unchanged'
            when dated.following_hash = dated.version_hash and dated.until_at = dated.following_from then 'extended'
            when not dated.is_listed then 'delisted'
            when dated.known_from is null then 'added'
            else 'changed'
        end as change
    from dated_concerts as dated
)

select
    changes.concert_id,
    changes.change,
    changes.is_listed,
    changes.seen_at,
    changes.known_from,
    changes.following_from,
    changes.until_at,
    coalesce(
        changes.change <> 'unchanged' and changes.is_known_listed and changes.is_until_before_following, false
    ) as is_known_restored,
    -- Whether the concert, as the run saw it, is no longer listed from until_at to delisted_until.
    coalesce(
        changes.change in ('added', 'changed')
        and (
            (changes.is_until_before_following and not changes.is_known_listed)
            or (changes.until_at = changes.following_from and not changes.is_following_listed)
        ), false
    ) as is_delisted_after,
    case
        when changes.until_at = changes.following_from then changes.following_to else changes.following_from
    end as delisted_until
from changes;

insert into audit.changes (star_table, added, changed, closed, unchanged)
select
    'dim_concerts' as star_table,
    count(case when changes.change = 'added' then 1 end) as added,
    count(case when changes.is_listed and changes.change in ('changed', 'extended') then 1 end) as changed,
    count(case when not changes.is_listed then 1 end) as closed,
    count(case when changes.change = 'unchanged' then 1 end) as unchanged
from audit.concert_changes as changes;

-- Made of known: known no longer listed, and known again after what the run saw.
insert into dwh.dim_concerts (
    concert_id, concert_name, concert_url, status, segment, genre, sub_genre, billing, billed_artists,
    promoter_name, local_date, local_time, starts_at, timezone, initial_date, date_tba, date_tbd, time_tba,
    no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city, venue_state_code, country_code,
    venue_postal_code, venue_latitude, venue_longitude, price_currency, price_min, price_max,
    public_sale_starts_at, public_sale_ends_at, is_listed, version_hash, valid_from, valid_to, is_current
)
with continued_concerts as (
    select
        changes.concert_id,
        changes.known_from,
        false as is_listed,
        changes.seen_at as valid_from,
        changes.until_at as valid_to
    from audit.concert_changes as changes
    where changes.change = 'delisted'

    union all

    select
        changes.concert_id,
        changes.known_from,
        true as is_listed,
        changes.until_at as valid_from,
        changes.following_from as valid_to
    from audit.concert_changes as changes
    where changes.is_known_restored
)

select
    dim.concert_id,
    dim.concert_name,
    dim.concert_url,
    dim.status,
    dim.segment,
    dim.genre,
    dim.sub_genre,
    dim.billing,
    dim.billed_artists,
    dim.promoter_name,
    dim.local_date,
    dim.local_time,
    dim.starts_at,
    dim.timezone,
    dim.initial_date,
    dim.date_tba,
    dim.date_tbd,
    dim.time_tba,
    dim.no_specific_time,
    dim.spans_multiple_days,
    dim.venue_id,
    dim.venue_name,
    dim.venue_city,
    dim.venue_state_code,
    dim.country_code,
    dim.venue_postal_code,
    dim.venue_latitude,
    dim.venue_longitude,
    dim.price_currency,
    dim.price_min,
    dim.price_max,
    dim.public_sale_starts_at,
    dim.public_sale_ends_at,
    continued.is_listed,
    case
        when continued.is_listed then dim.version_hash else md5(dim.version_hash || '|delisted')
    end as version_hash,
    continued.valid_from,
    continued.valid_to,
    continued.valid_to is null as is_current
from dwh.dim_concerts as dim
inner join continued_concerts as continued
    on dim.concert_id = continued.concert_id and dim.valid_from = continued.known_from;

-- The same run, read anew by a corrected parser, replaces what it saw before.
delete from dwh.dim_concerts
using audit.concert_changes
where
    dim_concerts.concert_id = concert_changes.concert_id
    and dim_concerts.valid_from = concert_changes.seen_at
    and concert_changes.is_listed
    and concert_changes.change in ('changed', 'extended');

-- A version that is not listed is as the one before it, and so is made anew.
delete from dwh.dim_concerts
using audit.concert_changes
where
    dim_concerts.concert_id = concert_changes.concert_id
    and dim_concerts.valid_from = concert_changes.until_at
    and concert_changes.is_delisted_after;

update dwh.dim_concerts
set
    valid_to = changes.seen_at,
    is_current = false
from audit.concert_changes as changes
where
    dim_concerts.concert_id = changes.concert_id
    and dim_concerts.valid_from = changes.known_from
    and changes.change in ('changed', 'extended', 'delisted');

update dwh.dim_concerts
set valid_from = changes.seen_at
from audit.concert_changes as changes
where
    dim_concerts.concert_id = changes.concert_id
    and dim_concerts.valid_from = changes.following_from
    and changes.change = 'extended';

insert into dwh.dim_concerts (
    concert_id, concert_name, concert_url, status, segment, genre, sub_genre, billing, billed_artists,
    promoter_name, local_date, local_time, starts_at, timezone, initial_date, date_tba, date_tbd, time_tba,
    no_specific_time, spans_multiple_days, venue_id, venue_name, venue_city, venue_state_code, country_code,
    venue_postal_code, venue_latitude, venue_longitude, price_currency, price_min, price_max,
    public_sale_starts_at, public_sale_ends_at, is_listed, version_hash, valid_from, valid_to, is_current
)
with seen_concerts as (
    select
        changes.concert_id,
        true as is_listed,
        changes.seen_at as valid_from,
        changes.until_at as valid_to
    from audit.concert_changes as changes
    where changes.change in ('added', 'changed')

    union all

    select
        changes.concert_id,
        false as is_listed,
        changes.until_at as valid_from,
        changes.delisted_until as valid_to
    from audit.concert_changes as changes
    where changes.is_delisted_after
)

select
    fresh.concert_id,
    fresh.concert_name,
    fresh.concert_url,
    fresh.status,
    fresh.segment,
    fresh.genre,
    fresh.sub_genre,
    fresh.billing,
    fresh.billed_artists,
    fresh.promoter_name,
    fresh.local_date,
    fresh.local_time,
    fresh.starts_at,
    fresh.timezone,
    fresh.initial_date,
    fresh.date_tba,
    fresh.date_tbd,
    fresh.time_tba,
    fresh.no_specific_time,
    fresh.spans_multiple_days,
    fresh.venue_id,
    fresh.venue_name,
    fresh.venue_city,
    fresh.venue_state_code,
    fresh.country_code,
    fresh.venue_postal_code,
    fresh.venue_latitude,
    fresh.venue_longitude,
    fresh.price_currency,
    fresh.price_min,
    fresh.price_max,
    fresh.public_sale_starts_at,
    fresh.public_sale_ends_at,
    seen.is_listed,
    case when seen.is_listed then fresh.version_hash else md5(fresh.version_hash || '|delisted') end as version_hash,
    seen.valid_from,
    seen.valid_to,
    seen.valid_to is null as is_current
from audit.dim_concerts as fresh
inner join seen_concerts as seen on fresh.concert_id = seen.concert_id;
