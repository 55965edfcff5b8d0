-- name: get_by_id(tenant_id, role_id)^
-- The role with this id, or no row.
-- @row Role
select
    roles.tenant_id,
    roles.id,
    roles.name,
    roles.description,
    roles.is_system,
    roles.created_at,
    roles.updated_at,
    roles.row_version
from authority.roles
where
    roles.tenant_id = :tenant_id
    and roles.id = :role_id;

-- name: get_by_name(tenant_id, name)^
-- The role with this name, or no row.
-- @row Role
select
    roles.tenant_id, roles.id, roles.name, roles.description, roles.is_system,
    roles.created_at, roles.updated_at, roles.row_version
from authority.roles
where
    roles.tenant_id = :tenant_id
    and roles.name = :name;

-- name: list_after(tenant_id, after, page_size)
-- One role of the tenant, in order of name, starting after the given one.
-- @row Role
select
    roles.tenant_id, roles.id, roles.name, roles.description, roles.is_system,
    roles.created_at, roles.updated_at, roles.row_version
from authority.roles
where
    roles.tenant_id = :tenant_id
    and roles.name > :after
order by roles.name
limit :page_size;

-- name: list_before(tenant_id, before, page_size)
-- One role of the tenant, in descending order of name, starting before the given one.
-- @row Role
select
    roles.tenant_id, roles.id, roles.name, roles.description, roles.is_system,
    roles.created_at, roles.updated_at, roles.row_version
from authority.roles
where
    roles.tenant_id = :tenant_id
    and roles.name < :before
order by roles.name desc
limit :page_size;

-- name: create(tenant_id, name, description, permissions)^
-- The new role, which allows these permissions.
-- @row Role
with role as (
    insert into authority.roles (tenant_id, name, description)
    values (:tenant_id, :name, :description)
    returning
        roles.tenant_id, roles.id, roles.name, roles.description, roles.is_system,
        roles.created_at, roles.updated_at, roles.row_version
),

granted as (
    insert into authority.role_permissions (tenant_id, role_id, permission)
    select distinct
        role.tenant_id,
        role.id,
        wanted.permission
    from role
    cross join unnest(:permissions::text[]) as wanted (permission)
    returning true as is_granted
)

select
    role.tenant_id, role.id, role.name, role.description, role.is_system,
    role.created_at, role.updated_at, role.row_version
from role;

-- name: update(tenant_id, role_id, row_version, name, description, permissions)^
-- The changed role, which now allows exactly these permissions, or no row when the
-- role is not at this version or is a system role.
-- @row Role
with role as (
    update authority.roles
    set
        name = :name,
        description = :description,
        updated_at = authority.clock(),
        row_version = roles.row_version + 1
    where
        roles.tenant_id = :tenant_id
        and roles.id = :role_id
        and roles.row_version = :row_version
        and not roles.is_system
    returning
        roles.tenant_id, roles.id, roles.name, roles.description, roles.is_system,
        roles.created_at, roles.updated_at, roles.row_version
),

withdrawn as (
    delete from authority.role_permissions
    using role
    where
        role_permissions.tenant_id = :tenant_id
        and role_permissions.role_id = role.id
        and role_permissions.permission <> all(:permissions::text[])
),

granted as (
    insert into authority.role_permissions (tenant_id, role_id, permission)
    select
        role.tenant_id,
        role.id,
        wanted.permission
    from role
    cross join unnest(:permissions::text[]) as wanted (permission)
    on conflict (tenant_id, role_id, permission) do nothing
    returning true as is_granted
)

select
    role.tenant_id, role.id, role.name, role.description, role.is_system,
    role.created_at, role.updated_at, role.row_version
from role;

-- name: delete(tenant_id, role_id)!
-- Deletes the role with its assignments that have ended, unless it is a system
-- role. Fails while the role is assigned.
with over as (
    delete from authority.user_roles
    using authority.roles
    where
        user_roles.tenant_id = :tenant_id
        and user_roles.role_id = :role_id
        and user_roles.expires_at <= authority.clock()
        and roles.tenant_id = user_roles.tenant_id
        and roles.id = user_roles.role_id
        and not roles.is_system
)

delete from authority.roles
where
    roles.tenant_id = :tenant_id
    and roles.id = :role_id
    and not roles.is_system;

-- name: list_permissions(tenant_id, role_id, after, page_size)
-- One permission that the role allows, in order of name, starting after the given one.
-- @row Permission
select
    permissions.name,
    permissions.description
from (
    select role_permissions.permission
    from authority.role_permissions
    where
        role_permissions.tenant_id = :tenant_id
        and role_permissions.role_id = :role_id
        and role_permissions.permission > :after
    order by role_permissions.permission
    limit :page_size
) as allowed
-- Its limit makes PostgreSQL look up one permission after another.
cross join
    lateral (
        select
            permissions.name,
            permissions.description
        from authority.permissions
        where permissions.name = allowed.permission
        order by permissions.name
        limit 1
    ) as permissions
order by allowed.permission;

-- name: list_user_permissions(tenant_id, user_id, after, page_size)
-- One permission that an active user has through the roles that it holds now, in
-- order of name, starting after the given one. Reads at most page_size permissions of
-- each role.
-- @row Permission
select
    permissions.name, permissions.description
from (
    select distinct allowed.permission
    from authority.users
    inner join authority.user_roles
        on
            users.tenant_id = user_roles.tenant_id
            and users.id = user_roles.user_id
    cross join
        lateral (
            select role_permissions.permission
            from authority.role_permissions
            where
                role_permissions.tenant_id = :tenant_id
                and role_permissions.role_id = user_roles.role_id
                and role_permissions.permission > :after
            order by role_permissions.permission
            limit :page_size
        ) as allowed
    where
        users.tenant_id = :tenant_id
        and users.id = :user_id
        and users.status = 'active'
        and (
            user_roles.expires_at is null
            or user_roles.expires_at > authority.clock()
        )
    order by allowed.permission
    limit :page_size
) as held
-- Its limit makes PostgreSQL look up one permission after another.
cross join
    lateral (
        select
            permissions.name,
            permissions.description
        from authority.permissions
        where permissions.name = held.permission
        order by permissions.name
        limit 1
    ) as permissions
order by held.permission;
