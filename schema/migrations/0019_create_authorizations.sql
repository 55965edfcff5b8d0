-- Creates authorizations, the families of tokens.
--
-- Locks: share row exclusive on authority.clients, users, service_accounts and consents
-- while foreign keys to them are added; access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0019_create_authorizations');

-- Pruning deletes families all the time, and each day's first refresh changes an index:
-- vacuum comes at 5% instead of 20%.
create table if not exists authority.authorizations (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    client_uuid uuid not null,
    user_id uuid,
    service_account_id uuid,
    consent_id uuid,
    session_id uuid,
    ends_with_session boolean not null default false,
    scopes text[] not null default '{}',
    resources text[] not null default '{}',
    authorization_details jsonb not null default '[]',
    acr text,
    amr text[],
    properties jsonb not null default '{}',
    expires_at timestamptz,
    tokens_expire_at timestamptz not null default authority.clock(),
    revoked_at timestamptz,
    revocation_reason text,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint authorizations_tenant_id_id_pk primary key (tenant_id, id),
    constraint authorizations_tenant_id_id_client_uuid_key
    unique (tenant_id, id, client_uuid),
    constraint authorizations_user_id_service_account_id_check
    check (num_nonnulls(user_id, service_account_id) <= 1),
    constraint authorizations_consent_id_user_id_check
    check (consent_id is null or user_id is not null),
    constraint authorizations_session_id_ends_with_session_check
    check (session_id is not null or not ends_with_session),
    constraint authorizations_expires_at_check check (expires_at > created_at),
    constraint authorizations_scopes_check
    check (array_position(scopes, null) is null and authority.is_scope_list(scopes)),
    constraint authorizations_resources_check
    check (
        array_position(resources, null) is null
        and authority.is_resource_list(resources)
    ),
    constraint authorizations_authorization_details_check
    check (
        jsonb_typeof(authorization_details) = 'array'
        and authority.is_details_list(authorization_details)
        and authority.is_bounded_json(authorization_details)
    ),
    constraint authorizations_acr_check
    check (acr ~ '^[!-~]+$' and char_length(acr) <= 255),
    constraint authorizations_amr_check
    check (
        array_position(amr, null) is null
        and authority.is_text_list(amr, 20, 64)
    ),
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
) with (
    autovacuum_vacuum_scale_factor = 0.05
);

comment on table authority.authorizations is
'One grant to one client, and the family of all tokens that descend from it. Revoking
this row ends all of them. Every statement that redeems or revokes a token of the family
locks this row first.';
comment on column authority.authorizations.tenant_id is 'Owner of the row.';
comment on column authority.authorizations.id is 'Random.';
comment on column authority.authorizations.client_uuid is 'The client''s clients.id.';
comment on column authority.authorizations.user_id is
'The user who granted it. Null: no user is involved.';
comment on column authority.authorizations.service_account_id is
'The service account that the client acts as. Null: none.';
comment on column authority.authorizations.consent_id is
'The consent that the grant depends on, of the same user and client. Revoking the
consent ends the grant. Null: none was needed.';
comment on column authority.authorizations.session_id is
'The browser''s session in which it was granted. Null: none. There is no foreign key: a
family may outlive the row of its session.';
comment on column authority.authorizations.ends_with_session is
'The tokens are dead when the session is ended or its row deleted. False: they outlive
it (offline_access, OpenID Connect Core section 11).';
comment on column authority.authorizations.scopes is 'Names of the granted scopes.';
comment on column authority.authorizations.resources is
'Resources that the grant is for (RFC 8707). Empty: its tokens name no audience.';
comment on column authority.authorizations.authorization_details is
'Granted authorization details (RFC 9396), a list of objects with a type each.';
comment on column authority.authorizations.acr is
'Authentication context class of the sign-in that all tokens of the family descend from
(OpenID Connect Core section 2). Null: not known.';
comment on column authority.authorizations.amr is
'Methods of that sign-in (RFC 8176), such as pwd and otp. Null: not known.';
comment on column authority.authorizations.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.authorizations.expires_at is
'When the family ends, however often it is refreshed. Null: never.';
comment on column authority.authorizations.tokens_expire_at is
'No token of the family is alive from this time on, and the family may be pruned with
everything that reuse detection needs. Up to a day late, because a refresh need not
update it each time.';
comment on column authority.authorizations.revoked_at is
'No token of the family verifies from this time on. Null: in force.';
comment on column authority.authorizations.revocation_reason is
'Why it was revoked. token_reuse: a redeemed token was presented again.';
comment on column authority.authorizations.created_at is 'When the row was inserted.';
comment on column authority.authorizations.updated_at is 'When the row last changed.';
comment on column authority.authorizations.row_version is
'Increases with each change of the row.';

-- Serves authorizations.find_by_client and the foreign key.
create index if not exists authorizations_tenant_id_client_uuid_id_idx
on authority.authorizations (tenant_id, client_uuid, id);
-- Serves authorizations.find_by_user and the foreign key.
create index if not exists authorizations_tenant_id_user_id_id_idx
on authority.authorizations (tenant_id, user_id, id) where user_id is not null;
-- Serves the foreign key: service_accounts.delete.
create index if not exists authorizations_tenant_id_service_account_id_idx
on authority.authorizations (tenant_id, service_account_id)
where service_account_id is not null;
-- Serves the foreign key: consents.prune_revoked.
create index if not exists authorizations_tenant_id_consent_id_user_id_client_uuid_idx
on authority.authorizations (tenant_id, consent_id, user_id, client_uuid)
where consent_id is not null;
-- Serves authorizations.prune_expired.
create index if not exists authorizations_tokens_expire_at_idx
on authority.authorizations (tokens_expire_at);

call authority.isolate_tenants('authority.authorizations');
call authority.let_operators_prune('authority.authorizations');

alter table authority.authorizations
drop constraint if exists authorizations_tenant_id_client_uuid_fk,
add constraint authorizations_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade,
drop constraint if exists authorizations_tenant_id_user_id_fk,
add constraint authorizations_tenant_id_user_id_fk foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade,
drop constraint if exists authorizations_tenant_id_service_account_id_fk,
add constraint authorizations_tenant_id_service_account_id_fk
foreign key (tenant_id, service_account_id)
references authority.service_accounts (tenant_id, id) on delete cascade,
drop constraint if exists authorizations_tenant_id_consent_id_user_id_client_uuid_fk,
add constraint authorizations_tenant_id_consent_id_user_id_client_uuid_fk
foreign key (tenant_id, consent_id, user_id, client_uuid)
references authority.consents (tenant_id, id, user_id, client_uuid) on delete cascade;

grant select, insert on authority.authorizations to authority_app;
grant
update (tokens_expire_at, revoked_at, revocation_reason, updated_at, row_version)
on authority.authorizations to authority_app;
grant select (tenant_id, id, tokens_expire_at), update (properties), delete
on authority.authorizations to authority_maintenance;
grant select on authority.authorizations to authority_reader;
