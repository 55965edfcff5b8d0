-- name: list_by_user(tenant_id, user_id)
-- One role that the user holds now, in order of name.
-- @row Role
select
    roles.tenant_id, roles.id, roles.name, roles.description, roles.is_system,
    roles.created_at, roles.updated_at, roles.row_version
from authority.user_roles
inner join authority.roles
    on
        user_roles.tenant_id = roles.tenant_id
        and user_roles.role_id = roles.id
where
    user_roles.tenant_id = :tenant_id
    and user_roles.user_id = :user_id
    and (user_roles.expires_at is null or user_roles.expires_at > authority.clock())
order by roles.name;

-- name: assign(tenant_id, user_id, role_id, granted_by, expires_at)^
-- The assignment; made again, it takes the new granter and expiry.
-- @row UserRole
insert into authority.user_roles (
    tenant_id,
    user_id,
    role_id,
    granted_by,
    expires_at
)
values (
    :tenant_id,
    :user_id,
    :role_id,
    :granted_by,
    :expires_at
)
on conflict (tenant_id, user_id, role_id) do update
    set
        granted_by = excluded.granted_by,
        expires_at = excluded.expires_at
returning
    user_roles.tenant_id,
    user_roles.user_id,
    user_roles.role_id,
    user_roles.granted_by,
    user_roles.expires_at,
    user_roles.created_at;

-- name: revoke(tenant_id, user_id, role_id)!
-- Ends the assignment.
delete from authority.user_roles
where
    user_roles.tenant_id = :tenant_id
    and user_roles.user_id = :user_id
    and user_roles.role_id = :role_id;

-- name: prune_expired(older_than, batch_size)!
-- Deletes assignments of roles, of all tenants, that ended longer ago than this. An
-- assignment that is made again meanwhile stays.
-- @plan cross_tenant -- Prunes for all tenants at once.
-- @plan seq_scan authority.user_roles -- Planned without its value, batch_size
--   is taken for a tenth of the rows. With it each row is looked up by primary key.
-- @role authority_maintenance
with doomed as (
    select
        candidates.tenant_id,
        candidates.user_id,
        candidates.role_id
    from authority.user_roles as candidates
    where candidates.expires_at < authority.clock() - :older_than::interval
    order by candidates.expires_at
    limit :batch_size
    for update skip locked
)

delete from authority.user_roles
using doomed
where
    user_roles.tenant_id = doomed.tenant_id
    and user_roles.user_id = doomed.user_id
    and user_roles.role_id = doomed.role_id;
