-- Grain      one row: the load that staging and audit hold now.
-- Load rule  replaced when a load begins; the other files of this folder read their dates from it.
-- Keys       one row, wanted on every node.
create table if not exists audit.current_load (
    events_run varchar(18),
    songs_run varchar(18),
    events_at timestamp, -- the instant of the events run
    songs_at timestamp, -- the instant of the songs run
    snapshot_date date, -- the later of their dates
    next_events_at timestamp, -- the first published events run after this one; null when this is the newest
    is_complete boolean, -- whether the events run proved that it saw every concert it asked for
    countries varchar(1020), -- for which it asked, as ',GB,US,'
    horizon_date date -- up to which it asked
)
diststyle all;
