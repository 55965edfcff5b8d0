-- Creates the permission catalogue, the system roles that each new tenant gets, and the
-- roles of tenants.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0007_create_roles');

create table if not exists authority.permissions (
    name text collate "C" not null,
    description text not null,
    created_at timestamptz not null default authority.clock(),
    constraint permissions_name_pk primary key (name),
    constraint permissions_name_check
    check (name ~ '^[a-z][a-z0-9_]*:[a-z][a-z0-9_]*$' and char_length(name) <= 255),
    constraint permissions_description_check check (char_length(description) <= 2000),
    constraint permissions_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    )
);

comment on table authority.permissions is
'Catalogue of the permissions that a role can have, the same for all tenants. Migrations
change it.';
comment on column authority.permissions.name is 'resource:action, lower case.';
comment on column authority.permissions.description is
'What the permission allows, in one sentence.';
comment on column authority.permissions.created_at is 'When the row was inserted.';

create table if not exists authority.system_roles (
    name text collate "C" not null,
    description text not null,
    permissions text[] collate "C" not null,
    created_at timestamptz not null default authority.clock(),
    constraint system_roles_name_pk primary key (name),
    constraint system_roles_permissions_check
    check (
        array_position(permissions, null) is null
        and authority.is_text_list(permissions, 200, 255)
    ),
    constraint system_roles_name_check
    check (authority.is_visible(name) and char_length(name) <= 100),
    constraint system_roles_description_check check (char_length(description) <= 2000),
    constraint system_roles_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    )
);

comment on table authority.system_roles is
'Templates: a new tenant gets a copy of each row. Migrations change them.';
comment on column authority.system_roles.name is 'Name of the role in each tenant.';
comment on column authority.system_roles.description is
'The users who need the role, in one sentence.';
comment on column authority.system_roles.permissions is
'Names from authority.permissions, copied to authority.role_permissions.';
comment on column authority.system_roles.created_at is 'When the row was inserted.';

create table if not exists authority.roles (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    name text collate "C" not null,
    description text not null default '',
    is_system boolean not null default false,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint roles_tenant_id_id_pk primary key (tenant_id, id),
    constraint roles_tenant_id_name_key unique (tenant_id, name),
    constraint roles_name_check
    check (name ~ '^[a-z][a-z0-9_.:-]*$' and char_length(name) <= 100),
    constraint roles_description_check check (char_length(description) <= 2000),
    constraint roles_moments_check
    check (
        least(created_at, updated_at) >= '1900-01-01Z'
        and greatest(created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.roles is 'A named set of permissions in one tenant.';
comment on column authority.roles.tenant_id is 'Owner of the row.';
comment on column authority.roles.id is 'Random.';
comment on column authority.roles.name is
'Identifier in lower case, unique in the tenant.';
comment on column authority.roles.description is
'The users who need the role, in one sentence. May be empty.';
comment on column authority.roles.is_system is
'Copied from authority.system_roles. A system role cannot be renamed or deleted.';
comment on column authority.roles.created_at is 'When the row was inserted.';
comment on column authority.roles.updated_at is 'When the row last changed.';
comment on column authority.roles.row_version is
'Optimistic lock: an update names the version that it read.';

create table if not exists authority.role_permissions (
    tenant_id uuid not null,
    role_id uuid not null,
    permission text collate "C" not null,
    created_at timestamptz not null default authority.clock(),
    constraint role_permissions_tenant_id_role_id_permission_pk
    primary key (tenant_id, role_id, permission),
    constraint role_permissions_permission_check
    check (char_length(permission) <= 255),
    constraint role_permissions_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    )
);

comment on table authority.role_permissions is 'One permission of one role.';
comment on column authority.role_permissions.tenant_id is 'Owner of the row.';
comment on column authority.role_permissions.role_id is
'The role that has the permission.';
comment on column authority.role_permissions.permission is
'A name from authority.permissions.';
comment on column authority.role_permissions.created_at is
'When the role got the permission.';

-- Serves the foreign key: a permission leaves the catalogue.
create index if not exists role_permissions_permission_idx
on authority.role_permissions (permission);

call authority.isolate_tenants('authority.roles');
call authority.isolate_tenants('authority.role_permissions');

alter table authority.roles
drop constraint if exists roles_tenant_id_fk,
add constraint roles_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

alter table authority.role_permissions
drop constraint if exists role_permissions_tenant_id_role_id_fk,
add constraint role_permissions_tenant_id_role_id_fk
foreign key (tenant_id, role_id)
references authority.roles (tenant_id, id) on delete cascade,
drop constraint if exists role_permissions_permission_fk,
add constraint role_permissions_permission_fk foreign key (permission)
references authority.permissions (name);
-- Operators create tenants, each with copies of the system roles.
drop policy if exists roles_maintenance_policy on authority.roles;
create policy roles_maintenance_policy on authority.roles
to authority_maintenance using (true);
drop policy if exists role_permissions_maintenance_policy
on authority.role_permissions;
create policy role_permissions_maintenance_policy on authority.role_permissions
to authority_maintenance using (true);

-- These tables belong to no tenant: roles with the privilege read all rows, and the
-- owner writes them.
alter table authority.permissions
enable row level security, force row level security;
drop policy if exists permissions_shared_policy on authority.permissions;
create policy permissions_shared_policy on authority.permissions
for select using (true);
drop policy if exists permissions_owner_policy on authority.permissions;
create policy permissions_owner_policy on authority.permissions
to pg_database_owner using (true);
alter table authority.system_roles
enable row level security, force row level security;
drop policy if exists system_roles_shared_policy on authority.system_roles;
create policy system_roles_shared_policy on authority.system_roles
for select using (true);
drop policy if exists system_roles_owner_policy on authority.system_roles;
create policy system_roles_owner_policy on authority.system_roles
to pg_database_owner using (true);

-- A tenant neither creates system roles nor changes or deletes them.
drop policy if exists roles_insert_policy on authority.roles;
create policy roles_insert_policy on authority.roles as restrictive
for insert to authority_app with check (not is_system);
drop policy if exists roles_update_policy on authority.roles;
create policy roles_update_policy on authority.roles as restrictive
for update to authority_app using (not is_system);
drop policy if exists roles_delete_policy on authority.roles;
create policy roles_delete_policy on authority.roles as restrictive
for delete to authority_app using (not is_system);

grant select on authority.permissions to authority_app, authority_reader;
grant select on authority.system_roles to authority_maintenance;
grant select, insert, delete on authority.roles to authority_app;
grant update (name, description, updated_at, row_version)
on authority.roles to authority_app;
grant select, insert, delete on authority.role_permissions to authority_app;
grant select (tenant_id, id, name) on authority.roles to authority_maintenance;
grant insert (tenant_id, name, description, is_system)
on authority.roles to authority_maintenance;
grant insert (tenant_id, role_id, permission)
on authority.role_permissions to authority_maintenance;
grant select on authority.roles, authority.role_permissions to authority_reader;
