set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0057_erase_users');
drop function if exists authority.erase_user(
    uuid, uuid, text[], interval, boolean, bigint
);
drop function if exists authority.redact_events_of_user(uuid, uuid);
drop function if exists authority.end_sign_ins(uuid, uuid, interval);
