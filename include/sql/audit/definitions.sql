-- Grain      one row: the definitions by which the tables and views in the database were created, and the columns
--            that they then had, each as a hash.
-- Load rule  written when they are created.
-- Keys       one row.
drop table if exists audit.definitions;

create table audit.definitions (
    star_hash varchar(32) not null, -- of the files in dwh/: if they change, the star has to be rebuilt
    other_hash varchar(32) not null, -- of the other files: their tables and views are simply created again
    star_columns varchar(32), -- from the catalog: if they change without the definitions, somebody altered a table
    other_columns varchar(32)
)
diststyle all;
