set local search_path = pg_catalog;
set local role pg_database_owner;
drop function if exists authority.erase_user(
    uuid, uuid, text[], interval, boolean, bigint
);
drop function if exists authority.redact_events_of_user(uuid, uuid);
drop function if exists authority.end_sign_ins(uuid, uuid, interval);
