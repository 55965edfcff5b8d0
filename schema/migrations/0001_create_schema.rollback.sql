-- The roles stay: they belong to the server, and people and services are members.
set local role authority_owner;
drop function if exists authority.clock();
drop procedure if exists authority.let_operators_prune(regclass);
drop procedure if exists authority.isolate_tenants(regclass, name);
drop schema if exists authority;
