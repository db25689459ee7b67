-- Grain      one row: which definitions of the tables and views the database holds.
-- Load rule  written when they were created; a run of the warehouse creates them anew when the files have changed.
-- Keys       one row.
create table if not exists audit.definitions (
    content_hash varchar(32) not null -- of the SQL files
)
diststyle all;
