-- Grain      one row per manifest judged: published, parked or late; or pending again, if it was parked and then
--            accepted.
-- Load rule  the row is written in the transaction that publishes the data. Manifests in S3 without a row
--            here are the warehouse's work.
-- Joins      fact_artists by snapshot_date
-- Keys       small, read whole.
create table if not exists dwh.load_ledger (
    dataset varchar(16) not null,
    run varchar(32) not null,
    loaded_with varchar(32),
    load_number bigint,
    state varchar(16) not null,
    reason varchar(4096),
    scope varchar(1020),
    is_complete boolean,
    is_addition boolean not null,
    is_accepted boolean not null,
    manifest_url varchar(1020) not null,
    record_count bigint,
    digest varchar(32),
    changes varchar(4096),
    snapshot_date date not null,
    judged_at timestamp not null,
    dag_run varchar(1000),
    primary key (dataset, run)
)
diststyle all
sortkey (dataset, run);

comment on table dwh.load_ledger is
'What was loaded and when: one row per manifest of the lake that was judged.';
comment on column dwh.load_ledger.dataset is
'events or songs.';
comment on column dwh.load_ledger.run is
'The ingestion run that wrote the manifest: its UTC instant, such as 2026-11-22T060000Z.';
comment on column dwh.load_ledger.loaded_with is
'The run of the other dataset in its load; null when late.';
comment on column dwh.load_ledger.load_number is
'The number of its load, in the order of publication; null unless published.';
comment on column dwh.load_ledger.state is
'published; parked: it failed the audit; late: older than what is published; pending: accepted, not yet judged again.';
comment on column dwh.load_ledger.reason is
'Why it is parked or late, and what to do; of a published run, why it cannot be staged again, else null.';
comment on column dwh.load_ledger.scope is
'What the run requested, such as GB,US; 365 days; null when not readable.';
comment on column dwh.load_ledger.is_complete is
'Whether the run''s certificate proves that it received everything it requested; null when not readable.';
comment on column dwh.load_ledger.is_addition is
'True: it added concerts or songs to a day whose facts stay those of a wider or complete run.';
comment on column dwh.load_ledger.is_accepted is
'True: an operator accepted that it differs from earlier loads.';
comment on column dwh.load_ledger.manifest_url is
'Address of the manifest, s3://...';
comment on column dwh.load_ledger.record_count is
'Rows of the objects that the manifest names; null when not readable.';
comment on column dwh.load_ledger.digest is
'Identifies the rows that were judged: once others are landed, the run is no context until a rebuild; else null.';
comment on column dwh.load_ledger.changes is
'JSON: per table of the star the rows added, changed, removed and unchanged; null unless published.';
comment on column dwh.load_ledger.snapshot_date is
'UTC date of the load, the later of its events and songs runs; of a late run, its own.';
comment on column dwh.load_ledger.judged_at is
'When the load began to be judged, UTC.';
comment on column dwh.load_ledger.dag_run is
'The run of musician_warehouse that published or rebuilt it; null unless published, and if a command rebuilt it.';
