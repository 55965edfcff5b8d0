set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0035_create_device_authorizations');
call authority.drop_tables(
    '0035_create_device_authorizations', 'device_authorizations'
);
