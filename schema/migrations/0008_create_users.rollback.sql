set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0008_create_users');
call authority.drop_tables('0008_create_users', 'users');
drop function if exists authority.is_username_key(text, text);
drop function if exists authority.is_password_hash(text);
