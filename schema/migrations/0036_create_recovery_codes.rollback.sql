set local search_path = pg_catalog;
set local role pg_database_owner;
drop table if exists authority.recovery_codes;
drop function if exists authority.are_digests(bytea[]);
