-- Question   Which concerts were rescheduled, cancelled, postponed, moved or delisted, and when was that noticed?
-- Grain      one row per version of a concert except its first, so one per noticed change.
--            Old and new values stand side by side, and are the same for whatever did not change.
-- Inputs     dwh.dim_concerts
--
-- `change` is the first of these that holds; `changed_fields` names everything that differs:
--   delisted         two complete crawls in a row did not list the concert
--   relisted         it is listed again
--   cancelled        its status became cancelled
--   reinstated       its status was cancelled and no longer is
--   postponed        its status became postponed
--   announced        a date or time that was not known now is, and it neither was postponed nor is rescheduled
--   rescheduled      its date or time differs, or its status became rescheduled
--   moved            its venue differs
--   on_or_off_sale   its status differs in another way
--   repriced         its prices differ
--   rebilled         the billed artists or their order differ
--   renamed          its name differs
--   corrected        none of these
create view analytics.concert_changes as
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
        <> coalesce(later.local_date, cast('1900-01-01' as date))
        or coalesce(earlier.local_end_date, cast('1900-01-01' as date))
        <> coalesce(later.local_end_date, cast('1900-01-01' as date)) as has_new_date,
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
            when versions.was_listed is true and versions.is_listed is false then 'delisted'
            when versions.is_listed is true and versions.was_listed is false then 'relisted'
            when versions.has_new_status is true and versions.new_status = 'cancelled' then 'cancelled'
            when versions.has_new_status is true and versions.old_status = 'cancelled' then 'reinstated'
            when versions.has_new_status is true and versions.new_status = 'postponed' then 'postponed'
            when
                (versions.has_new_date is true or versions.has_new_time is true)
                and (versions.has_new_date is false or versions.old_local_date is null)
                and (versions.has_new_time is false or versions.old_local_time is null)
                and coalesce(versions.old_status, '') <> 'postponed'
                and coalesce(versions.new_status, '') <> 'rescheduled'
                then 'announced'
            when
                versions.has_new_date is true
                or versions.has_new_time is true
                or (versions.has_new_status is true and versions.new_status = 'rescheduled')
                then 'rescheduled'
            when versions.has_new_venue is true then 'moved'
            when versions.has_new_status is true then 'on_or_off_sale'
            when versions.has_new_price is true then 'repriced'
            when versions.has_new_billing is true then 'rebilled'
            when versions.has_new_name is true then 'renamed'
            else 'corrected'
        end as change,
        btrim(
            case when versions.was_listed <> versions.is_listed then 'listing ' else '' end
            || case when versions.has_new_status is true then 'status ' else '' end
            || case when versions.has_new_date is true then 'date ' else '' end
            || case when versions.has_new_time is true then 'time ' else '' end
            || case when versions.has_new_venue is true then 'venue ' else '' end
            || case when versions.has_new_price is true then 'price ' else '' end
            || case when versions.has_new_billing is true then 'billing ' else '' end
            || case when versions.has_new_name is true then 'name ' else '' end
        ) as changed_fields
    from compared_versions as versions
)

select
    ---------- which
    changes.concert_id,
    changes.new_concert_name as concert_name,
    changes.concert_url,
    changes.country_code,

    ---------- what happened
    changes.change,
    changes.changed_fields,
    changes.noticed_at,
    changes.is_current as is_newest_change,

    ---------- from what to what
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

comment on view analytics.concert_changes is
'What changed about concerts and when it was noticed: one row per change, old and new side by side.';
comment on column analytics.concert_changes.concert_id is
'The concert, as in dim_concerts.';
comment on column analytics.concert_changes.concert_name is
'Title of the event since the change.';
comment on column analytics.concert_changes.concert_url is
'The event''s page on Ticketmaster; null when not given.';
comment on column analytics.concert_changes.country_code is
'ISO 3166-1 alpha-2 code of the country.';
comment on column analytics.concert_changes.change is
'The most important change, such as cancelled or rescheduled; the view''s SQL file defines them all.';
comment on column analytics.concert_changes.changed_fields is
'Everything that differs, separated by spaces: listing status date time venue price billing name.';
comment on column analytics.concert_changes.noticed_at is
'The instant, UTC, of the events run that first saw it; it happened between the previous run and then.';
comment on column analytics.concert_changes.is_newest_change is
'True when the concert has not changed since.';
comment on column analytics.concert_changes.old_status is
'onsale, offsale, cancelled, postponed or rescheduled; null when not given.';
comment on column analytics.concert_changes.new_status is
'The same, since the change.';
comment on column analytics.concert_changes.old_local_date is
'Date at the venue; null when none was announced.';
comment on column analytics.concert_changes.new_local_date is
'The same, since the change; null while none is announced.';
comment on column analytics.concert_changes.days_later is
'Days from the old date to the new one, negative when earlier; null when either is null.';
comment on column analytics.concert_changes.old_local_time is
'Time at the venue, HH:MM:SS; null when none was announced.';
comment on column analytics.concert_changes.new_local_time is
'The same, since the change.';
comment on column analytics.concert_changes.old_venue_name is
'Name of the venue; null when not given.';
comment on column analytics.concert_changes.new_venue_name is
'The same, since the change.';
comment on column analytics.concert_changes.old_venue_city is
'City of the venue; null when not given.';
comment on column analytics.concert_changes.new_venue_city is
'The same, since the change.';
comment on column analytics.concert_changes.old_price_currency is
'ISO 4217 code of the prices; null when no prices were given.';
comment on column analytics.concert_changes.new_price_currency is
'The same, since the change.';
comment on column analytics.concert_changes.old_price_min is
'Lowest price of a standard ticket, in old_price_currency; null when not given.';
comment on column analytics.concert_changes.new_price_min is
'The same, in new_price_currency, since the change.';
comment on column analytics.concert_changes.old_price_max is
'Highest price of a standard ticket, in old_price_currency; null when not given.';
comment on column analytics.concert_changes.new_price_max is
'The same, in new_price_currency, since the change.';
comment on column analytics.concert_changes.old_billing is
'Names of the billed artists in billing order; null when no artist was billed.';
comment on column analytics.concert_changes.new_billing is
'The same, since the change.';
comment on column analytics.concert_changes.old_concert_name is
'Title of the event before the change.';
