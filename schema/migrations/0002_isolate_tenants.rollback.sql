set local search_path = pg_catalog;
set local role pg_database_owner;
drop procedure if exists authority.let_operators_prune(regclass);
drop procedure if exists authority.isolate_tenants(regclass, name);
drop function if exists authority.clock();
