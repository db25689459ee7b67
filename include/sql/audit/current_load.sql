-- Grain      one row: the load that staging and audit hold now.
-- Load rule  replaced when a load begins; the other files of this folder read their dates from it.
-- Keys       one row, wanted on every node.
create table if not exists audit.current_load (
    events_run varchar(18),
    songs_run varchar(18),
    snapshot_at timestamp,
    snapshot_date date,
    is_newest boolean -- false when a later snapshot is already published
)
diststyle all;
