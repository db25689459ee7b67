-- Grain      one row: the load that staging and audit hold now.
-- Load rule  replaced when a load begins; the files of publish/ and of this folder read from it what it is.
-- Keys       one row, wanted on every node.
drop table if exists audit.current_load;

create table audit.current_load (
    events_run varchar(32),
    songs_run varchar(32),
    events_at timestamp, -- the instant of the events run
    songs_at timestamp, -- the instant of the songs run
    snapshot_date date, -- the later of their dates
    judged_at timestamp -- the instant, UTC, at which its judging began; nothing else here is a clock
)
diststyle all;
