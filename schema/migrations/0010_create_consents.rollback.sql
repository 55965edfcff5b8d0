set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.merge_scopes(text[], text[]);
drop table if exists authority.consents;
