-- Creates clients.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '5s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;

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
    permissions text[] not null default '{}',
    requirements text[] not null default '{}',
    settings jsonb not null default '{}',
    properties jsonb not null default '{}',
    json_web_key_set jsonb,
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
    ),
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
        least(tokens_valid_after, created_at, updated_at) >= '1900-01-01Z'
        and greatest(tokens_valid_after, created_at, updated_at) < '9000-01-01Z'
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
comment on column authority.clients.permissions is
'What the client may use, in OpenIddict''s spelling: ept:token, gt:refresh_token, …';
comment on column authority.clients.requirements is
'What the client must use, in OpenIddict''s spelling: ft:pkce, …';
comment on column authority.clients.settings is
'Object of OpenIddict settings, such as token lifetimes.';
comment on column authority.clients.properties is
'Open object of the embedding service. The store never reads it.';
comment on column authority.clients.json_web_key_set is
'Public keys of the client (RFC 7517), for private_key_jwt. Null: none.';
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

grant select, insert, update, delete on authority.clients to authority_app;
grant select on authority.clients to authority_reader;
