set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.await_seat(uuid, uuid, text);
drop view if exists authority.usable_licenses;
drop view if exists authority.license_states;
