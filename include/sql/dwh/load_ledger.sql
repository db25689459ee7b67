-- Grain      one row per manifest judged: published, or parked because its load failed the audit.
-- Load rule  the row is written in the transaction that publishes the data. Manifests in S3 without a row
--            here are the warehouse's work.
-- Keys       small, read whole.
create table if not exists dwh.load_ledger (
    dataset varchar(16) not null,
    run varchar(18) not null,
    state varchar(16) not null, -- published, parked
    reason varchar(4096), -- why it was parked
    manifest_url varchar(1020) not null,
    record_count bigint not null,
    changes varchar(4096), -- JSON: per table of the star the rows added, changed, closed and unchanged
    snapshot_date date not null,
    judged_at timestamp not null,
    primary key (dataset, run)
)
diststyle all
sortkey (dataset, run);
