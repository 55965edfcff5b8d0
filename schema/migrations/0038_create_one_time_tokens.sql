-- Creates one-time tokens: links and codes that are sent to an e-mail address.
--
-- Locks: share row exclusive on authority.tenants and authority.users while foreign
-- keys to them are added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0038_create_one_time_tokens');

create table if not exists authority.one_time_tokens (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    purpose text collate "C" not null,
    user_id uuid,
    email text not null,
    recipient text collate "C" not null
    generated always as (coalesce(user_id::text, lower(email collate "C"))) stored,
    token_hash bytea,
    code_hash bytea,
    failed_attempts bigint not null default 0,
    max_attempts bigint not null default 5,
    properties jsonb not null default '{}',
    expires_at timestamptz not null,
    used_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    constraint one_time_tokens_tenant_id_id_pk primary key (tenant_id, id),
    constraint one_time_tokens_tenant_id_token_hash_key
    unique (tenant_id, token_hash),
    constraint one_time_tokens_tenant_id_purpose_recipient_key
    unique (tenant_id, purpose, recipient),
    constraint one_time_tokens_purpose_check
    check (
        purpose in ('password_reset', 'email_verification', 'invitation', 'sign_in')
    ),
    constraint one_time_tokens_purpose_user_id_check
    check (user_id is not null or purpose <> 'password_reset'),
    constraint one_time_tokens_email_check check (
        authority.is_visible(email)
        and char_length(email) <= 254
        and email collate "C" ~ (
            '^[^\u0001- "(),.:;<>@[\\\]\u007f]+(\.[^\u0001- "(),.:;<>@[\\\]\u007f]+)*'
            '@[^\u0001-,./:-@[-`{-\u007f]+(\.[^\u0001-,./:-@[-`{-\u007f]+)*$'
        )
    ),
    constraint one_time_tokens_recipient_check
    check (authority.is_visible(recipient) and char_length(recipient) <= 254),
    constraint one_time_tokens_token_hash_code_hash_check
    check (token_hash is not null or code_hash is not null),
    constraint one_time_tokens_token_hash_check check (octet_length(token_hash) = 32),
    constraint one_time_tokens_code_hash_check check (octet_length(code_hash) = 32),
    constraint one_time_tokens_max_attempts_check check (max_attempts between 1 and 10),
    constraint one_time_tokens_failed_attempts_check
    check (failed_attempts between 0 and max_attempts),
    constraint one_time_tokens_properties_check
    check (
        jsonb_typeof(properties) = 'object'
        and authority.is_bounded_json(properties)
    ),
    constraint one_time_tokens_expires_at_check
    check (
        expires_at > created_at
        and expires_at <= created_at + case
            when code_hash is not null then interval '30 minutes'
            when purpose = 'invitation' then interval '720 hours'
            when purpose = 'email_verification' then interval '168 hours'
            when purpose = 'password_reset' then interval '24 hours'
            else interval '1 hour'
        end
    ),
    constraint one_time_tokens_moments_check
    check (
        least(expires_at, used_at, created_at) >= '1900-01-01Z'
        and greatest(expires_at, used_at, created_at) < '9000-01-01Z'
    )
);

comment on table authority.one_time_tokens is
'A link, a short code or both, sent to an e-mail address and used once. A recipient has
at most one for each purpose: a newer one takes its place.';
comment on column authority.one_time_tokens.tenant_id is 'Owner of the row.';
comment on column authority.one_time_tokens.id is
'Random. The id of the newest one, because a newer one takes the row.';
comment on column authority.one_time_tokens.purpose is
'What its use proves or permits.';
comment on column authority.one_time_tokens.user_id is
'Whose it is. Null: the recipient is no user yet.';
comment on column authority.one_time_tokens.email is
'The address that it was sent to, as typed. Addresses are compared as lower(email
collate "C").';
comment on column authority.one_time_tokens.recipient is
'The user_id, or without one lower(email collate "C"): a code is found by it.';
comment on column authority.one_time_tokens.token_hash is
'SHA-256 of the token in the link, 32 octets. Null: only a code was sent.';
comment on column authority.one_time_tokens.code_hash is
'SHA-256 of the tenant, the purpose and the short code, 32 octets. It does not protect
the code: codes are few enough to try them all. Null: only a link was sent.';
comment on column authority.one_time_tokens.failed_attempts is
'How many wrong codes were presented.';
comment on column authority.one_time_tokens.max_attempts is
'After so many wrong codes the code is dead. The link is not: it cannot be guessed.';
comment on column authority.one_time_tokens.properties is
'Open object of the embedding service, such as the roles of an invitation. The store
never reads it.';
comment on column authority.one_time_tokens.expires_at is
'Dead from this time on, by the database''s clock. At most 30 minutes after created_at
with a code, else 1 hour for a sign_in, 24 hours for a password_reset, 7 days for an
email_verification, 30 days for an invitation.';
comment on column authority.one_time_tokens.used_at is
'When it was used. Null: not used.';
comment on column authority.one_time_tokens.created_at is 'When it was created.';

-- Serves the foreign key: users.delete.
create index if not exists one_time_tokens_tenant_id_user_id_idx
on authority.one_time_tokens (tenant_id, user_id) where user_id is not null;
-- Serves one_time_tokens.prune_expired.
create index if not exists one_time_tokens_expires_at_idx
on authority.one_time_tokens (expires_at);

call authority.isolate_tenants('authority.one_time_tokens');
call authority.let_operators_prune('authority.one_time_tokens');

alter table authority.one_time_tokens
drop constraint if exists one_time_tokens_tenant_id_fk,
add constraint one_time_tokens_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;
alter table authority.one_time_tokens
drop constraint if exists one_time_tokens_tenant_id_user_id_fk,
add constraint one_time_tokens_tenant_id_user_id_fk foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade;

grant select, insert, delete on authority.one_time_tokens to authority_app;
grant update (
    id,
    email,
    token_hash,
    code_hash,
    failed_attempts,
    max_attempts,
    properties,
    expires_at,
    used_at,
    created_at
) on authority.one_time_tokens to authority_app;
grant select (tenant_id, id, expires_at), update (used_at), delete
on authority.one_time_tokens to authority_maintenance;
-- All columns but the hashes.
grant select (
    tenant_id,
    id,
    purpose,
    user_id,
    email,
    recipient,
    failed_attempts,
    max_attempts,
    properties,
    expires_at,
    used_at,
    created_at
) on authority.one_time_tokens to authority_reader;
