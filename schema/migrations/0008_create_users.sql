-- Creates users.
--
-- Locks: share row exclusive on authority.tenants while its foreign key is added;
-- access exclusive if this runs again.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local standard_conforming_strings = on;
set local role pg_database_owner;
call authority.begin_migration('0008_create_users');

create or replace function authority.is_username_key(username text, username_key text)
returns boolean
language sql
immutable strict parallel safe
return authority.is_visible(username collate "C")
and authority.is_visible(username_key collate "C")
and is_normalized(username_key collate "C", 'NFKC')
and username_key collate "C" !~ (
    '[A-Z\u00c0-\u00d6\u00d8-\u00df\u0391-\u03ab\u03c2\u0400-\u042f\u0531-\u0556'
    '\u00a1-\u00a9\u00ab-\u00b4\u00b6\u00b8\u00b9\u00bb-\u00bf\u00d7\u00f7'
    '\u2010-\u2071\u2190-\u2bff\u3001-\u3004\U0001f000-\U0001faff]|  '
)
and (
    username collate "C" ~ '[^ -~]' or username_key = lower(username collate "C")
);

comment on function authority.is_username_key(text, text) is
'Returns whether the key can belong to the username (username_key in Python, RFC 8265).
The key of a name in printable ASCII is lower(username collate "C"). For other names the
check refuses characters that no key contains: invisible characters, capitals,
compatibility characters and symbols. No locale changes the result.';

create or replace function authority.is_password_hash(hash text)
returns boolean
language sql
immutable strict parallel safe
return case
    when
        hash collate "C" ~ (
            '^\$argon2(id|i|d)\$v=19\$m=[1-9][0-9]{0,6},t=[1-9][0-9]?,p=[1-9][0-9]?'
            '\$([A-Za-z0-9+/]{4}){1,21}([A-Za-z0-9+/]{2,3})?'
            '\$([A-Za-z0-9+/]{4}){5,21}([A-Za-z0-9+/]{2,3})?$'
        )
        then
            substring(hash collate "C" from 'm=([0-9]+)')::bigint
            * substring(hash collate "C" from 't=([0-9]+)')::bigint <= 1048576
    when
        hash collate "C" ~ (
            '^\$scrypt\$ln=([1-9]|1[0-9]|20),r=[1-9][0-9]?,p=[1-9][0-9]?'
            '\$([A-Za-z0-9+/]{4}){1,21}([A-Za-z0-9+/]{2,3})?'
            '\$([A-Za-z0-9+/]{4}){5,21}([A-Za-z0-9+/]{2,3})?$'
        )
        then
            substring(hash collate "C" from 'r=([0-9]+)')::bigint
            * substring(hash collate "C" from 'p=([0-9]+)')::bigint
            << substring(hash collate "C" from 'ln=([0-9]+)')::integer <= 2097152
    else hash collate "C" ~ (
        '^((\$bcrypt-sha256-hex)?\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}'
        '|\$pbkdf2-sha(1|256|512)\$i=([1-9][0-9]{0,5}|[12][0-9]{6})'
        '\$([A-Za-z0-9+/]{4}){1,21}([A-Za-z0-9+/]{2,3})?'
        '\$([A-Za-z0-9+/]{4}){5,21}([A-Za-z0-9+/]{2,3})?'
        '|(\{SSHA\}([A-Za-z0-9+/]{4}){7,17}'
        '|\{SSHA256\}([A-Za-z0-9+/]{4}){11,21}'
        '|\{SSHA512\}([A-Za-z0-9+/]{4}){22,31})'
        '([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==))$'
    )
end;

comment on function authority.is_password_hash(text) is
'Returns whether a sign-in can verify this hash: Argon2, PBKDF2 or scrypt as a PHC
string, bcrypt or {SSHA}, each in one spelling and at a cost of at most about a
second.';

create table if not exists authority.users (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    subject_id text collate "C" not null default gen_random_uuid()::text,
    username text collate "C" not null,
    username_key text collate "C" not null,
    email text,
    email_key text collate "C" generated always as (lower(email collate "C")) stored,
    email_verified boolean not null default false,
    display_name text not null default '',
    password_hash text,
    status text collate "C" not null default 'active',
    tokens_valid_after timestamptz,
    attributes jsonb not null default '{}',
    created_at timestamptz not null default authority.clock(),
    updated_at timestamptz not null default authority.clock(),
    row_version bigint not null default 1,
    constraint users_tenant_id_id_pk primary key (tenant_id, id),
    constraint users_tenant_id_subject_id_key unique (tenant_id, subject_id),
    constraint users_tenant_id_username_key_key unique (tenant_id, username_key),
    constraint users_subject_id_check
    check (
        subject_id ~ '^[ -~]+$'
        and char_length(subject_id) <= 255
        and authority.is_visible(subject_id)
    ),
    constraint users_username_check
    check (
        authority.is_username_key(username, username_key)
        and char_length(username) <= 256
        and char_length(username_key) <= 256
    ),
    constraint users_email_check check (
        authority.is_visible(email)
        and char_length(email) <= 254
        and char_length(email_key) <= 254
        and email collate "C" ~ (
            '^[^\u0001- "(),.:;<>@[\\\]\u007f]+(\.[^\u0001- "(),.:;<>@[\\\]\u007f]+)*'
            '@[^\u0001-,./:-@[-`{-\u007f]+(\.[^\u0001-,./:-@[-`{-\u007f]+)*$'
        )
    ),
    constraint users_email_email_verified_check
    check (email is not null or not email_verified),
    constraint users_password_hash_check
    check (
        authority.is_password_hash(password_hash)
        and char_length(password_hash) <= 1024
    ),
    constraint users_status_check
    check (status in ('pending', 'active', 'suspended')),
    constraint users_attributes_check
    check (
        jsonb_typeof(attributes) = 'object'
        and authority.is_bounded_json(attributes)
    ),
    constraint users_display_name_check check (char_length(display_name) <= 256),
    constraint users_moments_check
    check (
        least(tokens_valid_after, created_at, updated_at) >= '1900-01-01Z'
        and greatest(tokens_valid_after, created_at, updated_at) < '9000-01-01Z'
    )
);

comment on table authority.users is
'A person (OpenID Connect end-user) who can sign in to one tenant.';
comment on column authority.users.tenant_id is 'Owner of the row.';
comment on column authority.users.id is 'Random. Key inside the store.';
comment on column authority.users.subject_id is
'The sub claim (OpenID Connect Core section 2): printable ASCII, case-sensitive, unique
in the tenant. Never changes. A random UUID, unless the creation passes one.';
comment on column authority.users.username is 'As typed at registration.';
comment on column authority.users.username_key is
'Sign-in looks up this key: username_key in Python (RFC 8265, case-folded). Names that
differ only in case or Unicode form have the same key. In plain SQL it is lower(username
collate "C") for a name in printable ASCII.';
comment on column authority.users.email is
'Contact address as typed, or null. Only one user of the tenant can have verified it.';
comment on column authority.users.email_key is
'The address by which addresses are compared: its ASCII letters in lower case.';
comment on column authority.users.email_verified is
'The email_verified claim: the user has proven control of this address.';
comment on column authority.users.display_name is 'Name shown to people. May be empty.';
comment on column authority.users.password_hash is
'Argon2id hash with its own salt and parameters. An imported hash of another kind stays
until the next sign-in. Null: no password sign-in.';
comment on column authority.users.status is
'Only an active user signs in, and only the tokens of an active user verify.';
comment on column authority.users.tokens_valid_after is
'Tokens whose sign-in is at or before this time are dead. Only increases. Null: never
set.';
comment on column authority.users.attributes is
'Open object of the embedding service for claims. The store never reads it.';
comment on column authority.users.created_at is 'When the row was inserted.';
comment on column authority.users.updated_at is 'When the row last changed.';
comment on column authority.users.row_version is
'Optimistic lock: an update names the version that it read.';

-- Serves users.get_by_verified_email.
create unique index if not exists users_tenant_id_email_key_key
on authority.users (tenant_id, email_key) where email_verified;
-- Serves users.list_by_status_after and users.list_by_status_before.
create index if not exists users_tenant_id_status_username_key_idx
on authority.users (tenant_id, status, username_key);

call authority.isolate_tenants('authority.users');

alter table authority.users
drop constraint if exists users_tenant_id_fk,
add constraint users_tenant_id_fk foreign key (tenant_id)
references authority.tenants (id) on delete restrict;

-- All columns but the keys, because a sub never changes.
grant select, insert, delete on authority.users to authority_app;
grant update (
    username,
    username_key,
    email,
    email_verified,
    display_name,
    password_hash,
    status,
    tokens_valid_after,
    attributes,
    updated_at,
    row_version
) on authority.users to authority_app;
-- All columns but the password hash.
grant select (
    tenant_id,
    id,
    subject_id,
    username,
    username_key,
    email,
    email_key,
    email_verified,
    display_name,
    status,
    tokens_valid_after,
    attributes,
    created_at,
    updated_at,
    row_version
) on authority.users to authority_reader;
revoke execute on function authority.is_username_key(text, text) from public;
grant execute on function authority.is_username_key(text, text) to authority_app;
revoke execute on function authority.is_password_hash(text) from public;
grant execute on function authority.is_password_hash(text) to authority_app;
