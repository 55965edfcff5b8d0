set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0031_create_license_usage');
call authority.drop_tables(
    '0031_create_license_usage', 'license_usage_totals', 'license_usage'
);
