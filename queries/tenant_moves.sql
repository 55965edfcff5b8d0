-- name: hold(tenant_id)$
-- True when the tenant was active or on trial and is suspended now, without an entry of
-- the feed. False for any other tenant.
-- @param tenant_id notnull
-- @notnull is_held -- The function returns a boolean.
-- @role pg_database_owner
select authority.hold_tenant(:tenant_id) as is_held;

-- name: list_open_units(tenant_id)
-- A transaction of another session that has read or changed the tenants and goes on.
-- Fails when the tenant is active or on trial (SQLSTATE TN005).
-- @row OpenUnit
-- @param tenant_id notnull
-- @notnull unit -- The function returns texts.
-- @role pg_database_owner
select units.unit from authority.list_open_units(:tenant_id) as units (unit);

-- name: list_tables()
-- A table with rows of tenants, and its stored columns. It follows all tables that it
-- references.
-- @row MovedTable
-- @notnull name -- The function returns names of tables.
-- @notnull columns -- A table has columns.
-- @role pg_database_owner
select
    tables.name,
    tables.columns
from authority.list_moved_tables() as tables;

-- name: dump_rows(tenant_id, table_name, after, page_size)^
-- The next rows of the tenant in this table as lines of JSON arrays, hashes included,
-- in the order of the primary key, starting after the given key; how many; and the key
-- of the last one. No lines when there is no such row.
-- @row DumpedRows
-- @param tenant_id notnull
-- @param table_name notnull
-- @param page_size notnull
-- @notnull dumped -- The function returns a count.
-- @plan cursor after -- The function's statement has it as index condition.
-- @role pg_database_owner
select
    page.lines,
    page.dumped,
    page.last_key
from (values (true)) as calls (is_made) -- there is always one row
left join
    authority.dump_rows(:tenant_id, :table_name, :after, :page_size) as page
    on calls.is_made;

-- name: load_rows(tenant_id, table_name, columns, lines)$
-- The number of rows that were inserted into this table. The lines are those of
-- dump_rows.
-- @param tenant_id notnull
-- @param table_name notnull
-- @param columns notnull
-- @param lines notnull
-- @notnull loaded -- The function returns a count.
-- @role pg_database_owner
select authority.load_rows(:tenant_id, :table_name, :columns, :lines) as loaded;

-- name: advance_feed(tenant_id, entries)$
-- The newest number of the tenant's feed after it skipped this many.
-- @param tenant_id notnull
-- @param entries notnull
-- @notnull last_sequence -- The function returns a number.
-- @role pg_database_owner
select authority.advance_feed(:tenant_id, :entries) as last_sequence;

-- name: list_tenants(after, page_size)
-- One tenant, whatever its status, in order of code, starting after the given code.
-- @row MovedTenant
-- @plan cross_tenant -- The owner exports all tenants.
-- @role pg_database_owner
select
    tenants.id,
    tenants.code
from authority.tenants
where tenants.code > :after
order by tenants.code
limit :page_size;

-- name: export_entries(tenant_id, table_name, kind, after, page_size)^
-- The next rows of the tenant in this table as entries of this kind, hashes included,
-- in the order of the primary key, starting after the given key: lines of JSON, how
-- many, and the key of the last one. No lines when there is no such row.
-- @row ExportedEntries
-- @param tenant_id notnull
-- @param table_name notnull
-- @param kind notnull
-- @param page_size notnull
-- @notnull listed -- The function returns a count.
-- @plan cursor after -- The function's statement has it as index condition.
-- @role pg_database_owner
select
    page.lines,
    page.listed,
    page.last_key
from (values (true)) as calls (is_made) -- there is always one row
left join
    authority.export_entries(
        :tenant_id, :table_name, :kind, :after, :page_size
    ) as page
    on calls.is_made;

-- name: measure_rows(tenant_id, table_name)^
-- How many rows the tenant has in this table, and when the last of them expires.
-- @row MeasuredRows
-- @param tenant_id notnull
-- @param table_name notnull
-- @notnull counted -- The function returns a count.
-- @role pg_database_owner
select
    measured.counted,
    measured.expires_at
from (values (true)) as calls (is_made) -- there is always one row
left join authority.measure_rows(:tenant_id, :table_name) as measured
    on calls.is_made;
