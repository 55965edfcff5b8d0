-- sqlfluff:ignore:parsing
-- The statements at the end have an isolation level, which sqlfluff cannot parse.

-- name: get_by_id(tenant_id)^
-- The tenant with this id, whatever its status, or no row.
-- @row Tenant
select
    tenants.id,
    tenants.code,
    tenants.display_name,
    tenants.status,
    tenants.settings,
    tenants.tokens_valid_after,
    tenants.foreign_tokens_until,
    tenants.created_at,
    tenants.updated_at,
    tenants.row_version
from authority.tenants
where tenants.id = :tenant_id;

-- name: get_by_code(code)^
-- The tenant with this code, whatever its status, or no row.
-- @row Tenant
-- @plan cross_tenant -- The statement finds the tenant of a code, by a unique key.
-- @role authority_maintenance
select
    tenants.id, tenants.code, tenants.display_name, tenants.status, tenants.settings,
    tenants.tokens_valid_after, tenants.foreign_tokens_until, tenants.created_at,
    tenants.updated_at, tenants.row_version
from authority.tenants
where tenants.code = :code;

-- name: find(code)$
-- The id of the tenant with this code, whatever its status, or no value. A service
-- learns nothing else before it works for a tenant.
select authority.find_tenant(:code) as tenant_id;

-- name: enter(tenant_id, actor_json)$
-- The status of the tenant that the rest of the transaction works for. The actor is
-- recorded with its changes: authority.current_actor. Fails when the tenant is not
-- active (SQLSTATE TN001), when row-level security does not apply to the role (TN002),
-- or when the transaction of a service is not read committed (TN003).
-- @notnull status -- The function raises an error instead.
-- @param tenant_id notnull
select authority.enter_tenant(:tenant_id, :actor_json) as status;

-- name: list_after(after, page_size)
-- One tenant, in order of code, starting after the given code.
-- @row Tenant
-- @plan cross_tenant -- Operators list the tenants.
-- @role authority_maintenance
select
    tenants.id, tenants.code, tenants.display_name, tenants.status, tenants.settings,
    tenants.tokens_valid_after, tenants.foreign_tokens_until, tenants.created_at,
    tenants.updated_at, tenants.row_version
from authority.tenants
where tenants.code > :after
order by tenants.code
limit :page_size;

-- name: list_before(before, page_size)
-- One tenant, in descending order of code, starting before the given code.
-- @row Tenant
-- @plan cross_tenant -- Operators list the tenants.
-- @role authority_maintenance
select
    tenants.id, tenants.code, tenants.display_name, tenants.status, tenants.settings,
    tenants.tokens_valid_after, tenants.foreign_tokens_until, tenants.created_at,
    tenants.updated_at, tenants.row_version
from authority.tenants
where tenants.code < :before
order by tenants.code desc
limit :page_size;

-- name: create(code, display_name, status, settings)^
-- The new tenant, with the system roles and the standard scopes.
-- @row Tenant
-- @role authority_maintenance
with tenant as (
    insert into authority.tenants (code, display_name, status, settings)
    values (:code, :display_name, :status, :settings)
    returning
        tenants.id, tenants.code, tenants.display_name, tenants.status,
        tenants.settings, tenants.tokens_valid_after, tenants.foreign_tokens_until,
        tenants.created_at, tenants.updated_at, tenants.row_version
),

new_roles as (
    insert into authority.roles (tenant_id, name, description, is_system)
    select
        tenant.id,
        system_roles.name,
        system_roles.description,
        true as is_system
    from tenant
    cross join authority.system_roles
    returning roles.tenant_id, roles.id, roles.name
),

new_role_permissions as (
    insert into authority.role_permissions (tenant_id, role_id, permission)
    select
        new_roles.tenant_id,
        new_roles.id,
        granted.permission
    from new_roles
    inner join authority.system_roles on new_roles.name = system_roles.name
    cross join lateral unnest(system_roles.permissions) as granted (permission)
    returning true as is_granted
),

new_scopes as (
    insert into authority.scopes
    (tenant_id, name, display_name, description, is_system)
    select
        tenant.id,
        system_scopes.name,
        system_scopes.display_name,
        system_scopes.description,
        true as is_system
    from tenant
    cross join authority.system_scopes
    returning true as is_created
)

select
    tenant.id, tenant.code, tenant.display_name, tenant.status, tenant.settings,
    tenant.tokens_valid_after, tenant.foreign_tokens_until, tenant.created_at,
    tenant.updated_at, tenant.row_version
from tenant;

-- name: update(tenant_id, row_version, code, display_name, settings)^
-- The changed tenant, or no row when the tenant is not at this version.
-- @row Tenant
update authority.tenants
set
    code = :code,
    display_name = :display_name,
    settings = :settings,
    updated_at = authority.clock(),
    row_version = tenants.row_version + 1
where
    tenants.id = :tenant_id
    and tenants.row_version = :row_version
returning
    tenants.id, tenants.code, tenants.display_name, tenants.status, tenants.settings,
    tenants.tokens_valid_after, tenants.foreign_tokens_until, tenants.created_at,
    tenants.updated_at, tenants.row_version;

-- name: set_status(tenant_id, status, allowed_from)^
-- The tenant with its new status, or no row when its current status does not allow
-- the change.
-- @row Tenant
-- @role authority_maintenance
update authority.tenants
set
    status = :status,
    updated_at = authority.clock(),
    row_version = tenants.row_version + 1
where
    tenants.id = :tenant_id
    and tenants.status = any(:allowed_from)
returning
    tenants.id, tenants.code, tenants.display_name, tenants.status, tenants.settings,
    tenants.tokens_valid_after, tenants.foreign_tokens_until, tenants.created_at,
    tenants.updated_at, tenants.row_version;

-- name: revoke_tokens(tenant_id)^
-- The tenant with tokens_valid_after set to now. All users are signed out, and
-- every token that was issued before is dead, including those that a concurrent
-- rotation issues. The statement changes one row, however many tokens there are.
-- @row Tenant
-- @nullable tokens_valid_after
update authority.tenants
set
    tokens_valid_after = greatest(tenants.tokens_valid_after, authority.clock()),
    updated_at = authority.clock(),
    row_version = tenants.row_version + 1
where tenants.id = :tenant_id
returning
    tenants.id, tenants.code, tenants.display_name, tenants.status, tenants.settings,
    tenants.tokens_valid_after, tenants.foreign_tokens_until, tenants.created_at,
    tenants.updated_at, tenants.row_version;

-- name: accept_foreign_tokens(tenant_id, lifetime)^
-- The tenant, whose imported tokens are alive under the strings of the other store for
-- this time from now. A null lifetime ends it at once.
-- @row Tenant
-- @param lifetime nullable
-- @role authority_maintenance
update authority.tenants
set
    foreign_tokens_until = authority.clock() + :lifetime,
    updated_at = authority.clock(),
    row_version = tenants.row_version + 1
where tenants.id = :tenant_id
returning
    tenants.id, tenants.code, tenants.display_name, tenants.status, tenants.settings,
    tenants.tokens_valid_after, tenants.foreign_tokens_until, tenants.created_at,
    tenants.updated_at, tenants.row_version;

-- name: begin()#
-- Begins the transaction of a unit of work, at read committed whatever the
-- session's defaults are. The rules depend on locks, and on what a statement reads
-- after it has waited for one.
begin isolation level read committed, read write;

-- name: begin_on_standby()#
-- As begin, for a standby, which refuses `read write`.
begin isolation level read committed;

-- name: begin_read_only()#
-- As begin, for a unit of work that may use a standby or the primary.
begin isolation level read committed, read only;

-- name: begin_alone()#
-- As begin, for a call that makes a decision outside of any unit of work.
begin isolation level read committed, read write;
set local lock_timeout = 0;
set local row_security = on;
set local timezone = 'UTC';
set local array_nulls = on;

-- name: commit()#
-- Commits the transaction of a unit of work.
commit;
