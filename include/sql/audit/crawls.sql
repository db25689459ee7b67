-- Grain      one row per events run that became part of a load: what its crawl can tell of concerts it did not list.
-- Load rule  written when a load begins, and kept: a run that arrives late must know what later ones saw.
-- Keys       small, wanted on every node.
create table if not exists audit.crawls (
    events_run varchar(18) not null,
    events_at timestamp not null, -- its instant
    is_complete boolean not null, -- whether it proved that it saw every concert it asked for
    countries varchar(1020) not null, -- for which it asked, as ',GB,US,'
    horizon_date date not null -- up to which it asked
)
diststyle all
sortkey (events_at);
