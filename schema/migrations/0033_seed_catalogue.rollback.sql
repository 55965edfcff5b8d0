-- Deletes the templates. The rollbacks of the tables drop the copies in tenants and the
-- catalogue that they refer to.
set local search_path = pg_catalog;
set local role pg_database_owner;
delete from authority.system_scopes;
delete from authority.system_roles;
