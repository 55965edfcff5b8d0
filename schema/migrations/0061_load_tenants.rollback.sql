set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0061_load_tenants');
drop function if exists authority.advance_feed(uuid, bigint);
drop function if exists authority.load_rows(uuid, text, text[], text);
