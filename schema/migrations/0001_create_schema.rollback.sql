-- The roles stay: they belong to the server, and people and services are members.
set local search_path = pg_catalog;
set local role authority_owner;
drop function if exists authority.clock();
drop function if exists authority.is_bounded_json(jsonb);
drop function if exists authority.is_scope_list(text[]);
drop function if exists authority.is_text_list(text[], bigint, bigint);
drop procedure if exists authority.let_operators_prune(regclass);
drop procedure if exists authority.isolate_tenants(regclass, name);
drop schema if exists authority;
