-- Creates what the registration of a client says beyond what grants need.
--
-- Locks: share row exclusive on authority.clients while the foreign key is added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0012_create_client_registrations');

create table if not exists authority.client_registrations (
    tenant_id uuid not null,
    client_uuid uuid not null,
    source text not null,
    registration_token_hash bytea,
    metadata_fetched_at timestamptz,
    software_id text,
    software_version text,
    software_statement text,
    contacts text[] not null default '{}',
    client_uri text,
    logo_uri text,
    policy_uri text,
    tos_uri text,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint client_registrations_tenant_id_client_uuid_pk
    primary key (tenant_id, client_uuid),
    constraint client_registrations_source_check
    check (source in ('manual', 'dynamic', 'metadata_document')),
    constraint client_registrations_registration_token_hash_check
    check (octet_length(registration_token_hash) = 32),
    constraint client_registrations_source_registration_token_hash_check
    check (source = 'dynamic' or registration_token_hash is null),
    constraint client_registrations_source_metadata_fetched_at_check
    check ((source = 'metadata_document') = (metadata_fetched_at is not null)),
    constraint client_registrations_software_id_check
    check (char_length(software_id) <= 255),
    constraint client_registrations_software_version_check
    check (char_length(software_version) <= 255),
    constraint client_registrations_software_statement_check
    check (char_length(software_statement) <= 65536),
    constraint client_registrations_contacts_check
    check (
        array_position(contacts, null) is null
        and authority.is_text_list(contacts, 20, 512)
    ),
    constraint client_registrations_client_uri_check
    check (
        client_uri collate "C" ~ '^https?://[!-~]+$' and char_length(client_uri) <= 2048
    ),
    constraint client_registrations_logo_uri_check
    check (
        logo_uri collate "C" ~ '^https?://[!-~]+$' and char_length(logo_uri) <= 2048
    ),
    constraint client_registrations_policy_uri_check
    check (
        policy_uri collate "C" ~ '^https?://[!-~]+$' and char_length(policy_uri) <= 2048
    ),
    constraint client_registrations_tos_uri_check
    check (tos_uri collate "C" ~ '^https?://[!-~]+$' and char_length(tos_uri) <= 2048),
    constraint client_registrations_moments_check
    check (
        least(metadata_fetched_at, created_at, updated_at) >= '1900-01-01Z'
        and greatest(metadata_fetched_at, created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.client_registrations is
'Where a client came from, and what its registration shows to people (RFC 7591 section
2). A client that was made by hand needs no row.';
comment on column authority.client_registrations.tenant_id is 'Owner of the row.';
comment on column authority.client_registrations.client_uuid is
'clients.id of the client.';
comment on column authority.client_registrations.source is
'manual: an administrator. dynamic: the registration endpoint (RFC 7591).
metadata_document: the document at the URL that is the client_id.';
comment on column authority.client_registrations.registration_token_hash is
'SHA-256 of the registration access token (RFC 7592), which has 256 random bits. Null:
the client does not manage its registration.';
comment on column authority.client_registrations.metadata_fetched_at is
'When the metadata document was last fetched. Until when it holds is
clients.metadata_valid_until.';
comment on column authority.client_registrations.software_id is
'Identifies the software, the same for each of its clients.';
comment on column authority.client_registrations.software_version is
'Version of the software.';
comment on column authority.client_registrations.software_statement is
'The signed JWT that asserted the metadata, as it was sent. The caller verified it.';
comment on column authority.client_registrations.contacts is
'How to reach the people responsible for the client, mostly by e-mail.';
comment on column authority.client_registrations.client_uri is
'Home page of the client, for the page of consent.';
comment on column authority.client_registrations.logo_uri is
'Logo of the client, for the page of consent. Fetch it yourself: it is a foreign URL.';
comment on column authority.client_registrations.policy_uri is
'How the client uses personal data, for the page of consent.';
comment on column authority.client_registrations.tos_uri is
'Terms of service of the client, for the page of consent.';
comment on column authority.client_registrations.created_at is
'When the client was registered.';
comment on column authority.client_registrations.updated_at is
'When the registration last changed.';

call authority.isolate_tenants('authority.client_registrations');

alter table authority.client_registrations
drop constraint if exists client_registrations_tenant_id_client_uuid_fk,
add constraint client_registrations_tenant_id_client_uuid_fk
foreign key (tenant_id, client_uuid)
references authority.clients (tenant_id, id) on delete cascade;

grant select, insert, delete on authority.client_registrations to authority_app;
-- All columns but the keys.
grant update (
    source,
    registration_token_hash,
    metadata_fetched_at,
    software_id,
    software_version,
    software_statement,
    contacts,
    client_uri,
    logo_uri,
    policy_uri,
    tos_uri,
    updated_at
) on authority.client_registrations to authority_app;
-- All columns but the hash.
grant select (
    tenant_id,
    client_uuid,
    source,
    metadata_fetched_at,
    software_id,
    software_version,
    software_statement,
    contacts,
    client_uri,
    logo_uri,
    policy_uri,
    tos_uri,
    created_at,
    updated_at
) on authority.client_registrations to authority_reader;
