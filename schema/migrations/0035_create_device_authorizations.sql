-- Creates device authorizations: requests of devices that a user decides elsewhere.
--
-- Locks: share row exclusive on authority.clients and users while foreign keys to them
-- are added; access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0035_create_device_authorizations');

create table if not exists authority.device_authorizations (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    device_code_hash bytea not null,
    user_code_hash bytea not null,
    client_uuid uuid not null,
    scopes text[] not null default '{}',
    resources text[] not null default '{}',
    authorization_details jsonb not null default '[]',
    cnf_jkt text,
    status text not null default 'pending',
    user_id uuid,
    poll_interval interval not null default '5 seconds',
    next_poll_at timestamptz not null default authority.clock(),
    properties jsonb not null default '{}',
    expires_at timestamptz not null,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint device_authorizations_tenant_id_id_pk primary key (tenant_id, id),
    constraint device_authorizations_tenant_id_device_code_hash_key
    unique (tenant_id, device_code_hash),
    constraint device_authorizations_tenant_id_user_code_hash_key
    unique (tenant_id, user_code_hash),
    constraint device_authorizations_device_code_hash_check
    check (octet_length(device_code_hash) = 32),
    constraint device_authorizations_user_code_hash_check
    check (octet_length(user_code_hash) = 32),
    constraint device_authorizations_scopes_check
    check (array_position(scopes, null) is null and authority.is_scope_list(scopes)),
    constraint device_authorizations_resources_check
    check (
        array_position(resources, null) is null
        and authority.is_resource_list(resources)
    ),
    constraint device_authorizations_authorization_details_check
    check (
        jsonb_typeof(authorization_details) = 'array'
        and authority.is_details_list(authorization_details)
        and authority.is_bounded_json(authorization_details)
    ),
    constraint device_authorizations_cnf_jkt_check
    check (cnf_jkt ~ '^[A-Za-z0-9_-]+$' and char_length(cnf_jkt) = 43),
    constraint device_authorizations_status_check
    check (status in ('pending', 'approved', 'denied')),
    constraint device_authorizations_status_user_id_check
    check ((status = 'pending') = (user_id is null)),
    constraint device_authorizations_poll_interval_check
    check (poll_interval > interval '0'),
    constraint device_authorizations_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint device_authorizations_expires_at_check
    check (
        expires_at > created_at
        and expires_at <= created_at + interval '30 minutes'
    ),
    constraint device_authorizations_moments_check
    check (
        least(next_poll_at, expires_at, created_at, updated_at) >= '1900-01-01Z'
        and greatest(
            next_poll_at,
            expires_at,
            created_at,
            updated_at
        ) < '9000-01-01Z'
    ),
    constraint device_authorizations_durations_check
    check (
        least(poll_interval) >= interval '0'
        and greatest(poll_interval) <= interval '876600 hours'
    )
);

comment on table authority.device_authorizations is
'A request of a device without a browser (RFC 8628). The device polls until a user, who
enters a short code elsewhere, decides once. Approval creates a family of tokens and a
token of type device_code with the same hash, which the device redeems.';
comment on column authority.device_authorizations.tenant_id is 'Owner of the row.';
comment on column authority.device_authorizations.id is 'Random.';
comment on column authority.device_authorizations.device_code_hash is
'SHA-256 of the device code, 32 octets.';
comment on column authority.device_authorizations.user_code_hash is
'SHA-256 of the tenant and the user code, 32 octets. It does not protect the code: user
codes are few enough to try them all. They live for minutes.';
comment on column authority.device_authorizations.client_uuid is
'clients.id of the requesting client.';
comment on column authority.device_authorizations.scopes is
'Names of the requested scopes. The user may approve fewer.';
comment on column authority.device_authorizations.resources is
'Requested resources (RFC 8707). The user may approve fewer.';
comment on column authority.device_authorizations.authorization_details is
'Requested authorization details (RFC 9396). The user may approve fewer.';
comment on column authority.device_authorizations.cnf_jkt is
'JWK SHA-256 thumbprint of the only key that may poll and redeem (RFC 9449 section 6).
Null: any key.';
comment on column authority.device_authorizations.status is
'pending until a user decides, then approved or denied. It does not change when the
request expires.';
comment on column authority.device_authorizations.user_id is
'The user who decided. Null: pending.';
comment on column authority.device_authorizations.poll_interval is
'How long the device must wait between two polls. Grows by 5 seconds with each poll that
comes too early (RFC 8628 section 3.5).';
comment on column authority.device_authorizations.next_poll_at is
'A poll before this time comes too early, while the request is pending.';
comment on column authority.device_authorizations.properties is
'Open object of the embedding service, such as the device''s name. The store never reads
it. Issued tokens inherit it.';
comment on column authority.device_authorizations.expires_at is
'From this time on the request cannot be decided and its code is dead, by the
database''s clock. At most 30 minutes after created_at, because the user code is
short.';
comment on column authority.device_authorizations.created_at is
'When the row was inserted.';
comment on column authority.device_authorizations.updated_at is
'When the row last changed.';

-- Serves the foreign key: clients.delete.
create index if not exists device_authorizations_tenant_id_client_uuid_idx
on authority.device_authorizations (tenant_id, client_uuid);
-- Serves the foreign key: users.delete.
create index if not exists device_authorizations_tenant_id_user_id_idx
on authority.device_authorizations (tenant_id, user_id) where user_id is not null;
-- Serves device_authorizations.prune_expired.
create index if not exists device_authorizations_expires_at_idx
on authority.device_authorizations (expires_at);

call authority.isolate_tenants('authority.device_authorizations');
call authority.let_operators_prune('authority.device_authorizations');

alter table authority.device_authorizations
drop constraint if exists device_authorizations_tenant_id_client_uuid_fk,
add constraint device_authorizations_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade,
drop constraint if exists device_authorizations_tenant_id_user_id_fk,
add constraint device_authorizations_tenant_id_user_id_fk
foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade;

grant select, insert on authority.device_authorizations to authority_app;
grant update (status, user_id, poll_interval, next_poll_at, updated_at)
on authority.device_authorizations to authority_app;
grant select (tenant_id, id, expires_at), update (updated_at), delete
on authority.device_authorizations to authority_maintenance;
-- All columns but the hashes.
grant select (
    tenant_id,
    id,
    client_uuid,
    scopes,
    resources,
    authorization_details,
    cnf_jkt,
    status,
    user_id,
    poll_interval,
    next_poll_at,
    properties,
    expires_at,
    created_at,
    updated_at
) on authority.device_authorizations to authority_reader;
