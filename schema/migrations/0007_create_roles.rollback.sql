set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0007_create_roles');
call authority.drop_tables(
    '0007_create_roles', 'role_permissions', 'roles', 'system_roles'
);
-- Only migrations write its rows.
drop table if exists authority.permissions;
