-- name: enroll(tenant_id, user_id, challenge_hash, challenge_expires_at, credential_id, user_handle, public_key, sign_count, aaguid, transports, discoverable, backup_eligible, backed_up, uv_initialized, name)^
-- The outcome of a registration ceremony (WebAuthn level 3 section 7.1) whose
-- signatures the caller has verified: enrolled, or the reason why not. The challenge is
-- used up in the same statement.
--
-- - user_inactive: the user does not exist or is suspended. A pending user may enroll.
-- - challenge_used: an earlier registration or assertion came with the challenge, or it
--   has expired.
-- - credential_exists: a user of the tenant has a credential with this id.
-- @row WebauthnEnrollment
-- @when outcome = enrolled -- webauthn_credential_id, created_at
with enrolled_by as (
    select users.id
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
        and users.status <> 'suspended'
    for key share
),

challenge as (
    insert into authority.used_jtis (tenant_id, kind, issuer, jti_hash, expires_at)
    select
        :tenant_id,
        'webauthn_challenge' as kind,
        'webauthn' as issuer,
        :challenge_hash,
        :challenge_expires_at
    from enrolled_by
    where :challenge_expires_at > authority.clock()
    on conflict (tenant_id, kind, issuer, jti_hash) do update
        set
            expires_at = excluded.expires_at,
            created_at = excluded.created_at
        where used_jtis.expires_at <= excluded.created_at
    returning used_jtis.tenant_id
),

credential as (
    insert into authority.webauthn_credentials (
        tenant_id,
        user_id,
        credential_id,
        user_handle,
        public_key,
        sign_count,
        aaguid,
        transports,
        discoverable,
        backup_eligible,
        backed_up,
        uv_initialized,
        name
    )
    select
        challenge.tenant_id,
        enrolled_by.id as user_id,
        :credential_id,
        :user_handle,
        :public_key,
        :sign_count,
        :aaguid,
        :transports,
        :discoverable,
        :backup_eligible,
        :backed_up,
        :uv_initialized,
        :name
    from challenge
    cross join enrolled_by
    on conflict (tenant_id, credential_id) do nothing
    returning
        webauthn_credentials.id,
        webauthn_credentials.created_at
)

select
    case
        when enrolled_by.id is null then 'user_inactive'
        when challenge.tenant_id is null then 'challenge_used'
        when credential.id is null then 'credential_exists'
        else 'enrolled'
    end as outcome,
    credential.id as webauthn_credential_id,
    credential.created_at
from (values (:tenant_id::uuid)) as given (tenant_id)
left join enrolled_by on true
left join challenge on true
left join credential on true;

-- name: get_by_credential_id(tenant_id, credential_id)^
-- The credential that an assertion names, to verify its signature, or no row.
-- @row WebauthnCredential
select
    webauthn_credentials.tenant_id,
    webauthn_credentials.id,
    webauthn_credentials.user_id,
    webauthn_credentials.credential_id,
    webauthn_credentials.user_handle,
    webauthn_credentials.public_key,
    webauthn_credentials.sign_count,
    webauthn_credentials.aaguid,
    webauthn_credentials.transports,
    webauthn_credentials.discoverable,
    webauthn_credentials.backup_eligible,
    webauthn_credentials.backed_up,
    webauthn_credentials.uv_initialized,
    webauthn_credentials.name,
    webauthn_credentials.clone_suspected_at,
    webauthn_credentials.last_used_at,
    webauthn_credentials.created_at
from authority.webauthn_credentials
where
    webauthn_credentials.tenant_id = :tenant_id
    and webauthn_credentials.credential_id = :credential_id;

-- name: list_by_user(tenant_id, user_id)
-- One credential of the user, oldest first.
-- @row WebauthnCredential
select
    webauthn_credentials.tenant_id, webauthn_credentials.id,
    webauthn_credentials.user_id, webauthn_credentials.credential_id,
    webauthn_credentials.user_handle, webauthn_credentials.public_key,
    webauthn_credentials.sign_count, webauthn_credentials.aaguid,
    webauthn_credentials.transports, webauthn_credentials.discoverable,
    webauthn_credentials.backup_eligible, webauthn_credentials.backed_up,
    webauthn_credentials.uv_initialized, webauthn_credentials.name,
    webauthn_credentials.clone_suspected_at, webauthn_credentials.last_used_at,
    webauthn_credentials.created_at
from authority.webauthn_credentials
where
    webauthn_credentials.tenant_id = :tenant_id
    and webauthn_credentials.user_id = :user_id
order by webauthn_credentials.created_at, webauthn_credentials.id;

-- name: use(tenant_id, user_id, challenge_hash, challenge_expires_at, credential_id, user_handle, sign_count, backup_eligible, backed_up, initializes_uv)^
-- The outcome of an authentication ceremony (WebAuthn level 3 section 7.2) whose
-- signature the caller has verified, and the user who has signed in. The challenge is
-- used up in the same statement.
--
-- - accepted: the signature counter has grown, or the authenticator has none.
-- - clone_suspected: the counter has not grown. Either the authenticator or a
--   clone of it sent a higher one before. The row notes when.
-- - invalid: any other reason. The credential is unknown, or of another user or user
--   handle; the flag BE differs from the registered one; the user is not active; the
--   challenge was used or has expired.
--
-- With a null user_id, as when no name was typed, the user handle is required.
-- The statement locks the credential and judges it after the wait.
-- @row WebauthnUse
-- @when outcome = accepted, clone_suspected -- webauthn_credential_id, user_id,
--   username, uv_initialized
-- @param user_id -- the user who was identified before, or None
-- @param user_handle -- what the authenticator returned, or None
-- @param initializes_uv -- the authenticator verified the user, who has presented
--   another factor too
with credential as (
    select
        webauthn_credentials.id,
        webauthn_credentials.user_id,
        webauthn_credentials.user_handle,
        webauthn_credentials.sign_count,
        webauthn_credentials.backup_eligible,
        webauthn_credentials.uv_initialized,
        webauthn_credentials.clone_suspected_at
    from authority.webauthn_credentials
    where
        webauthn_credentials.tenant_id = :tenant_id
        and webauthn_credentials.credential_id = :credential_id
    for no key update
),

presented as (
    select
        credential.id,
        users.id as user_id,
        users.username,
        credential.uv_initialized or :initializes_uv as uv_initialized,
        credential.clone_suspected_at,
        case
            when
                :sign_count > credential.sign_count
                or (:sign_count = 0 and credential.sign_count = 0)
                then 'accepted'
            else 'clone_suspected'
        end as outcome
    from credential
    inner join authority.users
        on
            users.tenant_id = :tenant_id
            and credential.user_id = users.id
    inner join authority.active_tenants on active_tenants.id = :tenant_id
    where
        users.status = 'active'
        and (:user_id::uuid is not null or :user_handle::bytea is not null)
        and (:user_id::uuid is null or credential.user_id = :user_id)
        and (:user_handle::bytea is null or credential.user_handle = :user_handle)
        and credential.backup_eligible = :backup_eligible
        and :challenge_expires_at > authority.clock()
),

challenge as (
    insert into authority.used_jtis (tenant_id, kind, issuer, jti_hash, expires_at)
    select
        :tenant_id,
        'webauthn_challenge' as kind,
        'webauthn' as issuer,
        :challenge_hash,
        :challenge_expires_at
    from presented
    on conflict (tenant_id, kind, issuer, jti_hash) do update
        set
            expires_at = excluded.expires_at,
            created_at = excluded.created_at
        where used_jtis.expires_at <= excluded.created_at
    returning used_jtis.tenant_id
),

judged as (
    select
        presented.id,
        presented.user_id,
        presented.username,
        presented.uv_initialized,
        presented.clone_suspected_at,
        presented.outcome
    from presented
    cross join challenge
),

accepted as (
    update authority.webauthn_credentials
    set
        sign_count = :sign_count,
        backed_up = :backed_up,
        uv_initialized = judged.uv_initialized,
        last_used_at = authority.clock()
    from judged
    where
        webauthn_credentials.tenant_id = :tenant_id
        and webauthn_credentials.id = judged.id
        and judged.outcome = 'accepted'
),

suspected as (
    update authority.webauthn_credentials
    set clone_suspected_at = authority.clock()
    from judged
    where
        webauthn_credentials.tenant_id = :tenant_id
        and webauthn_credentials.id = judged.id
        and judged.outcome = 'clone_suspected'
)

select
    coalesce(judged.outcome, 'invalid') as outcome,
    judged.id as webauthn_credential_id,
    judged.user_id,
    judged.username,
    judged.uv_initialized,
    judged.clone_suspected_at
from (values (:tenant_id::uuid)) as given (tenant_id)
left join judged on true;

-- name: rename(tenant_id, user_id, webauthn_credential_id, name)!
-- Changes what the user calls the credential.
update authority.webauthn_credentials
set name = :name
where
    webauthn_credentials.tenant_id = :tenant_id
    and webauthn_credentials.user_id = :user_id
    and webauthn_credentials.id = :webauthn_credential_id;

-- name: delete(tenant_id, user_id, webauthn_credential_id)!
-- Deletes the credential of this user.
delete from authority.webauthn_credentials
where
    webauthn_credentials.tenant_id = :tenant_id
    and webauthn_credentials.user_id = :user_id
    and webauthn_credentials.id = :webauthn_credential_id;
