-- Grain      one row: which definitions of the tables and views the database holds.
-- Load rule  written when they were created.
-- Keys       one row.
drop table if exists audit.definitions;

create table audit.definitions (
    star_hash varchar(32) not null, -- of the files of dwh/: when these change, only a rebuild helps
    other_hash varchar(32) not null -- of the other files: those tables and views are simply created again
)
diststyle all;
