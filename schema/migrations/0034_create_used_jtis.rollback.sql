set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0034_create_used_jtis');
call authority.drop_tables('0034_create_used_jtis', 'used_jtis');
