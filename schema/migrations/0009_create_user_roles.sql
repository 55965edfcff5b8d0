-- Creates the roles assigned to users.
--
-- Locks: share row exclusive on authority.users and authority.roles while foreign keys
-- to them are added; access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0009_create_user_roles');

create table if not exists authority.user_roles (
    tenant_id uuid not null,
    user_id uuid not null,
    role_id uuid not null,
    granted_by text collate "C",
    expires_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    constraint user_roles_tenant_id_user_id_role_id_pk
    primary key (tenant_id, user_id, role_id),
    constraint user_roles_granted_by_check
    check (authority.is_visible(granted_by) and char_length(granted_by) <= 256),
    constraint user_roles_moments_check
    check (
        least(expires_at, created_at) >= '1900-01-01Z'
        and greatest(expires_at, created_at) < '9000-01-01Z'
    )
);

comment on table authority.user_roles is
'The assignment of a role to a user, possibly until a set time.';
comment on column authority.user_roles.tenant_id is 'Owner of the row.';
comment on column authority.user_roles.user_id is 'The user who has the role.';
comment on column authority.user_roles.role_id is
'The role. It cannot be deleted while it is assigned.';
comment on column authority.user_roles.granted_by is
'The user or service that assigned the role, in the embedding service''s own terms.
Null: not recorded.';
comment on column authority.user_roles.expires_at is
'The assignment has no effect from this time on, and may be pruned. Null: no end.';
comment on column authority.user_roles.created_at is
'When the role was first assigned.';

-- Serves users.find_by_role, and the foreign key: roles.delete.
create index if not exists user_roles_tenant_id_role_id_user_id_idx
on authority.user_roles (tenant_id, role_id, user_id);
-- Serves user_roles.prune_expired.
create index if not exists user_roles_expires_at_idx
on authority.user_roles (expires_at) where expires_at is not null;

-- Bounds user_roles.list_by_user and roles.list_user_permissions.
create or replace trigger user_roles_user_id_limit
after insert on authority.user_roles
for each row execute function authority.limit_rows('user_id', '100');

call authority.isolate_tenants('authority.user_roles');
call authority.let_operators_prune('authority.user_roles');

alter table authority.user_roles
drop constraint if exists user_roles_tenant_id_user_id_fk,
add constraint user_roles_tenant_id_user_id_fk foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade,
drop constraint if exists user_roles_tenant_id_role_id_fk,
add constraint user_roles_tenant_id_role_id_fk foreign key (tenant_id, role_id)
references authority.roles (tenant_id, id);

grant select, insert, delete on authority.user_roles to authority_app;
grant update (granted_by, expires_at) on authority.user_roles to authority_app;
grant
select (tenant_id, user_id, role_id, expires_at),
update (created_at),
delete
on authority.user_roles to authority_maintenance;
grant select on authority.user_roles to authority_reader;
