-- name: list_by_user(tenant_id, user_id)
-- One factor that the user can present beside a password: passkeys and security keys
-- first, then confirmed TOTP secrets, then the recovery codes if any is left; oldest
-- first. No secret.
-- @row UserCredential
-- @when kind = webauthn -- id, credential_id, transports, backed_up, uv_initialized
-- @when kind = totp -- id
-- @when kind = recovery_codes -- remaining
select
    factors.kind,
    factors.id,
    factors.name,
    factors.credential_id,
    factors.transports,
    factors.backed_up,
    factors.uv_initialized,
    factors.clone_suspected_at,
    factors.remaining,
    factors.last_used_at,
    factors.created_at
from (
    select
        1 as position,
        'webauthn' as kind,
        webauthn_credentials.id,
        webauthn_credentials.name,
        webauthn_credentials.credential_id,
        webauthn_credentials.transports,
        webauthn_credentials.backed_up,
        webauthn_credentials.uv_initialized,
        webauthn_credentials.clone_suspected_at,
        null::bigint as remaining,
        webauthn_credentials.last_used_at,
        webauthn_credentials.created_at
    from authority.webauthn_credentials
    where
        webauthn_credentials.tenant_id = :tenant_id
        and webauthn_credentials.user_id = :user_id
    union all
    select
        2 as position,
        'totp' as kind,
        totp_credentials.id,
        totp_credentials.name,
        null as credential_id,
        null as transports,
        null as backed_up,
        null as uv_initialized,
        null as clone_suspected_at,
        null as remaining,
        totp_credentials.last_used_at,
        totp_credentials.created_at
    from authority.totp_credentials
    where
        totp_credentials.tenant_id = :tenant_id
        and totp_credentials.user_id = :user_id
        and totp_credentials.confirmed_at is not null
    union all
    select
        3 as position,
        'recovery_codes' as kind,
        null as id,
        '' as name,
        null as credential_id,
        null as transports,
        null as backed_up,
        null as uv_initialized,
        null as clone_suspected_at,
        cardinality(recovery_codes.code_hashes) as remaining,
        recovery_codes.last_used_at,
        recovery_codes.created_at
    from authority.recovery_codes
    where
        recovery_codes.tenant_id = :tenant_id
        and recovery_codes.user_id = :user_id
        and cardinality(recovery_codes.code_hashes) > 0
) as factors
order by factors.position, factors.created_at, factors.id;

-- name: delete_by_user(tenant_id, user_id)^
-- How many credentials of each kind were deleted: all of the user, except the password.
-- @row DeletedUserCredentials
with webauthn as (
    delete from authority.webauthn_credentials
    where
        webauthn_credentials.tenant_id = :tenant_id
        and webauthn_credentials.user_id = :user_id
    returning webauthn_credentials.id
),

totp as (
    delete from authority.totp_credentials
    where
        totp_credentials.tenant_id = :tenant_id
        and totp_credentials.user_id = :user_id
    returning totp_credentials.id
),

recovery as (
    delete from authority.recovery_codes
    where
        recovery_codes.tenant_id = :tenant_id
        and recovery_codes.user_id = :user_id
    returning cardinality(recovery_codes.code_hashes) as remaining
)

select
    (select count(*) from webauthn) as webauthn_credentials,
    (select count(*) from totp) as totp_credentials,
    (select coalesce(sum(recovery.remaining), 0)::bigint from recovery)
        as recovery_codes;
