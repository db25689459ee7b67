-- Grain      one row per table of the star: what publishing the load changed there.
-- Load rule  emptied and filled by include/sql/publish/*.sql, in the transaction that publishes.
-- Keys       four rows, read whole.
create table if not exists audit.changes (
    star_table varchar(64),
    added bigint, -- rows with a key that was not there
    changed bigint, -- rows whose content is new
    closed bigint, -- rows that ceased to be current, or were removed
    unchanged bigint
)
diststyle all;
