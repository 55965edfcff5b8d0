set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.find_migration_lock();
drop function if exists authority.watch_work(interval, bigint);
drop function if exists authority.watch_tenants();
