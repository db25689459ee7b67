-- Grain      one row per events run and concert that it listed, but whose record landing refused.
-- Load rule  written when a load begins, and kept, like audit.crawls: such a concert is not missing from the list.
-- Keys       small; read by run.
create table if not exists audit.refused_concerts (
    events_run varchar(18) not null,
    concert_id varchar(64) not null
)
sortkey (events_run, concert_id);
