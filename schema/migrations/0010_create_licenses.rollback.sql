set local search_path = pg_catalog;
set local role authority_owner;
drop function if exists authority.await_seat(uuid, uuid, text);
drop view if exists authority.usable_licenses;
drop view if exists authority.license_states;
drop table if exists authority.license_usage_totals;
drop table if exists authority.license_usage;
drop table if exists authority.license_seats;
drop table if exists authority.licenses;
