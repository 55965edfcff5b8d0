set local search_path = pg_catalog;
set local lock_timeout = '2s';
set local statement_timeout = '60s';
set local role pg_database_owner;
call authority.guard_rollback('0029_reserve_login_attempts');
drop function if exists authority.reserve_login_attempt(
    uuid, text, inet, text, bigint, bigint, bigint, bigint, interval
);
