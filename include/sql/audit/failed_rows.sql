-- Grain      one row per failed expectation of a parked load and row that failed it: all rows, whereas the data docs
--            show only examples.
-- Load rule  written when a load is parked, in the transaction that parks it; kept until the load is judged again.
-- Keys       read by load.
create table if not exists audit.failed_rows (
    events_run varchar(32) not null,
    songs_run varchar(32) not null,
    star_table varchar(64) not null,
    expectation varchar(1020) not null,
    row_key varchar(256) -- the key of the row in the star's table, its columns separated by spaces
)
sortkey (events_run, songs_run);
