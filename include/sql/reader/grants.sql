-- What the role musician_reader may do: read everything in `dwh` and `analytics`, including tables added later.
grant usage on schema dwh to role musician_reader;
grant usage on schema analytics to role musician_reader;
grant select on all tables in schema dwh to role musician_reader;
grant select on all tables in schema analytics to role musician_reader;

-- Redshift knows ALTER DEFAULT PRIVILEGES … TO ROLE, the linter does not.
-- noqa: disable=PRS
alter default privileges in schema dwh grant select on tables to role musician_reader;
alter default privileges in schema analytics grant select on tables to role musician_reader;
