-- Grain      one row: the definitions by which the tables and views in the database were created.
-- Load rule  written when they are created.
-- Keys       one row.
drop table if exists audit.definitions;

create table audit.definitions (
    star_hash varchar(32) not null, -- of the files in dwh/: if they change, the star has to be rebuilt
    other_hash varchar(32) not null -- of the other files: their tables and views are simply created again
)
diststyle all;
