-- Creates tokens.
--
-- Locks: none on tables in use.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0020_create_tokens');

-- The free tenth of a page holds the redemptions of its tokens, as HOT updates. Pruning
-- deletes tokens all the time: vacuum comes at 5% instead of 20%.
create table if not exists authority.tokens (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    type text collate "C" not null,
    token_hash bytea not null,
    is_foreign boolean not null
    generated always as (octet_length(token_hash) = 33) stored,
    client_uuid uuid not null,
    user_id uuid,
    service_account_id uuid,
    authorization_id uuid,
    parent_id uuid,
    subject_authorization_id uuid,
    exchanged_from uuid[],
    actor jsonb,
    scopes text[] not null default '{}',
    resources text[] not null default '{}',
    authorization_details jsonb not null default '[]',
    code_challenge text,
    redirect_uri text,
    nonce text,
    cnf_jkt text,
    cnf_x5t_s256 text,
    payload bytea,
    properties jsonb not null default '{}',
    expires_at timestamptz not null,
    redeemed_at timestamptz,
    redemption_hash bytea,
    revoked_at timestamptz,
    revocation_reason text,
    authenticated_at timestamptz not null default authority.clock(),
    created_at timestamptz not null default authority.clock(),
    constraint tokens_tenant_id_id_pk primary key (tenant_id, id),
    constraint tokens_tenant_id_token_hash_key unique (tenant_id, token_hash),
    constraint tokens_type_check
    check (type in ('access', 'refresh', 'authorization_code', 'device_code')),
    constraint tokens_token_hash_check
    check (
        octet_length(token_hash) >= 32
        and octet_length(token_hash) <= 33
        and (octet_length(token_hash) = 32 or substr(token_hash, 1, 1) = '\x00')
    ),
    constraint tokens_user_id_service_account_id_check
    check (num_nonnulls(user_id, service_account_id) <= 1),
    constraint tokens_type_authorization_id_check
    check (type = 'access' or authorization_id is not null),
    constraint tokens_exchanged_from_check
    check (
        case
            when exchanged_from is null
                then num_nonnulls(subject_authorization_id, actor) = 0
            else
                type = 'access'
                and authorization_id is null
                and cardinality(exchanged_from) between 1 and 16
                and array_position(exchanged_from, null) is null
        end
    ),
    constraint tokens_actor_check
    check (
        jsonb_typeof(actor) = 'object' and actor ? 'sub'
        and authority.is_bounded_json(actor)
    ),
    constraint tokens_type_redirect_uri_code_challenge_check
    check (
        type = 'authorization_code'
        or num_nonnulls(redirect_uri, code_challenge) = 0
    ),
    constraint tokens_type_expires_at_check
    check (
        type <> 'authorization_code'
        or expires_at <= created_at + interval '10 minutes'
    ),
    constraint tokens_type_redeemed_at_check
    check (type <> 'access' or redeemed_at is null),
    constraint tokens_scopes_check
    check (array_position(scopes, null) is null and authority.is_scope_list(scopes)),
    constraint tokens_resources_check
    check (
        array_position(resources, null) is null
        and authority.is_resource_list(resources)
    ),
    constraint tokens_authorization_details_check
    check (
        jsonb_typeof(authorization_details) = 'array'
        and authority.is_details_list(authorization_details)
        and authority.is_bounded_json(authorization_details)
    ),
    constraint tokens_code_challenge_check
    check (code_challenge ~ '^[A-Za-z0-9_-]+$' and char_length(code_challenge) = 43),
    constraint tokens_cnf_jkt_check
    check (cnf_jkt ~ '^[A-Za-z0-9_-]+$' and char_length(cnf_jkt) = 43),
    constraint tokens_cnf_x5t_s256_check
    check (cnf_x5t_s256 ~ '^[A-Za-z0-9_-]+$' and char_length(cnf_x5t_s256) = 43),
    constraint tokens_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint tokens_authenticated_at_check check (authenticated_at <= created_at),
    constraint tokens_expires_at_check check (expires_at > created_at),
    constraint tokens_redeemed_at_redemption_hash_check
    check ((redeemed_at is null) = (redemption_hash is null)),
    constraint tokens_redemption_hash_check
    check (octet_length(redemption_hash) = 32),
    constraint tokens_revoked_at_revocation_reason_check
    check ((revoked_at is null) = (revocation_reason is null)),
    constraint tokens_redirect_uri_check check (char_length(redirect_uri) <= 2048),
    constraint tokens_nonce_check check (char_length(nonce) <= 2048),
    constraint tokens_payload_check check (octet_length(payload) <= 65536),
    constraint tokens_revocation_reason_check
    check (char_length(revocation_reason) <= 2000),
    constraint tokens_moments_check
    check (
        least(expires_at, redeemed_at, revoked_at, authenticated_at, created_at)
        >= '1900-01-01Z'
        and greatest(expires_at, redeemed_at, revoked_at, authenticated_at, created_at)
        < '9000-01-01Z'
    )
) with (
    fillfactor = 90,
    autovacuum_vacuum_scale_factor = 0.05
);

comment on table authority.tokens is
'One issued token or code, live or dead. The token string is never stored, so that a
stolen copy of this table contains nothing to present.';
comment on column authority.tokens.tenant_id is 'Owner of the row.';
comment on column authority.tokens.id is 'Random. The jti of a token that has one.';
comment on column authority.tokens.type is
'access, refresh, authorization_code or device_code. A code lives at most 10 minutes
(RFC 6749 section 4.1.2).';
comment on column authority.tokens.token_hash is
'SHA-256 of the token string, 32 octets. Before that of a string of another store is an
octet 0, so that no string of one kind finds a token of the other kind.';
comment on column authority.tokens.is_foreign is
'Whether the token has a string of another store. It is alive only until
tenants.foreign_tokens_until.';
comment on column authority.tokens.client_uuid is
'clients.id of the client that it was issued to.';
comment on column authority.tokens.user_id is
'The user whom it represents. Null: none.';
comment on column authority.tokens.service_account_id is
'The service account that it represents. Null: none. If user_id is null too, the token
represents the client.';
comment on column authority.tokens.authorization_id is
'The family of the token, of the same client. Revoking the family revokes the token. A
token that can be redeemed must have one, or its reuse could revoke nothing.';
comment on column authority.tokens.parent_id is
'The token whose redemption issued this one, of the same family. It may be pruned first.
Null: the first of its family, or issued by a refresh token that was not used up.';
comment on column authority.tokens.subject_authorization_id is
'The family of the token that this one was exchanged for (RFC 8693), of any client.
Ending that family ends this token. Null: not exchanged, or exchanged for a token
without a family.';
comment on column authority.tokens.exchanged_from is
'Ids of the subject''s and the actor''s token that this one was exchanged for, and of
all tokens that those were exchanged for, at most 16. This token is alive while all of
them are, and expires with the first one. Null: not exchanged.';
comment on column authority.tokens.actor is
'The act claim of an exchanged token (RFC 8693 section 4.1): the sub of the actor, and
in a nested act the earlier actors. Null: no actor.';
comment on column authority.tokens.scopes is 'Names of its scopes.';
comment on column authority.tokens.resources is
'Resources that it is for: absolute URIs (RFC 8707). Its aud claim. Empty: it names no
audience.';
comment on column authority.tokens.authorization_details is
'Its authorization details (RFC 9396), a list of objects with a type each.';
comment on column authority.tokens.code_challenge is
'PKCE code challenge, method S256 only: base64url of SHA-256 (RFC 7636 section 4.2).';
comment on column authority.tokens.redirect_uri is
'The redirect URI that the code was sent to. The redemption must repeat it (RFC 6749
section 4.1.3).';
comment on column authority.tokens.nonce is
'The nonce of the authentication request (OpenID Connect Core section 3.1.2.1).';
comment on column authority.tokens.cnf_jkt is
'JWK SHA-256 thumbprint of the holder''s key (RFC 9449 section 6). Null: not
DPoP-bound.';
comment on column authority.tokens.cnf_x5t_s256 is
'SHA-256 thumbprint of the holder''s certificate (RFC 8705 section 3.1). Null: not bound
to one.';
comment on column authority.tokens.payload is
'Encrypted content of a reference token. The store never reads it. Null: none.';
comment on column authority.tokens.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.tokens.expires_at is
'The token is dead from this time on, by the database''s clock.';
comment on column authority.tokens.redeemed_at is
'When it was redeemed. Null: not redeemed. Access tokens are never redeemed.';
comment on column authority.tokens.redemption_hash is
'SHA-256 of the id of the request that redeemed it, 32 octets. The same request again is
a retry; another request is reuse.';
comment on column authority.tokens.revoked_at is
'The token is dead from this time on. Null: not revoked itself.';
comment on column authority.tokens.revocation_reason is 'Why it was revoked.';
comment on column authority.tokens.authenticated_at is
'When the sign-in happened that the token descends from. Compared with
tokens_valid_after. Successors inherit it, so that a rotated token does not outlive a
sign-out.';
comment on column authority.tokens.created_at is 'When it was issued (iat).';

-- Serves redemptions.redeem and the foreign key.
create index if not exists tokens_tenant_id_authorization_id_client_uuid_idx
on authority.tokens (tenant_id, authorization_id, client_uuid)
where authorization_id is not null;
-- Serves tokens.find_live_by_client and the foreign key.
create index if not exists tokens_tenant_id_client_uuid_id_idx
on authority.tokens (tenant_id, client_uuid, id);
-- Serves tokens.find_live_by_user and the foreign key.
create index if not exists tokens_tenant_id_user_id_id_idx
on authority.tokens (tenant_id, user_id, id) where user_id is not null;
-- Serves tokens.find_live_by_service_account and the foreign key.
create index if not exists tokens_tenant_id_service_account_id_id_idx
on authority.tokens (tenant_id, service_account_id, id)
where service_account_id is not null;
-- Serves the foreign key: authorizations.prune_expired.
create index if not exists tokens_tenant_id_subject_authorization_id_idx
on authority.tokens (tenant_id, subject_authorization_id)
where subject_authorization_id is not null;
-- Serves tokens.prune_expired and tokens.prune_refresh_tokens.
create index if not exists tokens_type_expires_at_idx
on authority.tokens (type, expires_at) where type in ('access', 'refresh');

call authority.isolate_tenants('authority.tokens');
call authority.let_operators_prune('authority.tokens');

grant select, insert on authority.tokens to authority_app;
grant update (redeemed_at, redemption_hash, revoked_at, revocation_reason)
on authority.tokens to authority_app;
grant select (tenant_id, id, type, expires_at), update (properties), delete
on authority.tokens to authority_maintenance;
-- All columns but the hashes, the payload and the values that redeem a code.
grant select (
    tenant_id, id, type, is_foreign, client_uuid, user_id, service_account_id,
    authorization_id, parent_id, subject_authorization_id, exchanged_from, actor,
    scopes, resources, authorization_details, cnf_jkt, cnf_x5t_s256, properties,
    expires_at, redeemed_at, revoked_at, revocation_reason, authenticated_at, created_at
) on authority.tokens to authority_reader;
