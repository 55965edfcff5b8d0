-- name: enroll(tenant_id, user_id, secret_ciphertext, encryption_key_id, algorithm, digits, period, name, lifetime)^
-- The outcome of an enrollment: enrolled, or user_inactive if the user does not exist
-- or is suspended. The secret is no factor until confirm has accepted a first code.
-- It replaces a pending one of the user.
-- @row TotpEnrollment
-- @when outcome = enrolled -- totp_credential_id, pending_until
with enrolled_by as (
    select users.id
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
        and users.status <> 'suspended'
    for key share
),

credential as (
    insert into authority.totp_credentials (
        tenant_id,
        user_id,
        secret_ciphertext,
        encryption_key_id,
        algorithm,
        digits,
        period,
        name,
        pending_until
    )
    select
        :tenant_id,
        enrolled_by.id as user_id,
        :secret_ciphertext,
        :encryption_key_id,
        :algorithm,
        :digits,
        :period,
        :name,
        authority.clock() + :lifetime as pending_until
    from enrolled_by
    on conflict (tenant_id, user_id) where confirmed_at is null do update
        set
            id = excluded.id,
            secret_ciphertext = excluded.secret_ciphertext,
            encryption_key_id = excluded.encryption_key_id,
            algorithm = excluded.algorithm,
            digits = excluded.digits,
            period = excluded.period,
            name = excluded.name,
            pending_until = excluded.pending_until,
            created_at = excluded.created_at
    returning
        totp_credentials.id,
        totp_credentials.pending_until
)

select
    case when credential.id is null then 'user_inactive' else 'enrolled' end as outcome,
    credential.id as totp_credential_id,
    credential.pending_until
from (values (:tenant_id::uuid)) as given (tenant_id)
left join credential on true;

-- name: get_pending(tenant_id, user_id)^
-- The user's pending secret, for the check of a first code, or no row.
-- @row EncryptedTotp
-- @notnull current_step -- A stored period is at least 15 seconds.
select
    totp_credentials.tenant_id,
    totp_credentials.id,
    totp_credentials.user_id,
    totp_credentials.secret_ciphertext,
    totp_credentials.encryption_key_id,
    totp_credentials.algorithm,
    totp_credentials.digits,
    totp_credentials.period,
    authority.totp_step(totp_credentials.period) as current_step
from authority.totp_credentials
where
    totp_credentials.tenant_id = :tenant_id
    and totp_credentials.user_id = :user_id
    and totp_credentials.confirmed_at is null
    and totp_credentials.pending_until > authority.clock();

-- name: list_confirmed(tenant_id, user_id)
-- One confirmed secret of the user, oldest first, for the check of a code.
-- @row EncryptedTotp
-- @notnull current_step -- A stored period is at least 15 seconds.
select
    totp_credentials.tenant_id, totp_credentials.id, totp_credentials.user_id,
    totp_credentials.secret_ciphertext, totp_credentials.encryption_key_id,
    totp_credentials.algorithm, totp_credentials.digits, totp_credentials.period,
    authority.totp_step(totp_credentials.period) as current_step
from authority.totp_credentials
where
    totp_credentials.tenant_id = :tenant_id
    and totp_credentials.user_id = :user_id
    and totp_credentials.confirmed_at is not null
order by totp_credentials.created_at, totp_credentials.id;

-- name: confirm(tenant_id, user_id, totp_credential_id, step, drift)^
-- The outcome of a first code of this time step: confirmed, or invalid. The code was
-- right, and the statement decides whether the step lies within drift steps of the
-- current one and the secret is still pending.
-- @row TotpConfirmation
-- @param step notnull
with confirmed as (
    update authority.totp_credentials
    set
        pending_until = null,
        confirmed_at = authority.clock(),
        last_used_step = :step,
        last_used_at = authority.clock()
    where
        totp_credentials.tenant_id = :tenant_id
        and totp_credentials.user_id = :user_id
        and totp_credentials.id = :totp_credential_id
        and totp_credentials.confirmed_at is null
        and totp_credentials.pending_until > authority.clock()
        and abs(:step - authority.totp_step(totp_credentials.period)) <= :drift
    returning totp_credentials.id
)

select
    case when confirmed.id is null then 'invalid' else 'confirmed' end as outcome
from (values (:tenant_id::uuid)) as given (tenant_id)
left join confirmed on true;

-- name: use(tenant_id, user_id, totp_credential_id, step, drift)^
-- The outcome of a code of this time step, which was right.
--
-- - accepted: the step lies within drift steps of the current one, and neither it nor a
--   later step was accepted before (RFC 6238 section 5.2).
-- - step_used: it or a later one was.
-- - invalid: any other reason. The step is too old or too new, the secret is unknown or
--   pending, or the user is not active.
--
-- The statement locks the secret and judges the step after the wait: of any number of
-- checks of a step one is accepted.
-- @row TotpUse
-- @param step notnull
with credential as (
    select
        totp_credentials.id,
        totp_credentials.period,
        totp_credentials.last_used_step
    from authority.totp_credentials
    where
        totp_credentials.tenant_id = :tenant_id
        and totp_credentials.user_id = :user_id
        and totp_credentials.id = :totp_credential_id
        and totp_credentials.confirmed_at is not null
    for no key update
),

judged as (
    select
        credential.id,
        case
            when :step > credential.last_used_step then 'accepted' else 'step_used'
        end as outcome
    from credential
    inner join authority.users
        on
            users.tenant_id = :tenant_id
            and users.id = :user_id
    inner join authority.active_tenants on active_tenants.id = :tenant_id
    where
        users.status = 'active'
        and abs(:step - authority.totp_step(credential.period)) <= :drift
),

accepted as (
    update authority.totp_credentials
    set
        last_used_step = :step,
        last_used_at = authority.clock()
    from judged
    where
        totp_credentials.tenant_id = :tenant_id
        and totp_credentials.id = judged.id
        and judged.outcome = 'accepted'
)

select coalesce(judged.outcome, 'invalid') as outcome
from (values (:tenant_id::uuid)) as given (tenant_id)
left join judged on true;

-- name: list_encrypted_otherwise(tenant_id, encryption_key_id, after, page_size)
-- One secret of the tenant, pending or not, that another key decrypts, in order of id.
-- @row EncryptedTotp
-- @notnull current_step -- A stored period is at least 15 seconds.
-- @param after -- the last id of the page before, or the UUID 0 to begin
select
    totp_credentials.tenant_id, totp_credentials.id, totp_credentials.user_id,
    totp_credentials.secret_ciphertext, totp_credentials.encryption_key_id,
    totp_credentials.algorithm, totp_credentials.digits, totp_credentials.period,
    authority.totp_step(totp_credentials.period) as current_step
from authority.totp_credentials
where
    totp_credentials.tenant_id = :tenant_id
    and totp_credentials.id > :after
    and totp_credentials.encryption_key_id <> :encryption_key_id
order by totp_credentials.id
limit :page_size;

-- name: reencrypt(tenant_id, totp_credential_id, replaced_ciphertext, secret_ciphertext, encryption_key_id)!
-- Replaces the ciphertext, unless another one has replaced it since.
-- @param replaced_ciphertext -- the ciphertext that was read
update authority.totp_credentials
set
    secret_ciphertext = :secret_ciphertext,
    encryption_key_id = :encryption_key_id
where
    totp_credentials.tenant_id = :tenant_id
    and totp_credentials.id = :totp_credential_id
    and totp_credentials.secret_ciphertext = :replaced_ciphertext;

-- name: rename(tenant_id, user_id, totp_credential_id, name)!
-- Changes what the user calls the secret.
update authority.totp_credentials
set name = :name
where
    totp_credentials.tenant_id = :tenant_id
    and totp_credentials.user_id = :user_id
    and totp_credentials.id = :totp_credential_id;

-- name: delete(tenant_id, user_id, totp_credential_id)!
-- Deletes the secret of this user, pending or not.
delete from authority.totp_credentials
where
    totp_credentials.tenant_id = :tenant_id
    and totp_credentials.user_id = :user_id
    and totp_credentials.id = :totp_credential_id;
