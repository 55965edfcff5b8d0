set local search_path = pg_catalog;
set local role pg_database_owner;
drop view if exists authority.signing_key_states;
drop table if exists authority.signing_keys;
