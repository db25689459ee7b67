-- The read-only role of data scientists; what it may do is in grants.sql. Redshift has no IF NOT EXISTS here.
create role musician_reader;
