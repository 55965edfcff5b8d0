-- Creates clients.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0010_create_clients');

create or replace function authority.names_no_grant(permissions text[])
returns boolean
language sql
immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
select not exists (
    select from unnest(permissions) as permission
    where permission collate "C" ~ '^(gt|rst):'
)
$$;

comment on function authority.names_no_grant(text[]) is
'Returns whether no permission is one of OpenIddict''s gt: and rst:, which are the
columns grant_types and response_types.';

create table if not exists authority.clients (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    client_id text collate "C" not null,
    application_type text not null default 'web',
    client_type text not null,
    consent_type text not null default 'explicit',
    display_name text not null default '',
    display_names jsonb not null default '{}',
    redirect_uris text[] not null default '{}',
    post_logout_redirect_uris text[] not null default '{}',
    backchannel_logout_uri text,
    backchannel_logout_session_required boolean not null default false,
    frontchannel_logout_uri text,
    frontchannel_logout_session_required boolean not null default false,
    token_endpoint_auth_method text,
    grant_types text[],
    response_types text[],
    permissions text[] not null default '{}',
    requirements text[] not null default '{}',
    settings jsonb not null default '{}',
    properties jsonb not null default '{}',
    json_web_key_set jsonb,
    jwks_uri text,
    metadata_valid_until timestamptz,
    enabled boolean not null default true,
    tokens_valid_after timestamptz,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint clients_tenant_id_id_pk primary key (tenant_id, id),
    constraint clients_tenant_id_client_id_key unique (tenant_id, client_id),
    constraint clients_client_id_check
    check (
        client_id ~ '^[ -~]+$'
        and char_length(client_id) <= 255
        and authority.is_visible(client_id)
    ),
    constraint clients_application_type_check
    check (application_type in ('web', 'native')),
    constraint clients_client_type_check
    check (client_type in ('confidential', 'public')),
    constraint clients_consent_type_check
    check (consent_type in ('explicit', 'external', 'implicit', 'systematic')),
    constraint clients_display_names_check
    check (
        jsonb_typeof(display_names) = 'object'
        and authority.is_bounded_json(display_names)
    ),
    constraint clients_redirect_uris_check
    check (
        array_position(redirect_uris, null) is null
        and authority.is_text_list(redirect_uris, 100, 2048)
    ),
    constraint clients_post_logout_redirect_uris_check
    check (
        array_position(post_logout_redirect_uris, null) is null
        and authority.is_text_list(post_logout_redirect_uris, 100, 2048)
    ),
    constraint clients_backchannel_logout_uri_check
    check (
        backchannel_logout_uri collate "C" ~ '^https?://[!"$-~]+$'
        and char_length(backchannel_logout_uri) <= 2048
    ),
    constraint clients_frontchannel_logout_uri_check
    check (
        frontchannel_logout_uri collate "C" ~ '^https?://[!"$-~]+$'
        and char_length(frontchannel_logout_uri) <= 2048
    ),
    constraint clients_permissions_check
    check (
        array_position(permissions, null) is null
        and authority.is_text_list(permissions, 500, 512)
        and authority.names_no_grant(permissions)
    ),
    constraint clients_token_endpoint_auth_method_check
    check (
        token_endpoint_auth_method in (
            'none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt',
            'tls_client_auth', 'self_signed_tls_client_auth'
        )
    ),
    constraint clients_client_type_token_endpoint_auth_method_check
    check ((client_type = 'public') = (token_endpoint_auth_method = 'none')),
    constraint clients_grant_types_check
    check (
        array_position(grant_types, null) is null
        and authority.is_text_list(grant_types, 50, 255)
    ),
    constraint clients_response_types_check
    check (
        array_position(response_types, null) is null
        and authority.is_text_list(response_types, 50, 255)
    ),
    constraint clients_jwks_uri_check
    check (
        jwks_uri collate "C" ~ '^https?://[!"$-~]+$'
        and char_length(jwks_uri) <= 2048
    ),
    constraint clients_json_web_key_set_jwks_uri_check
    check (num_nonnulls(json_web_key_set, jwks_uri) <= 1),
    constraint clients_requirements_check
    check (
        array_position(requirements, null) is null
        and authority.is_text_list(requirements, 100, 512)
    ),
    constraint clients_settings_check
    check (jsonb_typeof(settings) = 'object' and authority.is_bounded_json(settings)),
    constraint clients_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint clients_json_web_key_set_check
    check (
        jsonb_typeof(json_web_key_set) = 'object'
        and (json_web_key_set is null) = (json_web_key_set -> 'keys' is null)
        and jsonb_typeof(json_web_key_set -> 'keys') = 'array'
        and authority.is_bounded_json(json_web_key_set)
    ),
    constraint clients_display_name_check check (char_length(display_name) <= 256),
    constraint clients_moments_check
    check (
        least(
            metadata_valid_until, tokens_valid_after, created_at, updated_at
        ) >= '1900-01-01Z'
        and greatest(
            metadata_valid_until, tokens_valid_after, created_at, updated_at
        ) < '9000-01-01Z'
    )
);

comment on table authority.clients is
'An application that may request tokens (RFC 6749 section 2), with the fields of an
OpenIddict application.';
comment on column authority.clients.tenant_id is 'Owner of the row.';
comment on column authority.clients.id is 'Random. Key inside the store.';
comment on column authority.clients.client_id is
'The client_id of RFC 6749 section 2.2: printable ASCII, unique in the tenant.';
comment on column authority.clients.application_type is
'web or native (RFC 8252). Decides how redirect URIs are compared.';
comment on column authority.clients.client_type is
'A confidential client can keep a secret, a public one cannot (RFC 6749 section 2.1).';
comment on column authority.clients.consent_type is
'When the user is asked for consent: explicit, external, implicit or systematic.';
comment on column authority.clients.display_name is
'Name shown to people when no translation fits. May be empty.';
comment on column authority.clients.display_names is
'Translations: object of language tag (BCP 47) to name.';
comment on column authority.clients.redirect_uris is
'Redirect URIs, compared exactly (RFC 9700 section 2.1) except for the port of a native
application''s loopback address (RFC 8252 section 7.3).';
comment on column authority.clients.post_logout_redirect_uris is
'URIs that the browser may be redirected to after sign-out.';
comment on column authority.clients.backchannel_logout_uri is
'Where the server posts logout tokens: an absolute http or https URI without a fragment
(OpenID Connect Back-Channel Logout section 2.2). Null: the client receives none.';
comment on column authority.clients.backchannel_logout_session_required is
'A logout token must have the sid.';
comment on column authority.clients.frontchannel_logout_uri is
'What the page of a sign-out loads in the browser: an absolute http or https URI without
a fragment (OpenID Connect Front-Channel Logout section 2). Null: nothing.';
comment on column authority.clients.frontchannel_logout_session_required is
'The frontchannel_logout_uri must be loaded with iss and sid.';
comment on column authority.clients.token_endpoint_auth_method is
'How the client authenticates (RFC 7591 section 2). Secrets of a client with another
method than client_secret_basic and client_secret_post are not live. Null: any.';
comment on column authority.clients.grant_types is
'Grants that the client may use (RFC 7591 section 2). The statements that issue tokens
refuse others. Null: every grant that its client_type allows.';
comment on column authority.clients.response_types is
'Response types that the client may use (RFC 7591 section 2). Null: all.';
comment on column authority.clients.permissions is
'What else the client may use, in OpenIddict''s spelling: ept:token, scp:email, … For
gt: and rst: there are grant_types and response_types.';
comment on column authority.clients.requirements is
'What the client must use, in OpenIddict''s spelling: ft:pkce, …';
comment on column authority.clients.settings is
'Object of OpenIddict settings, such as token lifetimes.';
comment on column authority.clients.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.clients.json_web_key_set is
'Public keys of the client (RFC 7517), for private_key_jwt. Null: none.';
comment on column authority.clients.jwks_uri is
'Where the client publishes its keys, instead of json_web_key_set. Null: nowhere.';
comment on column authority.clients.metadata_valid_until is
'Until then the fields are those of the client''s metadata document. Afterwards no code
is issued before it is fetched again. Null: the fields do not come from a document.';
comment on column authority.clients.enabled is
'A disabled client has no live secrets, and its tokens do not verify.';
comment on column authority.clients.tokens_valid_after is
'Tokens whose grant was made at or before this time are dead. Only increases. Null:
never set.';
comment on column authority.clients.created_at is 'When the row was inserted.';
comment on column authority.clients.updated_at is 'When the row last changed.';
comment on column authority.clients.row_version is
'Optimistic lock: an update names the version that it read.';

call authority.isolate_tenants('authority.clients');

alter table authority.clients
drop constraint if exists clients_tenant_id_fk,
add constraint clients_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

revoke execute on function authority.names_no_grant(text[]) from public;
grant execute on function authority.names_no_grant(text[]) to authority_app;
grant select, insert, update, delete on authority.clients to authority_app;
grant select on authority.clients to authority_reader;
