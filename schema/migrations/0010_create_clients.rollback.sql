set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0010_create_clients');
call authority.drop_tables('0010_create_clients', 'clients');
drop function if exists authority.names_no_grant(text[]);
