-- Keeps the session that yoyo's lock records: yoyo is still using its tables.
set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
drop procedure if exists authority.begin_migration;
