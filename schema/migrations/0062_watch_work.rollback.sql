set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0062_watch_work');
drop function if exists authority.find_migration_lock();
drop function if exists authority.watch_work(interval, bigint);
drop function if exists authority.watch_tenants();
