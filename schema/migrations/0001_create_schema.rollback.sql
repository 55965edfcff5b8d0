-- Keeps the roles: they belong to the server, and people and services are members.
set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
drop schema if exists authority;
