-- Grain      one row: the load that staging and audit hold now.
-- Load rule  replaced when a load begins; the files of publish/ and of this folder read from it what it is.
-- Keys       one row, wanted on every node.
drop table if exists audit.current_load;

create table audit.current_load (
    events_run varchar(18),
    songs_run varchar(18),
    events_at timestamp, -- the instant of the events run
    songs_at timestamp, -- the instant of the songs run
    snapshot_date date, -- the later of their dates
    is_events_new boolean, -- whether the load judges the events run; else that was published before
    next_songs_at timestamp, -- the first published songs run after this one; null when this is the newest
    -- Whether newer runs were published for the snapshot date, or some that asked for more countries.
    is_outdated boolean,
    judged_at timestamp -- the instant, UTC, at which its judging began; nothing else here is a clock
)
diststyle all;
