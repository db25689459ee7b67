-- Grain      two rows: the events and the songs run of the load that is now in staging and audit.
-- Load rule  replaced when a load begins; a row becomes part of the ledger when its run is published or parked.
-- Keys       two rows, needed on every node.
drop table if exists audit.current_runs;

create table audit.current_runs (
    dataset varchar(16) not null,
    run varchar(32) not null,
    loaded_with varchar(32) not null, -- the other run
    is_pending boolean not null, -- whether the load judges it; else it was published before and is context
    manifest_url varchar(1020) not null,
    record_count bigint, -- null, as what follows, until manifest and certificate are read
    digest varchar(32), -- of its rows
    scope varchar(1020),
    is_complete boolean,
    is_addition boolean not null, -- whether it gives way to a run on which facts of the day rest
    is_accepted boolean not null, -- whether it may differ from earlier loads
    countries varchar(1020), -- such as ',GB,US,'
    horizon_date date -- up to which events were requested
)
diststyle all;
