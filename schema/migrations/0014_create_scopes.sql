-- Creates the standard scopes that each new tenant gets, and the scopes of tenants.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0014_create_scopes');

create table if not exists authority.system_scopes (
    name text collate "C" not null,
    display_name text not null,
    description text not null,
    created_at timestamptz not null default authority.clock(),
    constraint system_scopes_name_pk primary key (name),
    constraint system_scopes_name_check
    check (authority.is_visible(name) and char_length(name) <= 255),
    constraint system_scopes_display_name_check
    check (char_length(display_name) <= 256),
    constraint system_scopes_description_check
    check (char_length(description) <= 2000),
    constraint system_scopes_moments_check
    check (
        least(created_at) >= '1900-01-01Z'
        and greatest(created_at) < '9000-01-01Z'
    )
);

comment on table authority.system_scopes is
'Templates: a new tenant gets a copy of each row. Migrations change them.';
comment on column authority.system_scopes.name is 'Name of the scope in each tenant.';
comment on column authority.system_scopes.display_name is
'Name shown on the consent page.';
comment on column authority.system_scopes.description is
'What the user allows by consenting, in one sentence.';
comment on column authority.system_scopes.created_at is 'When the row was inserted.';

create table if not exists authority.scopes (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    name text collate "C" not null,
    display_name text not null default '',
    display_names jsonb not null default '{}',
    description text not null default '',
    descriptions jsonb not null default '{}',
    resources text[] not null default '{}',
    properties jsonb not null default '{}',
    is_system boolean not null default false,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint scopes_tenant_id_id_pk primary key (tenant_id, id),
    constraint scopes_tenant_id_name_key unique (tenant_id, name),
    constraint scopes_name_check
    check (name ~ '^[]!#-[^-~]+$' and char_length(name) <= 255),
    constraint scopes_display_names_check
    check (
        jsonb_typeof(display_names) = 'object'
        and authority.is_bounded_json(display_names)
    ),
    constraint scopes_descriptions_check
    check (
        jsonb_typeof(descriptions) = 'object'
        and authority.is_bounded_json(descriptions)
    ),
    constraint scopes_resources_check
    check (
        array_position(resources, null) is null
        and authority.is_resource_list(resources)
    ),
    constraint scopes_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint scopes_display_name_check check (char_length(display_name) <= 256),
    constraint scopes_description_check check (char_length(description) <= 2000),
    constraint scopes_moments_check
    check (
        least(created_at, updated_at) >= '1900-01-01Z'
        and greatest(created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.scopes is
'A scope that clients of one tenant may request (RFC 6749 section 3.3).';
comment on column authority.scopes.tenant_id is 'Owner of the row.';
comment on column authority.scopes.id is 'Random.';
comment on column authority.scopes.name is
'A scope-token (RFC 6749 section 3.3), case-sensitive, unique in the tenant.';
comment on column authority.scopes.display_name is
'Name on the consent page when no translation fits. May be empty.';
comment on column authority.scopes.display_names is
'Translations: object of language tag (BCP 47) to name.';
comment on column authority.scopes.description is
'What the user allows by consenting. May be empty.';
comment on column authority.scopes.descriptions is
'Translations: object of language tag (BCP 47) to description.';
comment on column authority.scopes.resources is
'Resources that have this scope: absolute URIs (RFC 8707 section 2). The caller chooses
from them the resources of a request that names none. The store never reads them.';
comment on column authority.scopes.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.scopes.is_system is
'Copied from authority.system_scopes. A system scope cannot be renamed or deleted.';
comment on column authority.scopes.created_at is 'When the row was inserted.';
comment on column authority.scopes.updated_at is 'When the row last changed.';
comment on column authority.scopes.row_version is
'Optimistic lock: an update names the version that it read.';

call authority.isolate_tenants('authority.scopes');

alter table authority.scopes
drop constraint if exists scopes_tenant_id_fk,
add constraint scopes_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;
-- Operators create tenants, each with copies of the standard scopes.
drop policy if exists scopes_maintenance_policy on authority.scopes;
create policy scopes_maintenance_policy on authority.scopes
to authority_maintenance using (true);

-- This table belongs to no tenant: roles with the privilege read all rows, and the
-- owner writes them.
alter table authority.system_scopes
enable row level security, force row level security;
drop policy if exists system_scopes_shared_policy on authority.system_scopes;
create policy system_scopes_shared_policy on authority.system_scopes
for select using (true);
drop policy if exists system_scopes_owner_policy on authority.system_scopes;
create policy system_scopes_owner_policy on authority.system_scopes
to pg_database_owner using (true);

-- A tenant neither creates system scopes nor changes or deletes them.
drop policy if exists scopes_insert_policy on authority.scopes;
create policy scopes_insert_policy on authority.scopes as restrictive
for insert to authority_app with check (not is_system);
drop policy if exists scopes_update_policy on authority.scopes;
create policy scopes_update_policy on authority.scopes as restrictive
for update to authority_app using (not is_system);
drop policy if exists scopes_delete_policy on authority.scopes;
create policy scopes_delete_policy on authority.scopes as restrictive
for delete to authority_app using (not is_system);

grant select on authority.system_scopes to authority_maintenance;
grant select, insert, delete on authority.scopes to authority_app;
grant update (
    name,
    display_name,
    display_names,
    description,
    descriptions,
    resources,
    properties,
    updated_at,
    row_version
) on authority.scopes to authority_app;
grant insert (tenant_id, name, display_name, description, is_system)
on authority.scopes to authority_maintenance;
grant select on authority.scopes to authority_reader;
