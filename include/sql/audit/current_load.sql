-- Grain      one row: the load that is now in staging and audit.
-- Load rule  replaced when a load begins; read by the files in publish/ and in this folder.
-- Keys       one row, needed on every node.
drop table if exists audit.current_load;

create table audit.current_load (
    events_run varchar(32),
    songs_run varchar(32),
    events_at timestamp, -- the instant of the events run
    songs_at timestamp, -- the instant of the songs run
    snapshot_date date, -- the later of their dates
    judged_at timestamp -- the instant, UTC, at which its judging began: the only clock reading in a load
)
diststyle all;
