-- Grain      one row per table of the star: what publishing the load changed there.
-- Load rule  emptied and filled by include/sql/publish/*.sql, in the transaction that publishes.
-- Keys       few rows, read whole.
create table if not exists audit.changes (
    star_table varchar(64),
    added bigint, -- rows with a key that was not there
    changed bigint, -- rows whose content is new
    removed bigint, -- rows with a key that is no longer there; concerts that were delisted
    unchanged bigint
)
diststyle all;
