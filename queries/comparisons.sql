-- name: read_rows(tenant_id, table_name, key_columns, row_keys)
-- A row of the tenant with one of these keys, with hashes, and the number of the key.
-- A key is an array of texts. Keys and rows have the names of users, clients, roles and
-- service accounts instead of their ids.
-- @row ReadRow
-- @param tenant_id notnull
-- @param table_name notnull
-- @param key_columns notnull
-- @param row_keys notnull
-- @notnull number -- The function returns numbers.
-- @notnull found -- The function returns rows.
-- @role pg_database_owner
select
    rows.number,
    rows.found
from authority.read_rows(:tenant_id, :table_name, :key_columns, :row_keys) as rows;

-- name: list_row_keys(tenant_id, table_name, key_columns, after, page_size)^
-- The keys of the next rows of the tenant in this table, in the order of the primary
-- key, starting after the given one; how many; and the primary key of the last one. No
-- keys when there is no such row.
-- @row ListedKeys
-- @param tenant_id notnull
-- @param table_name notnull
-- @param key_columns notnull
-- @param page_size notnull
-- @notnull listed -- The function returns a count.
-- @plan cursor after -- The function's statement has it as index condition.
-- @role pg_database_owner
select
    page.keys,
    page.listed,
    page.last_key
from (values (true)) as calls (is_made) -- there is always one row
left join
    authority.list_row_keys(
        :tenant_id, :table_name, :key_columns, :after, :page_size
    ) as page
    on calls.is_made;
