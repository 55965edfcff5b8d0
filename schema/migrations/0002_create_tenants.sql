-- Creates tenants: who owns every other row.
--
-- Locks: none on tables in use.

set local lock_timeout = '5s';
set local statement_timeout = '60s';

create table if not exists authority.tenants (
    id uuid not null default gen_random_uuid(),
    code text collate "C" not null,
    display_name text not null,
    status text not null default 'active',
    settings jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    row_version bigint not null default 1,
    constraint tenants_id_pk primary key (id),
    constraint tenants_code_key unique (code),
    constraint tenants_code_check
    check (code ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    constraint tenants_display_name_check check (display_name <> ''),
    constraint tenants_status_check
    check (status in ('active', 'suspended', 'trial', 'terminated')),
    constraint tenants_settings_check check (jsonb_typeof(settings) = 'object')
);

comment on table authority.tenants is
'One customer of the authority. Every other row belongs to exactly one.';
comment on column authority.tenants.id is
'Random. Part of every token string, so that a look-up never crosses tenants.';
comment on column authority.tenants.code is
'Name in URLs and configuration: a DNS label (RFC 1035), lower case.';
comment on column authority.tenants.display_name is 'Name shown to people.';
comment on column authority.tenants.status is
'active and trial issue and verify tokens; suspended and terminated do neither.';
comment on column authority.tenants.settings is
'Open object of the embedding service. The store never reads it.';
comment on column authority.tenants.created_at is 'When the row was inserted.';
comment on column authority.tenants.updated_at is 'When the row last changed.';
comment on column authority.tenants.row_version is
'Optimistic lock: an update names the version that it read.';
