set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0032_create_license_views');
drop function if exists authority.await_seat(uuid, uuid, text);
drop view if exists authority.usable_licenses;
drop view if exists authority.license_states;
