-- Grain      one row per manifest judged: published, or parked because its load failed the audit.
-- Load rule  the row is written in the transaction that publishes the data. Manifests in S3 without a row
--            here are the warehouse's work.
-- Joins      fact_artists by snapshot_date
-- Keys       small, read whole.
create table if not exists dwh.load_ledger (
    dataset varchar(16) not null,
    run varchar(18) not null,
    state varchar(16) not null,
    reason varchar(4096),
    manifest_url varchar(1020) not null,
    record_count bigint,
    changes varchar(4096),
    snapshot_date date not null,
    judged_at timestamp not null,
    primary key (dataset, run)
)
diststyle all
sortkey (dataset, run);

comment on table dwh.load_ledger is
'What was loaded when: one row per manifest of the lake that was judged.';
comment on column dwh.load_ledger.dataset is
'events or songs.';
comment on column dwh.load_ledger.run is
'The ingestion run that wrote the manifest: its UTC instant, such as 2026-11-22T060000Z.';
comment on column dwh.load_ledger.state is
'published, or parked: its load failed the audit, and nothing of it is in the star.';
comment on column dwh.load_ledger.reason is
'Why it was parked: the failed expectations; null when published.';
comment on column dwh.load_ledger.manifest_url is
'Address of the manifest, s3://...';
comment on column dwh.load_ledger.record_count is
'Rows of the objects that the manifest names; null when it is parked.';
comment on column dwh.load_ledger.changes is
'JSON: per table of the star the rows added, changed, closed and unchanged; null when parked.';
comment on column dwh.load_ledger.snapshot_date is
'UTC date of the load: the later of its events and songs runs.';
comment on column dwh.load_ledger.judged_at is
'When its judging began, UTC.';
