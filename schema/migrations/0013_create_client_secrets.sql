-- Creates the secrets of clients.
--
-- Locks: share row exclusive on authority.clients while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0013_create_client_secrets');

create table if not exists authority.client_secrets (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    client_uuid uuid not null,
    secret_hash text not null,
    description text not null default '',
    valid_from timestamptz not null default authority.clock(),
    valid_until timestamptz,
    last_used_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    constraint client_secrets_tenant_id_id_pk primary key (tenant_id, id),
    constraint client_secrets_secret_hash_check
    check (
        char_length(secret_hash) <= 1024
        and case
            when secret_hash collate "C" ~ '^\$sha256\$[A-Za-z0-9+/]{43}$' then true
            else authority.is_password_hash(secret_hash)
        end
    ),
    constraint client_secrets_valid_until_check check (valid_until >= valid_from),
    constraint client_secrets_description_check
    check (char_length(description) <= 2000),
    constraint client_secrets_moments_check
    check (
        least(
            valid_from,
            valid_until,
            last_used_at,
            created_at
        ) >= '1900-01-01Z'
        and greatest(
            valid_from,
            valid_until,
            last_used_at,
            created_at
        ) < '9000-01-01Z'
    )
);

comment on table authority.client_secrets is
'A secret of a confidential client. Several can be valid at once, so that rotation needs
no downtime.';
comment on column authority.client_secrets.tenant_id is 'Owner of the row.';
comment on column authority.client_secrets.id is 'Random.';
comment on column authority.client_secrets.client_uuid is
'clients.id of the client that authenticates.';
comment on column authority.client_secrets.secret_hash is
'SHA-256 of a generated secret, which has 256 random bits, or for a chosen secret any
hash that users.password_hash allows. The secret is never stored.';
comment on column authority.client_secrets.description is
'Where the secret is installed, for the person who rotates it. May be empty.';
comment on column authority.client_secrets.valid_from is
'The secret is refused before this time.';
comment on column authority.client_secrets.valid_until is
'The secret is refused from this time on. Null: no end.';
comment on column authority.client_secrets.last_used_at is
'When the secret was last accepted, to the minute. Shows when an old secret can be
removed. Null: never.';
comment on column authority.client_secrets.created_at is 'When the row was inserted.';

-- Serves client_secrets.list_live and the foreign key.
create index if not exists client_secrets_tenant_id_client_uuid_idx
on authority.client_secrets (tenant_id, client_uuid);

-- Bounds client_secrets.list_live and client_secrets.list_by_client.
create or replace trigger client_secrets_client_uuid_limit
after insert on authority.client_secrets
for each row execute function authority.limit_rows('client_uuid', '100');

call authority.isolate_tenants('authority.client_secrets');

alter table authority.client_secrets
drop constraint if exists client_secrets_tenant_id_client_uuid_fk,
add constraint client_secrets_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade;

grant select, insert, delete on authority.client_secrets to authority_app;
grant update (valid_from, valid_until, last_used_at)
on authority.client_secrets to authority_app;
-- All columns but the hash.
grant select (
    tenant_id,
    id,
    client_uuid,
    description,
    valid_from,
    valid_until,
    last_used_at,
    created_at
) on authority.client_secrets to authority_reader;
