-- Grain      one row per table of the star: what publishing the load changed there.
-- Load rule  emptied and filled by include/sql/publish/*.sql, in the transaction that publishes.
-- Keys       few rows, read whole.
drop table if exists audit.changes;

create table audit.changes (
    star_table varchar(64),
    added bigint, -- rows with a new key
    changed bigint, -- rows with a known key and new content
    removed bigint, -- rows whose key is gone; delisted concerts
    unchanged bigint
)
diststyle all;
