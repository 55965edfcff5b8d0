-- Creates pushed authorization requests (RFC 9126).
--
-- Locks: share row exclusive on authority.clients while the foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0033_create_pushed_requests');

-- The free fifth of a page holds the redemptions of its requests, as HOT updates.
create table if not exists authority.pushed_requests (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    request_uri_hash bytea not null,
    client_uuid uuid not null,
    parameters jsonb not null,
    expires_at timestamptz not null,
    redeemed_at timestamptz,
    redemption_hash bytea,
    created_at timestamptz not null default authority.clock(),
    constraint pushed_requests_tenant_id_id_pk primary key (tenant_id, id),
    constraint pushed_requests_tenant_id_request_uri_hash_key
    unique (tenant_id, request_uri_hash),
    constraint pushed_requests_request_uri_hash_check
    check (octet_length(request_uri_hash) = 32),
    constraint pushed_requests_parameters_check
    check (
        jsonb_typeof(parameters) = 'object'
        and not parameters
        ?| array['request_uri', 'client_secret', 'client_assertion']
        and authority.is_bounded_json(parameters)
        and (
            parameters ->> 'scope' ~ '^[\x20\x21\x23-\x5b\x5d-\x7e]*$'
            and cardinality(string_to_array(parameters ->> 'scope', ' ')) <= 100
        ) is not false
        -- One resource, or a list (RFC 8707 section 2), as authority.is_resource_list.
        and not jsonb_path_exists(
            parameters,
            '$.resource[*] ? (!(@.type() == "string" && @ like_regex
            "^[A-Za-z][A-Za-z0-9+.-]*:'
            '(?:[]A-Za-z0-9._~:/?@!$&''()*+,;=[-]|%[0-9A-Fa-f]{2})+$"))'
        )
    ),
    constraint pushed_requests_expires_at_check
    check (
        expires_at > created_at
        and expires_at - created_at <= interval '10 minutes'
    ),
    constraint pushed_requests_redeemed_at_redemption_hash_check
    check ((redeemed_at is null) = (redemption_hash is null)),
    constraint pushed_requests_redemption_hash_check
    check (octet_length(redemption_hash) = 32),
    constraint pushed_requests_moments_check
    check (
        least(expires_at, redeemed_at, created_at) >= '1900-01-01Z'
        and greatest(expires_at, redeemed_at, created_at) < '9000-01-01Z'
    )
) with (
    fillfactor = 80
);

comment on table authority.pushed_requests is
'An authorization request that a client pushed before it redirected the browser (RFC
9126). Used once, within minutes. The request_uri is never stored.';
comment on column authority.pushed_requests.tenant_id is 'Owner of the row.';
comment on column authority.pushed_requests.id is 'Random.';
comment on column authority.pushed_requests.request_uri_hash is
'SHA-256 of the reference in the request_uri, 32 octets.';
comment on column authority.pushed_requests.client_uuid is
'clients.id of the client that pushed it. No other client may use it.';
comment on column authority.pushed_requests.parameters is
'Object of the request''s parameters, including dpop_jkt (RFC 9449 section 10). The
store does not interpret it. It never contains a request_uri (RFC 9126 section 2.1) or
the client''s credentials. Its scope is valid (RFC 6749 section 3.3) with at most 100
values, and its resource is an absolute URI or a list of them (RFC 8707 section 2).';
comment on column authority.pushed_requests.expires_at is
'The request is dead from this time on, by the database''s clock. At most ten minutes
after it was pushed (RFC 9126 section 2.2).';
comment on column authority.pushed_requests.redeemed_at is
'When it was used. Null: not used.';
comment on column authority.pushed_requests.redemption_hash is
'SHA-256 of the redemption_id that used it, 32 octets. The same id again is a retry or a
reload; another id is refused.';
comment on column authority.pushed_requests.created_at is 'When it was pushed.';

-- Serves the foreign key.
create index if not exists pushed_requests_tenant_id_client_uuid_idx
on authority.pushed_requests (tenant_id, client_uuid);
-- Serves pushed_requests.prune_expired.
create index if not exists pushed_requests_expires_at_idx
on authority.pushed_requests (expires_at);

call authority.isolate_tenants('authority.pushed_requests');
call authority.let_operators_prune('authority.pushed_requests');

alter table authority.pushed_requests
drop constraint if exists pushed_requests_tenant_id_client_uuid_fk,
add constraint pushed_requests_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade;

grant select, insert on authority.pushed_requests to authority_app;
grant update (redeemed_at, redemption_hash)
on authority.pushed_requests to authority_app;
grant select (tenant_id, id, expires_at), update (redeemed_at), delete
on authority.pushed_requests to authority_maintenance;
-- All columns but the hashes and the parameters, which may identify the user.
grant select (
    tenant_id,
    id,
    client_uuid,
    expires_at,
    redeemed_at,
    created_at
) on authority.pushed_requests to authority_reader;
