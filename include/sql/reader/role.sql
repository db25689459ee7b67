-- The read-only role of data scientists; what it may do is in grants.sql. Redshift has no IF NOT EXISTS here.
create role musician_reader;

-- On Redshift everybody may create tables in the schema public, until this.
revoke create on schema public from public;
