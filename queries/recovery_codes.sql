-- name: replace(tenant_id, user_id, code_hashes)^
-- The outcome of a new set of codes: replaced, or user_inactive if the user does not
-- exist or is suspended. The codes of the old set are dead at once, and of several
-- concurrent sets the last one remains.
-- @row RecoveryCodeReplacement
with owned_by as (
    select users.id
    from authority.users
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
        and users.status <> 'suspended'
    for key share
),

codes as (
    insert into authority.recovery_codes (tenant_id, user_id, code_hashes)
    select
        :tenant_id,
        owned_by.id as user_id,
        :code_hashes
    from owned_by
    on conflict (tenant_id, user_id) do update
        set
            code_hashes = excluded.code_hashes,
            last_used_at = null,
            created_at = excluded.created_at
    returning recovery_codes.user_id
)

select
    case when codes.user_id is null then 'user_inactive' else 'replaced' end as outcome
from (values (:tenant_id::uuid)) as given (tenant_id)
left join codes on true;

-- name: use(tenant_id, user_id, code_hash)^
-- The outcome of a recovery code, and how many are left: accepted, or invalid. The code
-- is unknown or used, or the user is not active. The update removes the code and checks
-- its condition again after a wait: of any number of uses one is accepted.
-- @row RecoveryCodeUse
-- @when outcome = accepted -- remaining
with used as (
    update authority.recovery_codes
    set
        code_hashes = array_remove(recovery_codes.code_hashes, :code_hash),
        last_used_at = authority.clock()
    from authority.users
    cross join authority.active_tenants
    where
        recovery_codes.tenant_id = :tenant_id
        and recovery_codes.user_id = :user_id
        and :code_hash = any(recovery_codes.code_hashes)
        and users.tenant_id = :tenant_id
        and users.id = :user_id
        and users.status = 'active'
        and active_tenants.id = :tenant_id
    returning cardinality(recovery_codes.code_hashes) as remaining
)

select
    case when used.remaining is null then 'invalid' else 'accepted' end as outcome,
    used.remaining
from (values (:tenant_id::uuid)) as given (tenant_id)
left join used on true;

-- name: delete(tenant_id, user_id)!
-- Deletes the user's codes.
delete from authority.recovery_codes
where
    recovery_codes.tenant_id = :tenant_id
    and recovery_codes.user_id = :user_id;
