-- name: get_by_id(tenant_id, scope_id)^
-- The scope with this id, or no row.
-- @row Scope
select
    scopes.tenant_id,
    scopes.id,
    scopes.name,
    scopes.display_name,
    scopes.display_names,
    scopes.description,
    scopes.descriptions,
    scopes.resources,
    scopes.properties,
    scopes.is_system,
    scopes.created_at,
    scopes.updated_at,
    scopes.row_version
from authority.scopes
where
    scopes.tenant_id = :tenant_id
    and scopes.id = :scope_id;

-- name: get_by_name(tenant_id, name)^
-- The scope with this name, or no row.
-- @row Scope
select
    scopes.tenant_id, scopes.id, scopes.name, scopes.display_name, scopes.display_names,
    scopes.description, scopes.descriptions, scopes.resources, scopes.properties,
    scopes.is_system, scopes.created_at, scopes.updated_at, scopes.row_version
from authority.scopes
where
    scopes.tenant_id = :tenant_id
    and scopes.name = :name;

-- name: list_after(tenant_id, after, page_size)
-- One scope, in order of name, starting after the given one.
-- @row Scope
select
    scopes.tenant_id, scopes.id, scopes.name, scopes.display_name, scopes.display_names,
    scopes.description, scopes.descriptions, scopes.resources, scopes.properties,
    scopes.is_system, scopes.created_at, scopes.updated_at, scopes.row_version
from authority.scopes
where
    scopes.tenant_id = :tenant_id
    and scopes.name > :after
order by scopes.name
limit :page_size;

-- name: list_before(tenant_id, before, page_size)
-- One scope, in descending order of name, starting before the given one.
-- @row Scope
select
    scopes.tenant_id, scopes.id, scopes.name, scopes.display_name, scopes.display_names,
    scopes.description, scopes.descriptions, scopes.resources, scopes.properties,
    scopes.is_system, scopes.created_at, scopes.updated_at, scopes.row_version
from authority.scopes
where
    scopes.tenant_id = :tenant_id
    and scopes.name < :before
order by scopes.name desc
limit :page_size;

-- name: create(tenant_id, name, display_name, display_names, description, descriptions, resources, properties)^
-- The new scope.
-- @row Scope
insert into authority.scopes (
    tenant_id,
    name,
    display_name,
    display_names,
    description,
    descriptions,
    resources,
    properties
)
values (
    :tenant_id,
    :name,
    :display_name,
    :display_names,
    :description,
    :descriptions,
    :resources,
    :properties
)
returning
    scopes.tenant_id, scopes.id, scopes.name, scopes.display_name, scopes.display_names,
    scopes.description, scopes.descriptions, scopes.resources, scopes.properties,
    scopes.is_system, scopes.created_at, scopes.updated_at, scopes.row_version;

-- name: update(tenant_id, scope_id, row_version, name, display_name, display_names, description, descriptions, resources, properties)^
-- The changed scope, or no row when the scope is not at this version or is a
-- system scope.
-- @row Scope
update authority.scopes
set
    name = :name,
    display_name = :display_name,
    display_names = :display_names,
    description = :description,
    descriptions = :descriptions,
    resources = :resources,
    properties = :properties,
    updated_at = authority.clock(),
    row_version = scopes.row_version + 1
where
    scopes.tenant_id = :tenant_id
    and scopes.id = :scope_id
    and scopes.row_version = :row_version
    and not scopes.is_system
returning
    scopes.tenant_id, scopes.id, scopes.name, scopes.display_name, scopes.display_names,
    scopes.description, scopes.descriptions, scopes.resources, scopes.properties,
    scopes.is_system, scopes.created_at, scopes.updated_at, scopes.row_version;

-- name: delete(tenant_id, scope_id)!
-- Deletes the scope, unless it is a system scope.
delete from authority.scopes
where
    scopes.tenant_id = :tenant_id
    and scopes.id = :scope_id
    and not scopes.is_system;

-- name: resolve(tenant_id, names)
-- One scope with one of these names, in order of name. A name that is not a scope
-- of the tenant has no row.
-- @row Scope
select
    scopes.tenant_id, scopes.id, scopes.name, scopes.display_name, scopes.display_names,
    scopes.description, scopes.descriptions, scopes.resources, scopes.properties,
    scopes.is_system, scopes.created_at, scopes.updated_at, scopes.row_version
from authority.scopes
where
    scopes.tenant_id = :tenant_id
    and scopes.name = any(:names)
order by scopes.name;
