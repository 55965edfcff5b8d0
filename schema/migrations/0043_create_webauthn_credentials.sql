-- Creates WebAuthn credentials: passkeys and security keys of users.
--
-- Locks: share row exclusive on authority.users while the foreign key is added.

set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.begin_migration('0043_create_webauthn_credentials');

create table if not exists authority.webauthn_credentials (
    tenant_id uuid not null,
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    credential_id bytea not null,
    user_handle bytea not null,
    public_key bytea not null,
    sign_count bigint not null,
    aaguid uuid not null,
    transports text[] not null,
    discoverable boolean,
    backup_eligible boolean not null,
    backed_up boolean not null,
    uv_initialized boolean not null,
    name text not null,
    clone_suspected_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz not null default authority.clock(),
    constraint webauthn_credentials_tenant_id_id_pk primary key (tenant_id, id),
    constraint webauthn_credentials_tenant_id_credential_id_key
    unique (tenant_id, credential_id),
    constraint webauthn_credentials_credential_id_check
    check (octet_length(credential_id) >= 16 and octet_length(credential_id) <= 1023),
    constraint webauthn_credentials_user_handle_check
    check (octet_length(user_handle) >= 1 and octet_length(user_handle) <= 64),
    constraint webauthn_credentials_public_key_check
    check (octet_length(public_key) >= 1 and octet_length(public_key) <= 4096),
    constraint webauthn_credentials_sign_count_check
    check (sign_count >= 0 and sign_count <= 4294967295),
    constraint webauthn_credentials_transports_check
    check (
        array_position(transports, null) is null
        and authority.is_text_list(transports, 16, 64)
    ),
    constraint webauthn_credentials_backup_eligible_backed_up_check
    check (backup_eligible or not backed_up),
    constraint webauthn_credentials_name_check check (char_length(name) <= 256),
    constraint webauthn_credentials_moments_check
    check (
        least(clone_suspected_at, last_used_at, created_at) >= '1900-01-01Z'
        and greatest(clone_suspected_at, last_used_at, created_at) < '9000-01-01Z'
    )
);

comment on table authority.webauthn_credentials is
'A public key credential of a user: a passkey or a security key (WebAuthn level 3
section 4, credential record).';
comment on column authority.webauthn_credentials.tenant_id is 'Owner of the row.';
comment on column authority.webauthn_credentials.id is
'Random. Key inside the store.';
comment on column authority.webauthn_credentials.user_id is
'The user who signs in with the credential.';
comment on column authority.webauthn_credentials.credential_id is
'Credential ID that the authenticator chose, as raw octets. A credential belongs to one
user of the tenant.';
comment on column authority.webauthn_credentials.user_handle is
'The user.id of the registration, which a discoverable credential returns. The 16 octets
of users.id, unless the credential came from another system. No personal data (WebAuthn
level 3 section 14.6.1).';
comment on column authority.webauthn_credentials.public_key is
'Public key in COSE_Key format, as the authenticator sent it.';
comment on column authority.webauthn_credentials.sign_count is
'The highest signature counter that was accepted. Only grows. 0: the authenticator has
no counter, as most passkeys.';
comment on column authority.webauthn_credentials.aaguid is
'Model of the authenticator. All zeros: not disclosed.';
comment on column authority.webauthn_credentials.transports is
'How clients reach the authenticator, such as usb or internal, for allowCredentials and
excludeCredentials. Includes values that no specification has yet.';
comment on column authority.webauthn_credentials.discoverable is
'The authenticator finds the credential without its id, so the user need not type a
name (the property rk of credProps). Null: the client did not report it.';
comment on column authority.webauthn_credentials.backup_eligible is
'The flag BE: the credential may be synchronized to other devices. Never changes.';
comment on column authority.webauthn_credentials.backed_up is
'The flag BS of the last accepted use: the credential has a backup now. The loss of one
device does not lose it.';
comment on column authority.webauthn_credentials.uv_initialized is
'The authenticator has verified the user (PIN, fingerprint) at registration, or later
with another factor beside it. Only then can it be the only factor.';
comment on column authority.webauthn_credentials.name is
'What the user calls it, such as the device. May be empty.';
comment on column authority.webauthn_credentials.clone_suspected_at is
'When an assertion last came with a signature counter that had not grown, which may be
one of a clone. Null: never.';
comment on column authority.webauthn_credentials.last_used_at is
'When an assertion was last accepted. Null: never.';
comment on column authority.webauthn_credentials.created_at is
'When the credential was registered.';

-- Serves webauthn_credentials.list_by_user and the foreign key: users.delete.
create index if not exists webauthn_credentials_tenant_id_user_id_idx
on authority.webauthn_credentials (tenant_id, user_id);

-- Bounds webauthn_credentials.list_by_user and user_credentials.list_by_user.
create or replace trigger webauthn_credentials_user_id_limit
after insert on authority.webauthn_credentials
for each row execute function authority.limit_rows('user_id', '100');

call authority.isolate_tenants('authority.webauthn_credentials');

alter table authority.webauthn_credentials
drop constraint if exists webauthn_credentials_tenant_id_user_id_fk,
add constraint webauthn_credentials_tenant_id_user_id_fk
foreign key (tenant_id, user_id)
references authority.users (tenant_id, id) on delete cascade;

grant select, insert, delete on authority.webauthn_credentials to authority_app;
grant
update (
    sign_count, backed_up, uv_initialized, name, clone_suspected_at, last_used_at
)
on authority.webauthn_credentials to authority_app;
grant select on authority.webauthn_credentials to authority_reader;
