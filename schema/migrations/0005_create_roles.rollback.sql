set local search_path = pg_catalog;
set local role pg_database_owner;
drop table if exists authority.role_permissions;
drop table if exists authority.roles;
drop table if exists authority.system_roles;
drop table if exists authority.permissions;
