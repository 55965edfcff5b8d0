-- Creates consents, authorizations (the families of tokens) and tokens.
--
-- Locks: share row exclusive on authority.tenants, clients, users and
-- service_accounts while foreign keys to them are added.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local role authority_owner;

create table if not exists authority.consents (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    client_id uuid not null,
    scopes text[] not null,
    properties jsonb not null default '{}',
    revoked_at timestamptz,
    revocation_reason text,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint consents_tenant_id_id_pk primary key (tenant_id, id),
    constraint consents_tenant_id_id_user_id_client_id_key
    unique (tenant_id, id, user_id, client_id),
    constraint consents_tenant_id_user_id_fk
    foreign key (tenant_id, user_id)
    references authority.users (tenant_id, id) on delete cascade,
    constraint consents_tenant_id_client_id_fk
    foreign key (tenant_id, client_id)
    references authority.clients (tenant_id, id) on delete cascade,
    constraint consents_scopes_check
    check (array_position(scopes, null) is null and authority.is_scope_list(scopes)),
    constraint consents_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint consents_revoked_at_revocation_reason_check
    check ((revoked_at is null) = (revocation_reason is null)),
    constraint consents_revocation_reason_check
    check (char_length(revocation_reason) <= 2000),
    constraint consents_moments_check
    check (
        least(revoked_at, created_at, updated_at) >= '1900-01-01Z'
        and greatest(revoked_at, created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.consents is
'What a user allows a client, remembered. One is in force at a time; a revoked one stays
as the record of what was allowed and when, until it is pruned, and the tokens that hang
on it stay dead whatever is granted later.';
comment on column authority.consents.tenant_id is 'Owner of the row.';
comment on column authority.consents.id is 'Random.';
comment on column authority.consents.user_id is 'The user who allows it.';
comment on column authority.consents.client_id is
'The client that is allowed: clients.id.';
comment on column authority.consents.scopes is
'Scope names that are allowed. A token under it that carries another one is dead.';
comment on column authority.consents.properties is
'Open object of the embedding service, such as the text that was shown. The store never
reads it.';
comment on column authority.consents.revoked_at is
'From then on no token under it verifies. Null: in force.';
comment on column authority.consents.revocation_reason is 'Why it was revoked.';
comment on column authority.consents.created_at is 'When it was first granted.';
comment on column authority.consents.updated_at is 'When the row last changed.';
comment on column authority.consents.row_version is
'Grows with each change of the row.';

-- Serves consents.grant, get, narrow and revoke: one is in force.
create unique index if not exists consents_tenant_id_user_id_client_id_key
on authority.consents (tenant_id, user_id, client_id) where revoked_at is null;
-- Serves consents.list_by_user and the foreign key.
create index if not exists consents_tenant_id_user_id_id_idx
on authority.consents (tenant_id, user_id, id);
-- Serves the foreign key: clients.delete.
create index if not exists consents_tenant_id_client_id_idx
on authority.consents (tenant_id, client_id);
-- Serves consents.prune_revoked.
create index if not exists consents_revoked_at_idx
on authority.consents (revoked_at) where revoked_at is not null;

create or replace function authority.merge_scopes(scopes text[], others text[])
returns text[]
language sql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select array(select distinct unnest(scopes || others) collate "C" order by 1)
$$;

comment on function authority.merge_scopes(text[], text[]) is
'The scopes of both, each once, in the order of their bytes.';

revoke execute on function authority.merge_scopes(text[], text[]) from public;
grant execute on function authority.merge_scopes(text[], text[]) to authority_app;

create or replace function authority.sign_in_time(claimed timestamptz)
returns timestamptz
language sql
stable parallel safe
return case
    when claimed > authority.clock() + interval '1 minute' then claimed
    when claimed > authority.clock() then authority.clock() - interval '1 minute'
    else coalesce(claimed, authority.clock())
end;

comment on function authority.sign_in_time(timestamptz) is
'When a sign-in happened that somebody''s clock says. Null is now. A claim up to a
minute ahead comes from a clock that is ahead: it counts as a minute ago, so that it
outruns no sign-out. A claim that is further ahead stays so, and is refused.';

revoke execute on function authority.sign_in_time(timestamptz) from public;
grant execute on function authority.sign_in_time(timestamptz) to authority_app;

create table if not exists authority.authorizations (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    client_id uuid not null,
    user_id uuid,
    service_account_id uuid,
    consent_id uuid,
    scopes text[] not null default '{}',
    properties jsonb not null default '{}',
    expires_at timestamptz,
    tokens_expire_at timestamptz not null default authority.clock(),
    revoked_at timestamptz,
    revocation_reason text,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint authorizations_tenant_id_id_pk primary key (tenant_id, id),
    constraint authorizations_tenant_id_id_client_id_key
    unique (tenant_id, id, client_id),
    constraint authorizations_tenant_id_client_id_fk
    foreign key (tenant_id, client_id)
    references authority.clients (tenant_id, id) on delete cascade,
    constraint authorizations_tenant_id_user_id_fk
    foreign key (tenant_id, user_id)
    references authority.users (tenant_id, id) on delete cascade,
    constraint authorizations_tenant_id_service_account_id_fk
    foreign key (tenant_id, service_account_id)
    references authority.service_accounts (tenant_id, id) on delete cascade,
    constraint authorizations_tenant_id_consent_id_user_id_client_id_fk
    foreign key (tenant_id, consent_id, user_id, client_id)
    references authority.consents (tenant_id, id, user_id, client_id)
    on delete cascade,
    constraint authorizations_user_id_service_account_id_check
    check (num_nonnulls(user_id, service_account_id) <= 1),
    constraint authorizations_consent_id_user_id_check
    check (consent_id is null or user_id is not null),
    constraint authorizations_expires_at_check check (expires_at > created_at),
    constraint authorizations_scopes_check
    check (array_position(scopes, null) is null and authority.is_scope_list(scopes)),
    constraint authorizations_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint authorizations_revoked_at_revocation_reason_check
    check ((revoked_at is null) = (revocation_reason is null)),
    constraint authorizations_revocation_reason_check
    check (char_length(revocation_reason) <= 2000),
    constraint authorizations_moments_check
    check (
        least(
            expires_at,
            tokens_expire_at,
            revoked_at,
            created_at,
            updated_at
        ) >= '1900-01-01Z'
        and greatest(
            expires_at,
            tokens_expire_at,
            revoked_at,
            created_at,
            updated_at
        ) < '9000-01-01Z'
    )
);

comment on table authority.authorizations is
'One grant to one client, and the family of all tokens that descend from it. Revoking
this one row ends them. What redeems or ends tokens of a family locks this row first.';
comment on column authority.authorizations.tenant_id is 'Owner of the row.';
comment on column authority.authorizations.id is 'Random.';
comment on column authority.authorizations.client_id is
'The client that is allowed: clients.id.';
comment on column authority.authorizations.user_id is
'The user who allowed it. Null: no user is involved.';
comment on column authority.authorizations.service_account_id is
'The service account that the client acts as. Null: none.';
comment on column authority.authorizations.consent_id is
'The consent that it rests on, of the same user and client; ended with it. Null: none
was needed.';
comment on column authority.authorizations.scopes is 'Scope names that are allowed.';
comment on column authority.authorizations.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.authorizations.expires_at is
'When the family ends however often it is refreshed. Null: never.';
comment on column authority.authorizations.tokens_expire_at is
'No token under it is alive from then on, so that it may be pruned with all that reuse
detection needs. Up to a day late: refreshing need not write it each time.';
comment on column authority.authorizations.revoked_at is
'From then on no token under it verifies. Null: in force.';
comment on column authority.authorizations.revocation_reason is
'Why it was revoked; token_reuse when a redeemed token was presented again.';
comment on column authority.authorizations.created_at is 'When the row was inserted.';
comment on column authority.authorizations.updated_at is 'When the row last changed.';
comment on column authority.authorizations.row_version is
'Grows with each change of the row.';

-- Serves authorizations.list_by_client and the foreign key.
create index if not exists authorizations_tenant_id_client_id_id_idx
on authority.authorizations (tenant_id, client_id, id);
-- Serves authorizations.list_by_user and the foreign key.
create index if not exists authorizations_tenant_id_user_id_id_idx
on authority.authorizations (tenant_id, user_id, id) where user_id is not null;
-- Serves the foreign key: service_accounts.delete.
create index if not exists authorizations_tenant_id_service_account_id_idx
on authority.authorizations (tenant_id, service_account_id)
where service_account_id is not null;
-- Serves the foreign key: consents.prune_revoked.
create index if not exists authorizations_tenant_id_consent_id_user_id_client_id_idx
on authority.authorizations (tenant_id, consent_id, user_id, client_id)
where consent_id is not null;
-- Serves authorizations.prune_expired.
create index if not exists authorizations_tokens_expire_at_idx
on authority.authorizations (tokens_expire_at);

create table if not exists authority.tokens (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    type text collate "C" not null,
    token_hash bytea not null,
    client_id uuid not null,
    user_id uuid,
    service_account_id uuid,
    authorization_id uuid,
    parent_id uuid,
    subject_authorization_id uuid,
    exchanged_from uuid[],
    actor jsonb,
    scopes text[] not null default '{}',
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
    constraint tokens_tenant_id_client_id_fk foreign key (tenant_id, client_id)
    references authority.clients (tenant_id, id) on delete cascade,
    constraint tokens_tenant_id_user_id_fk foreign key (tenant_id, user_id)
    references authority.users (tenant_id, id) on delete cascade,
    constraint tokens_tenant_id_service_account_id_fk
    foreign key (tenant_id, service_account_id)
    references authority.service_accounts (tenant_id, id) on delete cascade,
    constraint tokens_tenant_id_authorization_id_client_id_fk
    foreign key (tenant_id, authorization_id, client_id)
    references authority.authorizations (tenant_id, id, client_id)
    on delete cascade,
    constraint tokens_tenant_id_subject_authorization_id_fk
    foreign key (tenant_id, subject_authorization_id)
    references authority.authorizations (tenant_id, id) on delete cascade,
    constraint tokens_type_check
    check (type in ('access', 'refresh', 'authorization_code', 'device_code')),
    constraint tokens_token_hash_check check (octet_length(token_hash) = 32),
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
        least(
            expires_at,
            redeemed_at,
            revoked_at,
            authenticated_at,
            created_at
        ) >= '1900-01-01Z'
        and greatest(
            expires_at,
            redeemed_at,
            revoked_at,
            authenticated_at,
            created_at
        ) < '9000-01-01Z'
    )
);

comment on table authority.tokens is
'One issued token or code, live or not. The string itself is never stored: a thief
of this table can present nothing.';
comment on column authority.tokens.tenant_id is 'Owner of the row.';
comment on column authority.tokens.id is 'Random; the jti where a token has one.';
comment on column authority.tokens.type is
'access, refresh, authorization_code or device_code. A code lives 10 minutes at most
(RFC 6749 section 4.1.2).';
comment on column authority.tokens.token_hash is
'SHA-256 of the token string, 32 octets.';
comment on column authority.tokens.client_id is 'To whom it was issued: clients.id.';
comment on column authority.tokens.user_id is
'The user it speaks for. Null: none.';
comment on column authority.tokens.service_account_id is
'The service account it speaks for. Null: none. Neither: the client itself.';
comment on column authority.tokens.authorization_id is
'The family it belongs to, of the same client; revoked with it. What is redeemed must
have one, or its reuse could end nothing.';
comment on column authority.tokens.parent_id is
'The token whose redemption issued it, of the same family and deleted with it. Null: it
is the first, or a refresh token that was not used up brought it.';
comment on column authority.tokens.subject_authorization_id is
'The family of the token that it was exchanged for (RFC 8693), of whatever client; ended
with it. Null: not exchanged, or for a token without a family.';
comment on column authority.tokens.exchanged_from is
'Ids of the tokens that this one was exchanged for, the subject''s and the actor''s, and
of all that those were exchanged for, 16 at most. This token is alive while all of them
are, and expires with the first one. Null: not exchanged.';
comment on column authority.tokens.actor is
'The act claim of an exchanged token (RFC 8693 section 4.1): sub of who acts for its
subject, and within act whoever acted before. Null: nobody.';
comment on column authority.tokens.scopes is 'Scope names that it carries.';
comment on column authority.tokens.code_challenge is
'PKCE challenge, method S256 only: base64url of SHA-256 (RFC 7636 section 4.2).';
comment on column authority.tokens.redirect_uri is
'Where the code was sent; must be repeated to redeem it (RFC 6749 4.1.3).';
comment on column authority.tokens.nonce is
'The nonce of the authentication request (OpenID Connect Core 3.1.2.1).';
comment on column authority.tokens.cnf_jkt is
'Holder''s key: JWK SHA-256 thumbprint (RFC 9449 section 6). Null: not DPoP-bound.';
comment on column authority.tokens.cnf_x5t_s256 is
'Holder''s certificate: SHA-256 thumbprint (RFC 8705 section 3.1). Null: not bound.';
comment on column authority.tokens.payload is
'Encrypted content of a reference token, opaque to the store. Null: none.';
comment on column authority.tokens.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.tokens.expires_at is
'From then on it is dead, by the database''s clock.';
comment on column authority.tokens.redeemed_at is
'When its single use was made. Null: not used. Access tokens are never redeemed.';
comment on column authority.tokens.redemption_hash is
'SHA-256 of the id of the request that redeemed it, 32 octets: the same request again is
a retry, another one is reuse.';
comment on column authority.tokens.revoked_at is
'From then on it is dead. Null: not revoked by itself.';
comment on column authority.tokens.revocation_reason is 'Why it was revoked.';
comment on column authority.tokens.authenticated_at is
'When the sign-in that it descends from happened: what a user''s epoch is compared
with. Successors inherit it, so that a rotation cannot outrun the epoch.';
comment on column authority.tokens.created_at is
'When it was issued (iat).';

-- Serves grants.redeem and the foreign key.
create index if not exists tokens_tenant_id_authorization_id_client_id_idx
on authority.tokens (tenant_id, authorization_id, client_id)
where authorization_id is not null;
-- Serves tokens.list_active_by_client and the foreign key.
create index if not exists tokens_tenant_id_client_id_id_idx
on authority.tokens (tenant_id, client_id, id);
-- Serves tokens.list_active_by_subject and the foreign key.
create index if not exists tokens_tenant_id_user_id_id_idx
on authority.tokens (tenant_id, user_id, id) where user_id is not null;
-- Serves tokens.list_active_by_subject and the foreign key.
create index if not exists tokens_tenant_id_service_account_id_id_idx
on authority.tokens (tenant_id, service_account_id, id)
where service_account_id is not null;
-- Serves the foreign key: authorizations.prune_expired.
create index if not exists tokens_tenant_id_subject_authorization_id_idx
on authority.tokens (tenant_id, subject_authorization_id)
where subject_authorization_id is not null;
-- Serves tokens.prune_expired.
create index if not exists tokens_expires_at_idx
on authority.tokens (expires_at) where type = 'access';

create or replace function authority.are_tokens_alive(
    tenant_id uuid, token_ids uuid[]
)
returns boolean
language plpgsql
stable strict parallel safe
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
begin
    return cardinality(token_ids) = (
        select count(*)
        from authority.token_states
        where
            token_states.tenant_id = are_tokens_alive.tenant_id
            and token_states.id = any(are_tokens_alive.token_ids)
            and token_states.own_dead_because is null
    );
end
$$;

comment on function authority.are_tokens_alive(uuid, uuid[]) is
'Whether each of these tokens exists and has no reason of its own to be dead. Called
by authority.token_states, and only for exchanged tokens: the others cost no more.';

revoke execute on function authority.are_tokens_alive(uuid, uuid[]) from public;
grant execute on function authority.are_tokens_alive(uuid, uuid[]) to authority_app;

create or replace view authority.token_states
with (security_invoker = true) as
select
    states.tenant_id,
    states.id,
    states.type,
    states.token_hash,
    states.client_id,
    states.user_id,
    states.service_account_id,
    states.authorization_id,
    states.parent_id,
    states.subject_authorization_id,
    states.exchanged_from,
    states.actor,
    states.scopes,
    states.code_challenge,
    states.redirect_uri,
    states.nonce,
    states.cnf_jkt,
    states.cnf_x5t_s256,
    states.payload,
    states.properties,
    states.expires_at,
    states.redeemed_at,
    states.revoked_at,
    states.revocation_reason,
    states.authenticated_at,
    states.created_at,
    states.client_identifier,
    states.client_type,
    states.subject_id,
    states.username,
    states.account_id,
    states.own_dead_because,
    coalesce(
        states.own_dead_because,
        case
            when
                not authority.are_tokens_alive(states.tenant_id, states.exchanged_from)
                then 'exchanged_from_dead'
        end
    ) as dead_because
from (
    select
        tokens.tenant_id,
        tokens.id,
        tokens.type,
        tokens.token_hash,
        tokens.client_id,
        tokens.user_id,
        tokens.service_account_id,
        tokens.authorization_id,
        tokens.parent_id,
        tokens.subject_authorization_id,
        tokens.exchanged_from,
        tokens.actor,
        tokens.scopes,
        tokens.code_challenge,
        tokens.redirect_uri,
        tokens.nonce,
        tokens.cnf_jkt,
        tokens.cnf_x5t_s256,
        tokens.payload,
        tokens.properties,
        tokens.expires_at,
        tokens.redeemed_at,
        tokens.revoked_at,
        tokens.revocation_reason,
        tokens.authenticated_at,
        tokens.created_at,
        clients.client_id as client_identifier,
        clients.client_type,
        users.subject_id,
        users.username,
        service_accounts.account_id,
        case
            when tokens.revoked_at is not null then 'revoked'
            when tokens.redeemed_at is not null then 'redeemed'
            when tokens.expires_at <= authority.clock() then 'expired'
            when authorizations.revoked_at is not null then 'authorization_revoked'
            when authorizations.expires_at <= authority.clock()
                then 'authorization_expired'
            when consents.revoked_at is not null then 'consent_revoked'
            when not tokens.scopes <@ consents.scopes then 'consent_narrowed'
            when tenants.status not in ('active', 'trial') then 'tenant_inactive'
            when tokens.authenticated_at <= tenants.tokens_valid_after
                then 'tenant_signed_out'
            when not clients.enabled then 'client_disabled'
            when
                case
                    when tokens.authorization_id is null then tokens.created_at
                    else authorizations.created_at
                end <= clients.tokens_valid_after
                then 'client_signed_out'
            when tokens.user_id is not null and coalesce(users.status <> 'active', true)
                then 'user_inactive'
            when tokens.authenticated_at <= users.tokens_valid_after
                then 'user_signed_out'
            when
                tokens.service_account_id is not null
                and service_accounts.enabled is not true
                then 'service_account_disabled'
            when tokens.authenticated_at <= service_accounts.tokens_valid_after
                then 'service_account_signed_out'
        end as own_dead_because
    from authority.tokens
    inner join authority.tenants on tokens.tenant_id = tenants.id
    inner join authority.clients
        on
            tokens.tenant_id = clients.tenant_id
            and tokens.client_id = clients.id
    left join authority.authorizations
        on
            tokens.tenant_id = authorizations.tenant_id
            and case
                when tokens.authorization_id is null
                    then tokens.subject_authorization_id
                else tokens.authorization_id
            end = authorizations.id
    left join authority.consents
        on
            authorizations.tenant_id = consents.tenant_id
            and authorizations.consent_id = consents.id
    left join authority.users
        on
            tokens.tenant_id = users.tenant_id
            and tokens.user_id = users.id
    left join authority.service_accounts
        on
            tokens.tenant_id = service_accounts.tenant_id
            and tokens.service_account_id = service_accounts.id
) as states;

comment on view authority.token_states is
'Whether a token is alive and, where it is not, why, in one place: the token itself and
all that it hangs on, by the database''s clock. For operators; who presents a token is
told nothing but no (RFC 7662 section 2.2).';
comment on column authority.token_states.tenant_id is
'As authority.tokens.tenant_id.';
comment on column authority.token_states.id is
'As authority.tokens.id.';
comment on column authority.token_states.type is
'As authority.tokens.type.';
comment on column authority.token_states.token_hash is
'As authority.tokens.token_hash.';
comment on column authority.token_states.client_id is
'As authority.tokens.client_id.';
comment on column authority.token_states.user_id is
'As authority.tokens.user_id.';
comment on column authority.token_states.service_account_id is
'As authority.tokens.service_account_id.';
comment on column authority.token_states.authorization_id is
'As authority.tokens.authorization_id.';
comment on column authority.token_states.parent_id is
'As authority.tokens.parent_id.';
comment on column authority.token_states.subject_authorization_id is
'As authority.tokens.subject_authorization_id.';
comment on column authority.token_states.exchanged_from is
'As authority.tokens.exchanged_from.';
comment on column authority.token_states.actor is
'As authority.tokens.actor.';
comment on column authority.token_states.scopes is
'As authority.tokens.scopes.';
comment on column authority.token_states.code_challenge is
'As authority.tokens.code_challenge.';
comment on column authority.token_states.redirect_uri is
'As authority.tokens.redirect_uri.';
comment on column authority.token_states.nonce is
'As authority.tokens.nonce.';
comment on column authority.token_states.cnf_jkt is
'As authority.tokens.cnf_jkt.';
comment on column authority.token_states.cnf_x5t_s256 is
'As authority.tokens.cnf_x5t_s256.';
comment on column authority.token_states.payload is
'As authority.tokens.payload.';
comment on column authority.token_states.properties is
'As authority.tokens.properties.';
comment on column authority.token_states.expires_at is
'As authority.tokens.expires_at.';
comment on column authority.token_states.redeemed_at is
'As authority.tokens.redeemed_at.';
comment on column authority.token_states.revoked_at is
'As authority.tokens.revoked_at.';
comment on column authority.token_states.revocation_reason is
'As authority.tokens.revocation_reason.';
comment on column authority.token_states.authenticated_at is
'As authority.tokens.authenticated_at.';
comment on column authority.token_states.created_at is
'As authority.tokens.created_at.';
comment on column authority.token_states.client_identifier is
'The client_id of the protocol: clients.client_id.';
comment on column authority.token_states.client_type is
'As authority.clients.client_type.';
comment on column authority.token_states.subject_id is
'The sub claim of its user. Null: it has none.';
comment on column authority.token_states.username is
'Username of its user. Null: it has none.';
comment on column authority.token_states.account_id is
'account_id of its service account. Null: it has none.';
comment on column authority.token_states.own_dead_because is
'The first reason that it has to be dead, from the token itself outwards: token, family,
consent, tenant, client, subject. Null: it has none of its own.';
comment on column authority.token_states.dead_because is
'As own_dead_because; where that is null, exchanged_from_dead when one of the tokens
that it was exchanged for is dead or deleted. Null: it is alive.';

create or replace view authority.live_tokens
with (security_invoker = true) as
select
    token_states.tenant_id,
    token_states.id,
    token_states.type,
    token_states.token_hash,
    token_states.client_id,
    token_states.user_id,
    token_states.service_account_id,
    token_states.authorization_id,
    token_states.parent_id,
    token_states.subject_authorization_id,
    token_states.exchanged_from,
    token_states.actor,
    token_states.scopes,
    token_states.code_challenge,
    token_states.redirect_uri,
    token_states.nonce,
    token_states.cnf_jkt,
    token_states.cnf_x5t_s256,
    token_states.payload,
    token_states.properties,
    token_states.expires_at,
    token_states.redeemed_at,
    token_states.revoked_at,
    token_states.revocation_reason,
    token_states.authenticated_at,
    token_states.created_at,
    token_states.client_identifier,
    token_states.client_type,
    token_states.subject_id,
    token_states.username,
    token_states.account_id
from authority.token_states
where token_states.dead_because is null;

comment on view authority.live_tokens is
'The tokens that are alive: what authority.token_states finds no fault with.';
comment on column authority.live_tokens.tenant_id is
'As authority.tokens.tenant_id.';
comment on column authority.live_tokens.id is
'As authority.tokens.id.';
comment on column authority.live_tokens.type is
'As authority.tokens.type.';
comment on column authority.live_tokens.token_hash is
'As authority.tokens.token_hash.';
comment on column authority.live_tokens.client_id is
'As authority.tokens.client_id.';
comment on column authority.live_tokens.user_id is
'As authority.tokens.user_id.';
comment on column authority.live_tokens.service_account_id is
'As authority.tokens.service_account_id.';
comment on column authority.live_tokens.authorization_id is
'As authority.tokens.authorization_id.';
comment on column authority.live_tokens.parent_id is
'As authority.tokens.parent_id.';
comment on column authority.live_tokens.subject_authorization_id is
'As authority.tokens.subject_authorization_id.';
comment on column authority.live_tokens.exchanged_from is
'As authority.tokens.exchanged_from.';
comment on column authority.live_tokens.actor is
'As authority.tokens.actor.';
comment on column authority.live_tokens.scopes is
'As authority.tokens.scopes.';
comment on column authority.live_tokens.code_challenge is
'As authority.tokens.code_challenge.';
comment on column authority.live_tokens.redirect_uri is
'As authority.tokens.redirect_uri.';
comment on column authority.live_tokens.nonce is
'As authority.tokens.nonce.';
comment on column authority.live_tokens.cnf_jkt is
'As authority.tokens.cnf_jkt.';
comment on column authority.live_tokens.cnf_x5t_s256 is
'As authority.tokens.cnf_x5t_s256.';
comment on column authority.live_tokens.payload is
'As authority.tokens.payload.';
comment on column authority.live_tokens.properties is
'As authority.tokens.properties.';
comment on column authority.live_tokens.expires_at is
'As authority.tokens.expires_at.';
comment on column authority.live_tokens.redeemed_at is
'As authority.tokens.redeemed_at.';
comment on column authority.live_tokens.revoked_at is
'As authority.tokens.revoked_at.';
comment on column authority.live_tokens.revocation_reason is
'As authority.tokens.revocation_reason.';
comment on column authority.live_tokens.authenticated_at is
'As authority.tokens.authenticated_at.';
comment on column authority.live_tokens.created_at is
'As authority.tokens.created_at.';
comment on column authority.live_tokens.client_identifier is
'The client_id of the protocol: clients.client_id.';
comment on column authority.live_tokens.client_type is
'As authority.clients.client_type.';
comment on column authority.live_tokens.subject_id is
'The sub claim of its user. Null: it has none.';
comment on column authority.live_tokens.username is
'Username of its user. Null: it has none.';
comment on column authority.live_tokens.account_id is
'account_id of its service account. Null: it has none.';

create or replace view authority.verified_tokens
with (security_invoker = true) as
select
    live_tokens.tenant_id,
    live_tokens.id,
    live_tokens.type,
    live_tokens.token_hash,
    live_tokens.client_identifier as client_id,
    live_tokens.authorization_id,
    live_tokens.user_id,
    live_tokens.subject_id,
    live_tokens.username,
    live_tokens.service_account_id,
    live_tokens.account_id,
    live_tokens.actor,
    live_tokens.scopes,
    live_tokens.cnf_jkt,
    live_tokens.cnf_x5t_s256,
    live_tokens.payload,
    live_tokens.properties,
    live_tokens.authenticated_at,
    live_tokens.created_at,
    live_tokens.expires_at
from authority.live_tokens;

comment on view authority.verified_tokens is
'What a resource server is told of the tokens that are alive, and no more.';
comment on column authority.verified_tokens.tenant_id is
'As authority.live_tokens.tenant_id.';
comment on column authority.verified_tokens.id is
'As authority.live_tokens.id.';
comment on column authority.verified_tokens.type is
'As authority.live_tokens.type.';
comment on column authority.verified_tokens.token_hash is
'As authority.live_tokens.token_hash.';
comment on column authority.verified_tokens.client_id is
'The client_id of the protocol: clients.client_id.';
comment on column authority.verified_tokens.authorization_id is
'As authority.live_tokens.authorization_id.';
comment on column authority.verified_tokens.user_id is
'As authority.live_tokens.user_id.';
comment on column authority.verified_tokens.subject_id is
'As authority.live_tokens.subject_id.';
comment on column authority.verified_tokens.username is
'As authority.live_tokens.username.';
comment on column authority.verified_tokens.service_account_id is
'As authority.live_tokens.service_account_id.';
comment on column authority.verified_tokens.account_id is
'As authority.live_tokens.account_id.';
comment on column authority.verified_tokens.actor is
'As authority.live_tokens.actor.';
comment on column authority.verified_tokens.scopes is
'As authority.live_tokens.scopes.';
comment on column authority.verified_tokens.cnf_jkt is
'As authority.live_tokens.cnf_jkt.';
comment on column authority.verified_tokens.cnf_x5t_s256 is
'As authority.live_tokens.cnf_x5t_s256.';
comment on column authority.verified_tokens.payload is
'As authority.live_tokens.payload.';
comment on column authority.verified_tokens.properties is
'As authority.live_tokens.properties.';
comment on column authority.verified_tokens.authenticated_at is
'As authority.live_tokens.authenticated_at.';
comment on column authority.verified_tokens.created_at is
'As authority.live_tokens.created_at.';
comment on column authority.verified_tokens.expires_at is
'As authority.live_tokens.expires_at.';

call authority.isolate_tenants('authority.consents');
call authority.isolate_tenants('authority.authorizations');
call authority.isolate_tenants('authority.tokens');
call authority.let_operators_prune('authority.consents');
call authority.let_operators_prune('authority.authorizations');
call authority.let_operators_prune('authority.tokens');

grant select, insert on authority.consents, authority.authorizations, authority.tokens
to authority_app;
grant
update (scopes, properties, revoked_at, revocation_reason, updated_at, row_version)
on authority.consents to authority_app;
grant
update (tokens_expire_at, revoked_at, revocation_reason, updated_at, row_version)
on authority.authorizations to authority_app;
grant update (redeemed_at, redemption_hash, revoked_at, revocation_reason)
on authority.tokens to authority_app;
grant select
on authority.token_states, authority.live_tokens, authority.verified_tokens
to authority_app;
grant select (tenant_id, id, revoked_at), update (properties), delete
on authority.consents to authority_maintenance;
grant select (tenant_id, id, tokens_expire_at), update (properties), delete
on authority.authorizations to authority_maintenance;
grant select (tenant_id, id, type, expires_at), update (properties), delete
on authority.tokens to authority_maintenance;
grant select on authority.consents, authority.authorizations to authority_reader;
-- All but the hashes, the payload and what a code is redeemed with.
grant select (
    tenant_id,
    id,
    type,
    client_id,
    user_id,
    service_account_id,
    authorization_id,
    parent_id,
    subject_authorization_id,
    exchanged_from,
    actor,
    scopes,
    cnf_jkt,
    cnf_x5t_s256,
    properties,
    expires_at,
    redeemed_at,
    revoked_at,
    revocation_reason,
    authenticated_at,
    created_at
) on authority.tokens to authority_reader;

create or replace function authority.find_live_token(
    tenant_id uuid, token_hash bytea, type text
)
returns setof authority.verified_tokens
language plpgsql
rows 1
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO'
set row_security = on
as $$
declare
    tenant_before constant text := current_setting('authority.tenant_id', true);
    tenant_now constant text
        := set_config('authority.tenant_id', tenant_id::text, true);
    tenant_after text;
begin
    return query
    select verified_tokens.*
    from authority.verified_tokens
    where
        verified_tokens.tenant_id = find_live_token.tenant_id
        and verified_tokens.token_hash = find_live_token.token_hash
        and verified_tokens.type = find_live_token.type;
    -- Assigned, since PERFORM would run a query for it.
    tenant_after := set_config('authority.tenant_id', tenant_before, true);
end
$$;

comment on function authority.find_live_token(uuid, bytea, text) is
'The live token of this tenant with this hash. Works for the tenant while it runs, and
for whom it worked before afterwards: one trip for who has a token and nothing else.';

revoke execute on function authority.find_live_token(uuid, bytea, text) from public;
grant execute on function authority.find_live_token(uuid, bytea, text)
to authority_app;
