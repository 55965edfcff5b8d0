set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0004_isolate_tenants');
drop procedure if exists authority.let_operators_prune(regclass);
drop procedure if exists authority.isolate_tenants(regclass, name);
drop function if exists authority.clock();
