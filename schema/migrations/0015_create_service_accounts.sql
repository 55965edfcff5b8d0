-- Creates service accounts: machine identities that clients act as.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0015_create_service_accounts');

create table if not exists authority.service_accounts (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    account_id text collate "C" not null,
    display_name text not null default '',
    description text not null default '',
    enabled boolean not null default true,
    tokens_valid_after timestamptz,
    allowed_scopes text[] not null default '{}',
    allowed_resources text[] not null default '{}',
    authorized_client_uuids uuid[] not null default '{}',
    attributes jsonb not null default '{}',
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint service_accounts_tenant_id_id_pk primary key (tenant_id, id),
    constraint service_accounts_tenant_id_account_id_key
    unique (tenant_id, account_id),
    constraint service_accounts_account_id_check
    check (account_id ~ '^[a-z0-9][a-z0-9_.-]*$' and char_length(account_id) <= 100),
    constraint service_accounts_allowed_scopes_check
    check (
        array_position(allowed_scopes, null) is null
        and authority.is_scope_list(allowed_scopes)
    ),
    constraint service_accounts_allowed_resources_check
    check (
        array_position(allowed_resources, null) is null
        and authority.is_resource_list(allowed_resources)
    ),
    constraint service_accounts_authorized_client_uuids_check
    check (
        array_position(authorized_client_uuids, null) is null
        and cardinality(authorized_client_uuids) <= 1000
    ),
    constraint service_accounts_attributes_check
    check (
        jsonb_typeof(attributes) = 'object'
        and authority.is_bounded_json(attributes)
    ),
    constraint service_accounts_display_name_check
    check (char_length(display_name) <= 256),
    constraint service_accounts_description_check
    check (char_length(description) <= 2000),
    constraint service_accounts_moments_check
    check (
        least(tokens_valid_after, created_at, updated_at) >= '1900-01-01Z'
        and greatest(tokens_valid_after, created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.service_accounts is
'A machine identity of one tenant. Authorized clients act as it.';
comment on column authority.service_accounts.tenant_id is 'Owner of the row.';
comment on column authority.service_accounts.id is 'Random. Key inside the store.';
comment on column authority.service_accounts.account_id is
'Identifier in lower case, unique in the tenant.';
comment on column authority.service_accounts.display_name is
'Name shown to people. May be empty.';
comment on column authority.service_accounts.description is
'What the account is for. May be empty.';
comment on column authority.service_accounts.enabled is
'The tokens of a disabled account do not verify.';
comment on column authority.service_accounts.tokens_valid_after is
'Tokens whose authenticated_at is at or before this time are dead. Only increases. Null:
never set.';
comment on column authority.service_accounts.allowed_scopes is
'Names of the scopes that its tokens may have. Checked when a token is issued.';
comment on column authority.service_accounts.allowed_resources is
'Resources that its tokens may name. Checked when a token is issued.';
comment on column authority.service_accounts.authorized_client_uuids is
'clients.id of each client that may act as it. Checked when a token is issued. There is
no foreign key: ids are never reused, so the id of a deleted client is harmless.';
comment on column authority.service_accounts.attributes is
'Open object of the embedding service. The store never reads it.';
comment on column authority.service_accounts.created_at is 'When the row was inserted.';
comment on column authority.service_accounts.updated_at is 'When the row last changed.';
comment on column authority.service_accounts.row_version is
'Optimistic lock: an update names the version that it read.';

call authority.isolate_tenants('authority.service_accounts');

alter table authority.service_accounts
drop constraint if exists service_accounts_tenant_id_fk,
add constraint service_accounts_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

grant select, insert, update, delete on authority.service_accounts to authority_app;
grant select on authority.service_accounts to authority_reader;
