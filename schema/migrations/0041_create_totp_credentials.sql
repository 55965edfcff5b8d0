-- Creates TOTP credentials: secrets that an application of the user computes one-time
-- codes from (RFC 6238).
--
-- Locks: share row exclusive on authority.users while the foreign key is added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0041_create_totp_credentials');

create or replace function authority.totp_step(period interval)
returns bigint
language sql
stable parallel safe
return floor(extract(epoch from authority.clock()) / extract(epoch from period));

comment on function authority.totp_step(interval) is
'Returns the current time step (RFC 6238 section 4.2): how many periods have passed
since 1970.';

create table if not exists authority.totp_credentials (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    secret_ciphertext bytea not null,
    encryption_key_id text collate "C" not null,
    algorithm text not null,
    digits bigint not null,
    period interval not null,
    name text not null,
    pending_until timestamptz,
    confirmed_at timestamptz,
    last_used_step bigint,
    last_used_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    constraint totp_credentials_tenant_id_id_pk primary key (tenant_id, id),
    constraint totp_credentials_secret_ciphertext_check
    check (
        octet_length(secret_ciphertext) >= 30
        and octet_length(secret_ciphertext) <= 512
        and get_byte(secret_ciphertext, 0) = 1
    ),
    constraint totp_credentials_encryption_key_id_check
    check (encryption_key_id <> '' and char_length(encryption_key_id) <= 256),
    constraint totp_credentials_algorithm_check
    check (algorithm in ('SHA1', 'SHA256', 'SHA512')),
    constraint totp_credentials_digits_check check (digits >= 6 and digits <= 8),
    constraint totp_credentials_period_check
    check (
        period >= interval '15 seconds'
        and period <= interval '5 minutes'
        and period = date_trunc('second', period)
    ),
    constraint totp_credentials_name_check check (char_length(name) <= 256),
    constraint totp_credentials_pending_until_confirmed_at_check
    check (
        num_nonnulls(pending_until, confirmed_at) = 1
        and num_nonnulls(pending_until, last_used_step) = 1
        and num_nonnulls(pending_until, last_used_at) = 1
    ),
    constraint totp_credentials_moments_check
    check (
        least(pending_until, confirmed_at, last_used_at, created_at) >= '1900-01-01Z'
        and greatest(
            pending_until, confirmed_at, last_used_at, created_at
        ) < '9000-01-01Z'
    ),
    constraint totp_credentials_durations_check
    check (
        least(period) >= interval '0'
        and greatest(period) <= interval '876600 hours'
    )
);

comment on table authority.totp_credentials is
'A secret shared with an application that computes one-time codes (RFC 6238). Pending
until the user has typed a first code.';
comment on column authority.totp_credentials.tenant_id is 'Owner of the row.';
comment on column authority.totp_credentials.id is
'Random. Another one after each enrollment.';
comment on column authority.totp_credentials.user_id is
'The user who signs in with the codes.';
comment on column authority.totp_credentials.secret_ciphertext is
'The shared secret, encrypted by the caller (Keyring in Python) for this tenant and
user. The store cannot read it.';
comment on column authority.totp_credentials.encryption_key_id is
'Id of the key that decrypts the secret, in the caller''s own terms.';
comment on column authority.totp_credentials.algorithm is
'Hash function of the HMAC. Many applications compute SHA1 whatever they were told.';
comment on column authority.totp_credentials.digits is 'Length of a code: 6 to 8.';
comment on column authority.totp_credentials.period is
'Length of a time step, in full seconds. Each step has one code.';
comment on column authority.totp_credentials.name is
'What the user calls it, such as the device. May be empty.';
comment on column authority.totp_credentials.pending_until is
'A first code must be accepted before this time. The next enrollment of the user
replaces a pending one. Null: confirmed.';
comment on column authority.totp_credentials.confirmed_at is
'When the first code was accepted. Null: pending, and no factor yet.';
comment on column authority.totp_credentials.last_used_step is
'The time step of the last accepted code. Only grows: codes of this and of earlier steps
are refused (RFC 6238 section 5.2). Null: pending.';
comment on column authority.totp_credentials.last_used_at is
'When a code was last accepted. Null: pending.';
comment on column authority.totp_credentials.created_at is
'When the secret was enrolled.';

-- Serves totp_credentials.list_confirmed and the foreign key: users.delete.
create index if not exists totp_credentials_tenant_id_user_id_idx
on authority.totp_credentials (tenant_id, user_id);
-- Enforces that a user has one pending secret. Serves totp_credentials.get_pending.
create unique index if not exists totp_credentials_tenant_id_user_id_key
on authority.totp_credentials (tenant_id, user_id) where confirmed_at is null;

-- Bounds totp_credentials.list_confirmed and user_credentials.list_by_user.
create or replace trigger totp_credentials_user_id_limit
after insert on authority.totp_credentials
for each row execute function authority.limit_rows('user_id', '100');

call authority.isolate_tenants('authority.totp_credentials');

alter table authority.totp_credentials
drop constraint if exists totp_credentials_tenant_id_user_id_fk,
add constraint totp_credentials_tenant_id_user_id_fk
foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade;

grant select, insert, delete on authority.totp_credentials to authority_app;
grant
update (
    id,
    secret_ciphertext,
    encryption_key_id,
    algorithm,
    digits,
    period,
    name,
    pending_until,
    confirmed_at,
    last_used_step,
    last_used_at,
    created_at
)
on authority.totp_credentials to authority_app;
-- All columns but the ciphertext.
grant select (
    tenant_id,
    id,
    user_id,
    encryption_key_id,
    algorithm,
    digits,
    period,
    name,
    pending_until,
    confirmed_at,
    last_used_step,
    last_used_at,
    created_at
) on authority.totp_credentials to authority_reader;
revoke execute on function authority.totp_step(interval) from public;
grant execute on function authority.totp_step(interval)
to authority_app, authority_reader;
