-- Deletes the templates. The rollbacks of the tables drop the copies in tenants and the
-- catalogue that they refer to.
set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0036_seed_catalogue');
delete from authority.system_scopes;
delete from authority.system_roles;
