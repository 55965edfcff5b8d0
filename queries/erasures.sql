-- name: erase_tenant(tenant_id, batch_size)^
-- The table from which one batch of the tenant's rows was deleted, and how many; a
-- null table when no row of the tenant is left. The tenant itself is the last row.
-- Fails unless the tenant is terminated (SQLSTATE TN004).
-- @row ErasedTenantRows
-- @param tenant_id notnull
-- @param batch_size notnull
-- @notnull erased -- The function returns a count.
-- @role authority_maintenance
select
    batch.table_name,
    batch.erased
from authority.erase_tenant(:tenant_id, :batch_size) as batch;

-- name: erase_user(tenant_id, user_id, other_names, feed_for, searches, batch_size)^
-- The table from which one batch of the rows that concern the user was erased, and how
-- many; a null table when none is left. The user's own row is the last one. traces,
-- when searches is true and that row was erased: where rows of others still name the
-- user, as an object of table.column to the number of rows.
-- @row ErasedUserRows
-- @param tenant_id notnull
-- @param user_id notnull
-- @param other_names notnull
-- @param feed_for notnull
-- @param searches notnull
-- @param batch_size notnull
-- @notnull erased -- The function returns a count.
-- @role authority_maintenance
select
    batch.table_name,
    batch.erased,
    batch.traces
from
    authority.erase_user(
        :tenant_id, :user_id, :other_names, :feed_for, :searches, :batch_size
    ) as batch;

-- name: find_user(tenant_id, username_key)$
-- The id of the user whose username has this key, or no value. An operator learns
-- nothing else of the user.
-- @param tenant_id notnull
-- @param username_key notnull
-- @role authority_maintenance
select authority.find_user(:tenant_id, :username_key) as user_id;
