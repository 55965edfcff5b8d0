-- Sets what all statements rely on: no operator of another schema than pg_catalog,
-- times in UTC, and a transaction that may wait for the writer between two batches.
-- Returns the schemas in which the login looks for tables.
select
    pg_catalog.current_schemas(false) as schemas,
    pg_catalog.set_config('search_path', 'pg_catalog', true) as search_path,
    pg_catalog.set_config('timezone', 'UTC', true) as timezone,
    pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true) as idle;
