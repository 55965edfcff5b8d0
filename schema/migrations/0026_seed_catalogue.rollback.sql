-- Empties the templates. The copies in tenants, and the catalogue that they point
-- to, go with their tables.
set local search_path = pg_catalog;
set local role authority_owner;
delete from authority.system_scopes;
delete from authority.system_roles;
