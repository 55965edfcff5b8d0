-- name: import_tenant(new_id, code, display_name, status, settings, tokens_valid_after, created_at, updated_at, foreign_tokens_until, is_complete)$
-- The id of the tenant with this code, which is created if there is none, with the
-- system roles and the standard scopes unless it is complete: its own follow. new_id is
-- the id of a new tenant.
-- @param new_id notnull
-- @param code notnull
-- @param display_name notnull
-- @param status notnull
-- @param settings notnull
-- @param is_complete notnull
-- @notnull id -- The function returns the id of the new or of the stored tenant.
-- @role pg_database_owner
select authority.import_tenant(
    :new_id,
    :code,
    :display_name,
    :status,
    :settings,
    :tokens_valid_after,
    :created_at,
    :updated_at,
    :foreign_tokens_until,
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

-- name: import_rows(tenant_id, table_name, columns, key_columns, rows_json)$
-- The number of rows that were inserted into this table. A row whose key is stored
-- already is skipped. rows_json is an array of objects of these columns.
-- @param tenant_id notnull
-- @param table_name notnull
-- @param columns notnull
-- @param key_columns notnull
-- @param rows_json notnull
-- @notnull imported -- The function returns a count.
-- @role pg_database_owner
select authority.import_rows(
    :tenant_id, :table_name, :columns, :key_columns, :rows_json
) as imported;

-- name: import_license_usage(tenant_id, rows_json)$
-- As import_rows, for uses of licences. Each inserted use is added to the total of its
-- period.
-- @param tenant_id notnull
-- @param rows_json notnull
-- @notnull imported -- The function returns a count.
-- @role pg_database_owner
select authority.import_license_usage(:tenant_id, :rows_json) as imported;

-- name: find_others(tenant_id, table_name, key_columns, fixed, rows_json)
-- The position, from 1, of a row whose key is that of a stored row with other values in
-- the fixed columns.
-- @row OtherRow
-- @param tenant_id notnull
-- @param table_name notnull
-- @param key_columns notnull
-- @param fixed notnull
-- @param rows_json notnull
-- @notnull position -- The function returns positions.
-- @role pg_database_owner
select others.position
from authority.find_other_rows(
    :tenant_id, :table_name, :key_columns, :fixed, :rows_json
) as others (position);

-- name: update_rows(tenant_id, table_name, columns, key_columns, fixed, rows_json)
-- The place, from 1, of a row that is stored and differs from the given one, and
-- whether it was updated: not if it changed here later. What has ended is not revived.
-- @row UpdatedRow
-- @param tenant_id notnull
-- @param table_name notnull
-- @param columns notnull
-- @param key_columns notnull
-- @param fixed notnull
-- @param rows_json notnull
-- @notnull place -- The function returns places.
-- @notnull is_updated -- The function returns a boolean.
-- @role pg_database_owner
select
    updated.place,
    updated.is_updated
from authority.update_rows(
    :tenant_id, :table_name, :columns, :key_columns, :fixed, :rows_json
) as updated;

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
