-- Grain      one row per listed concert that the load's events run covers but does not list.
-- Inputs     dwh.dim_concerts, audit.dim_concerts, audit.rejected_concerts, audit.current_load, audit.current_runs
-- Load rule  rebuilt for every load, empty unless its events run is new and complete; docs/history.md says what a run
--            covers, and why the second time in a row counts.
delete from audit.missing_concerts;

insert into audit.missing_concerts (concert_id, is_delisted)
with complete_crawl as (
    select
        runs.countries,
        runs.horizon_date,
        -- The latest date that has begun anywhere on Earth at the instant of the run.
        cast(dateadd(hour, 14, current_load.events_at) as date) as begun_date
    from audit.current_runs as runs
    cross join audit.current_load
    where runs.dataset = 'events' and runs.is_pending is true and runs.is_complete is true
)

-- Single values, so that the scan of all versions only has to compare them.
select
    dim.concert_id,
    dim.missing_since is not null as is_delisted
from dwh.dim_concerts as dim
left join audit.dim_concerts as fresh on dim.concert_id = fresh.concert_id
left join audit.rejected_concerts as rejected on dim.concert_id = rejected.concert_id
where
    fresh.concert_id is null
    and rejected.concert_id is null
    and dim.is_current is true
    and dim.is_listed is true
    and position(',' || dim.country_code || ',' in (select crawl.countries from complete_crawl as crawl)) > 0
    and (
        dim.local_date is null
        or (
            dim.local_date > (select crawl.begun_date from complete_crawl as crawl)
            and dim.local_date < (select crawl.horizon_date from complete_crawl as crawl)
        )
    );
