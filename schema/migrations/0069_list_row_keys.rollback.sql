set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0069_list_row_keys');
drop function if exists authority.list_row_keys(uuid, text, text[], jsonb, bigint);
