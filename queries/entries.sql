-- name: import_tenant(tenant_id, code, display_name, status, settings, tokens_valid_after, created_at, updated_at, is_complete)$
-- The id of the tenant with this code, which is created if there is none, with the
-- system roles and the standard scopes unless it is complete: its own follow. tenant_id
-- is the id of a new tenant.
-- @param tenant_id notnull
-- @param code notnull
-- @param display_name notnull
-- @param status notnull
-- @param settings notnull
-- @param is_complete notnull
-- @notnull id -- The function returns the id of the new or of the stored tenant.
-- @role pg_database_owner
select authority.import_tenant(
    :tenant_id,
    :code,
    :display_name,
    :status,
    :settings,
    :tokens_valid_after,
    coalesce(:created_at, authority.clock()),
    coalesce(:updated_at, :created_at, authority.clock()),
    :is_complete
) as id;

-- name: find_named(tenant_id, users, clients, roles, service_accounts)
-- The kind, the name and the id of a user with one of these subject_ids, a client with
-- one of these client_ids, a role of one of these names, or a service account with one
-- of these account_ids.
-- @row NamedRow
-- @param tenant_id notnull
-- @notnull kind -- The function returns a text.
-- @notnull name -- The function returns a text.
-- @notnull id -- The function returns an id.
-- @role pg_database_owner
select
    named.kind,
    named.name,
    named.id
from authority.find_named_rows(
    :tenant_id, :users, :clients, :roles, :service_accounts
) as named;

-- name: import_rows(tenant_id, table_name, columns, key, rows_json)$
-- The number of rows that were inserted into this table. A row whose key is stored
-- already is skipped. rows_json is an array of objects of these columns.
-- @param tenant_id notnull
-- @param table_name notnull
-- @param columns notnull
-- @param key notnull
-- @param rows_json notnull
-- @notnull imported -- The function returns a count.
-- @role pg_database_owner
select authority.import_rows(
    :tenant_id, :table_name, :columns, :key, :rows_json
) as imported;

-- name: import_license_usage(tenant_id, rows_json)$
-- As import_rows, for uses of licences. Each inserted use is added to the total of its
-- period.
-- @param tenant_id notnull
-- @param rows_json notnull
-- @notnull imported -- The function returns a count.
-- @role pg_database_owner
select authority.import_license_usage(:tenant_id, :rows_json) as imported;

-- name: find_others(tenant_id, table_name, key, fixed, rows_json)
-- The position, from 1, of a row whose key is that of a stored row with other values in
-- the fixed columns.
-- @row OtherRow
-- @param tenant_id notnull
-- @param table_name notnull
-- @param key notnull
-- @param fixed notnull
-- @param rows_json notnull
-- @notnull position -- The function returns positions.
-- @role pg_database_owner
select others.position
from authority.find_other_rows(
    :tenant_id, :table_name, :key, :fixed, :rows_json
) as others (position);

-- name: settle(tenant_id, table_name, rows_json)$
-- True when other rows changed: families last as long as their imported tokens, and the
-- feed goes on after its newest imported entry.
-- @param tenant_id notnull
-- @param table_name notnull
-- @param rows_json notnull
-- @notnull is_changed -- The function returns a boolean.
-- @role pg_database_owner
select authority.settle_import(:tenant_id, :table_name, :rows_json) as is_changed;

-- name: record(tenant_id, details)$
-- The id of the audit event that says that the login imports rows into the tenant.
-- @param tenant_id notnull
-- @param details notnull
-- @notnull event_id -- The function returns an id.
-- @role pg_database_owner
select authority.record_import(:tenant_id, :details) as event_id;
