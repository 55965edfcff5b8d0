-- sqlfluff:ignore:parsing
-- The first statement has an isolation level, which sqlfluff cannot parse.

-- name: begin()#
-- Begins the transaction of an export, in which all statements see the same rows.
begin isolation level repeatable read, read only;

-- name: find_user(tenant_id, username_key)$
-- The id of the user whose username has this key, or no value.
-- @param tenant_id notnull
-- @param username_key notnull
-- @role authority_reader
select authority.find_user(:tenant_id, :username_key) as user_id;

-- name: list_tables(is_of_user)
-- A table that an export of a user or of a tenant reads. It follows all tables that it
-- references.
-- @row ExportedTable
-- @param is_of_user notnull
-- @notnull name -- The function returns names of tables.
-- @role authority_reader
select tables.name
from authority.list_exported_tables(:is_of_user) as tables (name);

-- name: list_rows(tenant_id, user_id, other_names, table_name, after, page_size)
-- One row of this table as an object of its columns, without hashes, in the order of
-- the primary key, starting after the given key. With a user_id, only a row that
-- concerns the user.
-- @row ExportedRow
-- @param tenant_id notnull
-- @param other_names notnull
-- @param table_name notnull
-- @param page_size notnull
-- @notnull key -- The function returns an object for each row.
-- @notnull exported -- The function returns an object for each row.
-- @plan cursor after -- The function's statement has it as index condition.
-- @role authority_reader
select
    listed.key,
    listed.exported
from
    authority.export_rows(
        :tenant_id, :user_id, :other_names, :table_name, :after, :page_size
    ) as listed;
