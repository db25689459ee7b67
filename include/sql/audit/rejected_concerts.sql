-- Grain      one row per concert that the load's events run listed, but whose record was rejected.
-- Load rule  replaced when a load begins: such a concert does not count as missed.
-- Keys       small.
drop table if exists audit.rejected_concerts;

create table audit.rejected_concerts (
    concert_id varchar(64) not null
)
diststyle all;
