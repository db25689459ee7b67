-- Grain      one row per concert that the load's events run listed, but whose record landing rejected.
-- Load rule  replaced when a load begins: such a concert is not missing from the list.
-- Keys       small.
drop table if exists audit.rejected_concerts;

create table audit.rejected_concerts (
    concert_id varchar(64) not null
)
diststyle all;
