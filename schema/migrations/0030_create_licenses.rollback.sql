set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0030_create_licenses');
call authority.drop_tables('0030_create_licenses', 'license_seats', 'licenses');
