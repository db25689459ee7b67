-- The warehouse's schemas, in the order in which data passes through them.
create schema if not exists staging;
create schema if not exists audit;
create schema if not exists dwh;
create schema if not exists analytics;
