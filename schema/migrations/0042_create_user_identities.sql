-- Creates the accounts of users at other identity providers.
--
-- Locks: share row exclusive on authority.users while the foreign key is added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0042_create_user_identities');

create table if not exists authority.user_identities (
    tenant_id uuid not null,
    issuer text collate "C" not null,
    subject text collate "C" not null,
    user_id uuid not null,
    profile jsonb not null default '{}',
    last_used_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    constraint user_identities_tenant_id_issuer_subject_pk
    primary key (tenant_id, issuer, subject),
    constraint user_identities_issuer_check
    check (issuer ~ '^[!-~]+$' and char_length(issuer) <= 1024),
    constraint user_identities_subject_check
    check (char_length(subject) <= 256 and authority.is_visible(subject)),
    constraint user_identities_profile_check
    check (jsonb_typeof(profile) = 'object' and authority.is_bounded_json(profile)),
    constraint user_identities_moments_check
    check (
        least(last_used_at, created_at, updated_at) >= '1900-01-01Z'
        and greatest(last_used_at, created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.user_identities is
'An account at another identity provider, with which a user signs in.';
comment on column authority.user_identities.tenant_id is 'Owner of the row.';
comment on column authority.user_identities.issuer is
'The iss of the provider''s ID tokens (OpenID Connect Core section 2), or the entityID
of a SAML provider. Compared exactly.';
comment on column authority.user_identities.subject is
'The sub of the provider''s ID tokens, or a persistent NameID of SAML. Never an e-mail
address or a name, which a provider gives to another person. Compared exactly.';
comment on column authority.user_identities.user_id is
'The user who signs in with the account. An account belongs to one user of the tenant.';
comment on column authority.user_identities.profile is
'Claims that the provider sent last, such as name and picture. No tokens of the
provider. The store never reads it.';
comment on column authority.user_identities.last_used_at is
'When the user last signed in with it. Null: never.';
comment on column authority.user_identities.created_at is 'When it was linked.';
comment on column authority.user_identities.updated_at is
'When the profile was last stored.';

-- Serves user_identities.list_by_user, unlink and the foreign key: users.delete.
create index if not exists user_identities_tenant_id_user_id_issuer_subject_idx
on authority.user_identities (tenant_id, user_id, issuer, subject);

call authority.isolate_tenants('authority.user_identities');

alter table authority.user_identities
drop constraint if exists user_identities_tenant_id_user_id_fk,
add constraint user_identities_tenant_id_user_id_fk
foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade;

grant select, insert, delete on authority.user_identities to authority_app;
grant update (profile, last_used_at, updated_at)
on authority.user_identities to authority_app;
grant select on authority.user_identities to authority_reader;
